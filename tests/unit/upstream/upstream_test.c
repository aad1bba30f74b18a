/* tests/unit/upstream/upstream_test.c - from a name to a connected socket, or to the reason why
 * not. */
#include "upstream_fixture.h"

#include <stdio.h>

static void connects_to_the_address_of_the_name(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    char byte = 'x';
    assert_int_equal(send(fixture->request.server->descriptor, &byte, 1, 0), 1);
    int accepted =
        accept(fixture->listener, NULL, NULL); /* its acknowledgement came with the byte */
    assert_true(accepted >= 0);
    assert_int_equal(await_bytes(&fixture->loop, accepted, &byte, 1), 1);
    close(accepted);
}

static void goes_on_to_the_next_address(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "10.0.0.1");  /* refused */
    fake_dns_add(&fixture->dns, "127.0.0.9"); /* nobody listens */
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
}

/* A listener whose backlog is full drops every SYN: the attempt neither succeeds nor fails. */
struct silent_server {
    int listener, fillers[2];
};

static void start_silent(struct silent_server *server, const char *address, uint16_t port)
{
    char where[32];
    snprintf(where, sizeof(where), "%s:%u", address, port);
    server->listener = bound_socket(SOCK_STREAM, where);
    assert_int_equal(listen(server->listener, 0), 0);
    for (size_t i = 0; i < COUNT(server->fillers); i++) {
        server->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect_socket(server->fillers[i], address, port);
    }
}

static void stop_silent(struct silent_server *server)
{
    for (size_t i = 0; i < COUNT(server->fillers); i++)
        close(server->fillers[i]);
    close(server->listener);
}

/* The rank that `address` has by now. */
static enum address_rank rank_of(struct fixture *fixture, const char *address)
{
    struct endpoint endpoint = { .port = fixture->port };
    assert_true(ip_address_parse(address, &endpoint.address));
    return address_memory_rank(fixture->upstream.memory, &endpoint);
}

static void leaves_an_address_that_is_silent(void **state)
{
    struct fixture *fixture = *state;
    struct silent_server silent;
    start_silent(&silent, "127.0.0.2", fixture->port);
    fake_dns_add(&fixture->dns, "127.0.0.2");
    fake_dns_add(&fixture->dns, "127.0.0.1");
    int64_t started_ms = clock_monotonic_ms();
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    print_message("the second address was reached after %d ms\n",
                  (int)(clock_monotonic_ms() - started_ms));
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    assert_int_equal(rank_of(fixture, "127.0.0.2"), ADDRESS_RANK_BAD);
    assert_int_equal(rank_of(fixture, "127.0.0.1"), ADDRESS_RANK_GOOD);
    stop_silent(&silent);
}

/* Four attempts at a time: the fifth address waits until one has taken its time. */
static void reaches_an_address_behind_many_silent_ones(void **state)
{
    static const char *const addresses[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5" };
    struct fixture *fixture = *state;
    struct silent_server silent[COUNT(addresses)];
    for (size_t i = 0; i < COUNT(addresses); i++) {
        start_silent(&silent[i], addresses[i], fixture->port);
        fake_dns_add(&fixture->dns, addresses[i]);
    }
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    for (size_t i = 0; i < COUNT(addresses); i++)
        stop_silent(&silent[i]);
}

static void address_that_failed_comes_last(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint failed = { .port = fixture->port };
    fake_dns_add(&fixture->dns, "127.0.0.9");
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_true(ip_address_parse("127.0.0.9", &failed.address));
    address_memory_note_failed(fixture->upstream.memory, &failed);
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    for (uint32_t i = 0; i < fixture->request.candidate_count; i++)
        assert_int_equal(fixture->request.candidates[i].is_tried,
                         fixture->request.candidates[i].address.bytes[3] == 1);
}

static void next_address_after_a_server_that_failed(void **state)
{
    struct fixture *fixture = *state;
    char where[32];
    snprintf(where, sizeof(where), "127.0.0.2:%u", fixture->port);
    int second = bound_socket(SOCK_STREAM, where);
    fake_dns_add(&fixture->dns, "127.0.0.1");
    fake_dns_add(&fixture->dns, "127.0.0.2");
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    assert_ptr_equal(upstream_request_of_server(fixture->request.server), &fixture->request);

    fixture->connected = NOT_DONE;
    upstream_connect_next(&fixture->request, true, note_connected);
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.2", ADDRESS_FIT);
    assert_int_equal(rank_of(fixture, "127.0.0.1"), ADDRESS_RANK_BAD);

    fixture->connected = NOT_DONE;
    upstream_connect_next(&fixture->request, true, note_connected);
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_CONNECT_FAILED);
    assert_null(fixture->request.server);
    close(second);
}

