/* tests/unit/resolver/udp_server_test.c - queries over real sockets on loopback. */
#include "resolver/udp_server.h"

#include "dns_messages.h"
#include "loop_sockets.h"

struct fixture {
    uv_loop_t loop;
    struct test_resolver test;
    struct udp_server *server;
    int descriptor; /* the server's */
    uint16_t port;
    int client;
};

static void serve(struct fixture *fixture, int descriptor)
{
    struct settings settings = settings_default();
    int error = 0;
    test_resolver_init(&fixture->test, "allow api.example.com", &settings);
    test_resolver_gate(&fixture->test, "192.0.2.1");
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->descriptor = descriptor;
    fixture->port = socket_endpoint(descriptor).port;
    fixture->server = udp_server_new(&fixture->loop, descriptor, &fixture->test.resolver, &error);
    assert_non_null(fixture->server);
}

static void fixture_init(struct fixture *fixture, const char *server_at, const char *client_at)
{
    serve(fixture, bound_socket(SOCK_DGRAM, server_at));
    fixture->client = bound_socket(SOCK_DGRAM, client_at);
}

static void fixture_release(struct fixture *fixture)
{
    udp_server_free(fixture->server);
    finish_loop(&fixture->loop);
    test_resolver_release(&fixture->test);
    close(fixture->client);
}

static uint64_t counted(const struct fixture *fixture, enum resolver_counter counter)
{
    return resolver_counter_read(&fixture->test.resolver, counter);
}

static void send_query(int client, uint16_t id)
{
    uint8_t query[TEST_QUERY_MAX];
    size_t size = make_query("api.example.com", DNS_TYPE_A, true, query);
    store_uint(query, id, 2);
    assert_int_equal(send(client, query, size, 0), size);
}

static uint16_t await_answer(struct fixture *fixture)
{
    uint8_t answer[TEST_QUERY_MAX];
    ssize_t size = await_bytes(&fixture->loop, fixture->client, answer, sizeof(answer));
    assert_int_equal(size, DNS_HEADER_BYTES + 21 + 16 + 11);
    return (uint16_t)(answer[0] << 8 | answer[1]);
}