static void silent_family_does_not_keep_the_other_waiting(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.silent_family = 6;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    int64_t started_ms = clock_monotonic_ms();
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    print_message("reached by IPv4 after %d ms\n", (int)(clock_monotonic_ms() - started_ms));
    assert_int_equal(fixture->request.lookup.pending, 1);
}

static void note_answer(struct name_lookup *lookup, const struct name_answer *answer)
{
    (void)lookup, (void)answer;
}

/* Has the cache know api.example.com, by an answer that has expired. */
static void fill_cache(struct fixture *fixture)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    struct name_lookup lookup;
    struct host_name name;
    assert_int_equal(host_name_parse(BYTES("api.example.com"), &name), HOST_NAME_OK);
    name_cache_look_up(fixture->upstream.names, &name, &lookup, note_answer);
    while (lookup.pending > 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    ahead_ms += 61 * 1000;
}

/* The DNS says nothing; its silence is not waited for to the end, when the query fails. */
static void silent_dns_is_bridged(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    fill_cache(fixture);
    fixture->dns.rcode = FAKE_DNS_SILENT;
    int64_t started_ms = clock_monotonic_ms();
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    print_message("stale addresses after %d ms\n", (int)(clock_monotonic_ms() - started_ms));
    assert_true(fixture->request.is_stale);
    assert_int_equal(name_cache_count(fixture->upstream.names, NAME_CACHE_FAILURES), 0);
}

/* Nothing of IPv4 is fit; the answer for IPv6 comes while connecting, and is waited for. */
static void late_family_is_tried(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.silent_family = 6;
    fake_dns_add(&fixture->dns, "10.0.0.1");
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    assert_int_equal(fixture->connected, NOT_DONE);
    fixture->dns.silent_family = 0; /* c-ares asks again */
    fake_dns_add(&fixture->dns, "fd00::1");
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_ADDRESS_REFUSED);
    expect_endpoint(fixture, "fd00::1", ADDRESS_UNIQUE_LOCAL);
}

static void refuses_where_no_address_is_fit(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "10.0.0.1");
    fake_dns_add(&fixture->dns, "fd00::1");
    fake_dns_add(&fixture->dns, "169.254.169.254");
    assert_int_equal(reach(fixture), REASON_UPSTREAM_ADDRESS_REFUSED);
    expect_endpoint(fixture, "169.254.169.254", ADDRESS_LINK_LOCAL);
    assert_null(fixture->request.server);
}

static void fails_where_nobody_listens(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.9");
    fake_dns_add(&fixture->dns, "10.0.0.1");
    assert_int_equal(reach(fixture), REASON_UPSTREAM_CONNECT_FAILED);
    expect_endpoint(fixture, "127.0.0.9", ADDRESS_FIT);
}

static void refuses_pinholes_own_socket(void **state)
{
    struct fixture *fixture = *state;
    struct endpoint own = socket_endpoint(fixture->listener);
    fixture->upstream.own = &own;
    fixture->upstream.own_count = 1;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(reach(fixture), REASON_UPSTREAM_ADDRESS_REFUSED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_OWN_SOCKET);
    assert_int_equal(accept(fixture->listener, NULL, NULL), -1);
}