static const struct row {
    const char *name;
    const char *server_at;
    const char *client_at;
    const char *ask_at;
} rows[] = {
    { "IPv4", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1" },
    { "IPv6", "[::1]:0", "[::1]:0", "::1" },
    { "IPv4 wildcard, asked at an address of its own", "0.0.0.0:0", "127.0.0.1:0", "127.0.0.53" },
    { "IPv6 wildcard", "[::]:0", "[::1]:0", "::1" },
    { "IPv6 wildcard, asked over IPv4", "[::]:0", "127.0.0.1:0", "127.0.0.54" },
};

/* The client's socket is connected, so it hears only what leaves from the very address it asked. */
static void answers_from_the_address_asked(void **state)
{
    const struct row *row = *state;
    struct fixture fixture;
    fixture_init(&fixture, row->server_at, row->client_at);
    connect_socket(fixture.client, row->ask_at, fixture.port);
    for (uint16_t id = 1; id <= 3; id++) { /* thrice, so that a slot is used again */
        send_query(fixture.client, id);
        assert_int_equal(await_answer(&fixture), id);
    }
    assert_int_equal(counted(&fixture, RESOLVER_ADDRESSES), 3);
    fixture_release(&fixture);
}

static void answers_more_than_a_batch(void **state)
{
    (void)state;
    enum { QUERIES = 150 };
    struct fixture fixture;
    bool answered[QUERIES] = { false };
    fixture_init(&fixture, "127.0.0.1:0", "127.0.0.1:0");
    connect_socket(fixture.client, "127.0.0.1", fixture.port);
    for (uint16_t id = 0; id < QUERIES; id++)
        send_query(fixture.client, id);
    for (int i = 0; i < QUERIES; i++) {
        uint16_t id = await_answer(&fixture);
        assert_true(id < QUERIES && !answered[id]);
        answered[id] = true;
    }
    send_query(fixture.client, QUERIES); /* it listens on */
    assert_int_equal(await_answer(&fixture), QUERIES);
    assert_int_equal(counted(&fixture, RESOLVER_QUERIES_UDP), QUERIES + 1);
    assert_int_equal(counted(&fixture, RESOLVER_ANSWERS_DROPPED), 0);
    fixture_release(&fixture);
}

/* Messages that deserve no answer stand between those that do. */
static void answers_go_to_their_askers(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, "127.0.0.1:0", "127.0.0.1:0");
    int other = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    connect_socket(fixture.client, "127.0.0.1", fixture.port);
    connect_socket(other, "127.0.0.1", fixture.port);
    assert_int_equal(send(other, "short", 5, 0), 5);
    send_query(fixture.client, 7);
    assert_int_equal(send(other, "", 0, 0), 0);
    send_query(fixture.client, 8);
    assert_int_equal(await_answer(&fixture), 7);
    assert_int_equal(await_answer(&fixture), 8);
    uint8_t byte;
    assert_int_equal(recv(other, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(counted(&fixture, RESOLVER_IGNORED), 2);
    close(other);
    fixture_release(&fixture);
}

static void talks_not_to_itself(void **state)
{
    const char *const *server_at = *state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    size_t size = make_query("api.example.com", DNS_TYPE_A, false, query);
    struct sockaddr_storage own;
    fixture_init(&fixture, *server_at, "127.0.0.1:0");
    struct endpoint endpoint = { test_address("127.0.0.1"), fixture.port };
    unsigned own_size = endpoint_to_sockaddr(&endpoint, &own);
    assert_int_equal(sendto(fixture.descriptor, query, size, 0, (struct sockaddr *)&own, own_size),
                     size);
    connect_socket(fixture.client, "127.0.0.1", fixture.port);
    send_query(fixture.client, 1);
    assert_int_equal(await_answer(&fixture), 1);
    assert_int_equal(counted(&fixture, RESOLVER_BAD_SOURCE), 1);
    assert_int_equal(counted(&fixture, RESOLVER_QUERIES_UDP), 1);
    fixture_release(&fixture);
}

/* A connected socket is the one kind that is told of ICMP errors; libuv then stops watching it. */
static void outlives_an_error_of_the_socket(void **state)
{
    (void)state;
    struct fixture fixture;
    int descriptor = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    int client = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    uint16_t client_port = socket_endpoint(client).port;
    connect_socket(descriptor, "127.0.0.1", client_port);
    serve(&fixture, descriptor);
    fixture.client = client;
    connect_socket(client, "127.0.0.1", fixture.port);
    send_query(client, 1);
    close(client); /* so the answer meets a closed port */
    while (counted(&fixture, RESOLVER_ADDRESSES) == 0)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    uv_run(&fixture.loop, UV_RUN_NOWAIT);

    char same_port[32];
    snprintf(same_port, sizeof(same_port), "127.0.0.1:%u", client_port);
    fixture.client = bound_socket(SOCK_DGRAM, same_port);
    connect_socket(fixture.client, "127.0.0.1", fixture.port);
    send_query(fixture.client, 2);
    assert_int_equal(await_answer(&fixture), 2);
    fixture_release(&fixture);
}

/* A connected socket that is shut for writing refuses every answer. */
static void counts_what_it_can_not_send(void **state)
{
    (void)state;
    struct fixture fixture;
    int descriptor = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    int client = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    connect_socket(descriptor, "127.0.0.1", socket_endpoint(client).port);
    assert_int_equal(shutdown(descriptor, SHUT_WR), 0);
    serve(&fixture, descriptor);
    fixture.client = client;
    connect_socket(client, "127.0.0.1", fixture.port);
    for (uint16_t id = 1; id <= 3; id++)
        send_query(client, id);
    while (counted(&fixture, RESOLVER_ANSWERS_DROPPED) < 3)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    assert_int_equal(counted(&fixture, RESOLVER_ANSWERS_DROPPED), 3);
    fixture_release(&fixture);
}

static void a_bad_descriptor_is_an_error(void **state)
{
    (void)state;
    struct test_resolver test;
    uv_loop_t loop;
    int error = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_null(udp_server_new(&loop, -1, &test.resolver, &error));
    assert_int_equal(error, UV_EBADF);
    finish_loop(&loop);
    udp_server_free(NULL);
}

int main(void)
{
    static const char *const specific = "127.0.0.1:0", *const wildcard = "0.0.0.0:0";
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, answers_from_the_address_asked);
    tests_add_row(&tests, "more than a batch", NULL, answers_more_than_a_batch);
    tests_add_row(&tests, "answers go to their askers", NULL, answers_go_to_their_askers);
    tests_add_row(&tests, "its own address is no client", &specific, talks_not_to_itself);
    tests_add_row(&tests, "nor is it on a wildcard", &wildcard, talks_not_to_itself);
    tests_add_row(&tests, "an error of the socket", NULL, outlives_an_error_of_the_socket);
    tests_add_row(&tests, "what it can't send is counted", NULL, counts_what_it_can_not_send);
    tests_add_row(&tests, "a bad descriptor", NULL, a_bad_descriptor_is_an_error);
    return tests_run(&tests, "udp_server");
}