static void settings_are_those_of_the_moment_of_dialling(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    policy_feed_publish(&fixture->feed, make_policy("10.0.0.0/8"));
    upstream_connect(&fixture->request, fixture->port, note_connected);
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_ADDRESS_REFUSED);
    assert_int_equal(accept(fixture->listener, NULL, NULL), -1);
}

static void tells_that_the_name_does_not_exist(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_NXDOMAIN;
    assert_int_equal(look_up(fixture), REASON_UPSTREAM_NOT_FOUND);
}

static void tells_that_the_name_has_no_address(void **state)
{
    assert_int_equal(look_up(*state), REASON_UPSTREAM_NOT_FOUND);
}

static void tells_that_the_dns_failed(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_SERVFAIL;
    assert_int_equal(look_up(fixture), REASON_UPSTREAM_DNS_FAILED);
}

static void cancelled_lookup_is_silent(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    start_lookup(fixture);
    while (fixture->dns.question_count == 0)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    upstream_request_cancel(&fixture->request);
    while (fixture->dns.question_count < 2)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->looked_up, NOT_DONE);
}

static void cancelled_connect_is_silent(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    upstream_request_cancel(&fixture->request);
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->connected, NOT_DONE);
    assert_null(fixture->request.server);
}

/* Without a look-up, to an address that no setting opens. */
static void address_of_a_rule_is_taken(void **state)
{
    struct fixture *fixture = *state;
    struct ip_address address;
    policy_feed_publish(&fixture->feed, make_policy(""));
    assert_true(ip_address_parse("127.0.0.1", &address));
    upstream_take_address(&fixture->request, &address, note_looked_up);
    assert_int_equal(fixture->looked_up, REASON_ALLOWED);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    assert_int_equal(fixture->dns.question_count, 0);
}

static void address_of_a_rule_may_be_no_metadata_service(void **state)
{
    struct fixture *fixture = *state;
    struct ip_address address;
    assert_true(ip_address_parse("169.254.169.254", &address));
    upstream_take_address(&fixture->request, &address, note_looked_up);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_ADDRESS_REFUSED);
    expect_endpoint(fixture, "169.254.169.254", ADDRESS_LINK_LOCAL);
}

/* It is the only one: when its server fails, nothing else is tried. */
static void address_of_a_rule_has_no_next(void **state)
{
    struct fixture *fixture = *state;
    struct ip_address address;
    assert_true(ip_address_parse("127.0.0.1", &address));
    upstream_take_address(&fixture->request, &address, note_looked_up);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    await(fixture, &fixture->connected);
    assert_non_null(fixture->request.server);
    fixture->connected = NOT_DONE;
    upstream_connect_next(&fixture->request, true, note_connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_CONNECT_FAILED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connects_to_the_address_of_the_name),
        TEST(goes_on_to_the_next_address),
        TEST(leaves_an_address_that_is_silent),
        TEST(reaches_an_address_behind_many_silent_ones),
        TEST(address_that_failed_comes_last),
        TEST(next_address_after_a_server_that_failed),
        TEST(silent_family_does_not_keep_the_other_waiting),
        TEST(late_family_is_tried),
        TEST(silent_dns_is_bridged),
        TEST(refuses_where_no_address_is_fit),
        TEST(fails_where_nobody_listens),
        TEST(refuses_pinholes_own_socket),
        TEST(settings_are_those_of_the_moment_of_dialling),
        TEST(tells_that_the_name_does_not_exist),
        TEST(tells_that_the_name_has_no_address),
        TEST(tells_that_the_dns_failed),
        TEST(address_of_a_rule_is_taken),
        TEST(address_of_a_rule_may_be_no_metadata_service),
        TEST(address_of_a_rule_has_no_next),
        TEST(cancelled_lookup_is_silent),
        TEST(cancelled_connect_is_silent),
    };
    return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
