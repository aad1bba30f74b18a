/* tests/unit/resolver/waiting_test.c - queries of observed clients, which wait for a look-up: what
 * they are answered, over UDP and TCP, and who leaves first. */
#include "groups.h"

#include "dns_messages.h"
#include "loop_sockets.h"
#include "policy/policy_feed.h"
#include "resolver/frame.h"
#include "resolver/tcp_server.h"
#include "resolver/udp_server.h"

#include <signal.h>

static const char rules[] = "0 allow api.example.com; 0 deny no.example.com;"
                            "0 allow below.parent.example.com";

struct fixture {
    uv_loop_t loop;
    struct test_resolver test;
    struct udp_server *udp;
    struct tcp_server *tcp;
    uint16_t udp_port, tcp_port;
    struct resolver_waiting *waiting[RESOLVER_WAITING_MAX + 1]; /* in the order of their start */
    size_t waiting_count, cancelled_count;
    bool can_start;
    unsigned told_count;
    struct verdict told;
};

/* The look-ups of these tests: they end when a test says so. */
static void *start(void *context, const struct host_name *name, struct resolver_waiting *waiting)
{
    struct fixture *fixture = context;
    assert_true(name == &waiting->query.name);
    if (!fixture->can_start)
        return NULL;
    fixture->waiting[fixture->waiting_count] = waiting;
    return &fixture->waiting[fixture->waiting_count++];
}

static struct fixture *cancelled_of; /* a look-up knows its place alone */

static void cancel(void *lookup)
{
    struct resolver_waiting **place = lookup;
    assert_non_null(*place);
    *place = NULL;
    cancelled_of->cancelled_count++;
}

static void end_lookup(struct fixture *fixture, size_t at, enum name_existence existence)
{
    struct resolver_waiting *waiting = fixture->waiting[at];
    assert_non_null(waiting);
    fixture->waiting[at] = NULL;
    resolver_looked_up(waiting, existence);
}

static void note_told(void *context, const struct resolver_event *event)
{
    struct fixture *fixture = context;
    assert_non_null(event->policy);
    fixture->told_count++;
    fixture->told = event->verdict;
}

/* From now on the clients' group is as `groups` says. */
static void publish(struct fixture *fixture, const char *groups_text)
{
    struct client_groups *groups = groups_of(groups_text);
    policy_feed_publish(&fixture->test.feed, policy_for_groups(groups, rules));
    client_groups_unref(groups);
}

static int fixture_init(void **state)
{
    static struct fixture fixture;
    struct settings settings = settings_default();
    int error = 0;
    fixture = (struct fixture){ .can_start = true };
    cancelled_of = &fixture;
    test_resolver_init(&fixture.test, "", &settings);
    test_resolver_gate(&fixture.test, "192.0.2.1");
    fixture.test.resolver.lookup = (struct resolver_lookup){ &fixture, start, cancel };
    fixture.test.resolver.sink = (struct resolver_sink){ &fixture, note_told, NULL, NULL };
    publish(&fixture, "~any");
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    int udp = bound_socket(SOCK_DGRAM, "127.0.0.1:0"),
        tcp = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    /* Connections inherit it: so little is easily more than the kernel takes. */
    assert_int_equal(setsockopt(tcp, SOL_SOCKET, SO_SNDBUF, &(int){ 8192 }, sizeof(int)), 0);
    fixture.udp_port = socket_endpoint(udp).port;
    fixture.tcp_port = socket_endpoint(tcp).port;
    fixture.udp = udp_server_new(&fixture.loop, udp, &fixture.test.resolver, &error);
    fixture.tcp = tcp_server_new(&fixture.loop, tcp, &fixture.test.resolver, &error);
    assert_non_null(fixture.udp);
    assert_non_null(fixture.tcp);
    *state = &fixture;
    return 0;
}

/* With the servers all that waits for them is gone. */
static int fixture_release(void **state)
{
    struct fixture *fixture = *state;
    udp_server_free(fixture->udp);
    tcp_server_free(fixture->tcp);
    for (size_t i = 0; i < fixture->waiting_count; i++)
        assert_null(fixture->waiting[i]);
    assert_int_equal(fixture->test.resolver.waiting_count, 0);
    finish_loop(&fixture->loop);
    test_resolver_release(&fixture->test);
    return 0;
}

static uint64_t counted(const struct fixture *fixture, enum resolver_counter counter)
{
    return resolver_counter_read(&fixture->test.resolver, counter);
}

static void await_waiting(struct fixture *fixture, size_t count)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (fixture->waiting_count < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
}

static int udp_client(const struct fixture *fixture)
{
    int client = bound_socket(SOCK_DGRAM, "127.0.0.1:0");
    connect_socket(client, "127.0.0.1", fixture->udp_port);
    return client;
}

static int tcp_client(const struct fixture *fixture)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    connect_socket(client, "127.0.0.1", fixture->tcp_port);
    return client;
}

static void ask_udp(int client, const char *name, uint32_t type)
{
    uint8_t query[TEST_QUERY_MAX];
    size_t size = make_query(name, type, true, query);
    assert_int_equal(send(client, query, size, 0), size);
}

static void ask_tcp(int client, const char *name, uint16_t id)
{
    uint8_t query[2 + TEST_QUERY_MAX];
    size_t size = make_query(name, DNS_TYPE_A, true, query + 2);
    store_uint(query, (uint32_t)size, 2);
    store_uint(query + 2, id, 2);
    assert_int_equal(send(client, query, 2 + size, MSG_NOSIGNAL), 2 + size);
}

/* The id of the next framed answer; checks its rcode. */
static uint16_t await_tcp(struct fixture *fixture, int client, unsigned rcode)
{
    uint8_t bytes[2 + RESOLVER_ANSWER_MAX];
    size_t size = 2;
    for (size_t got = 0; got < size;) {
        ssize_t more = await_bytes(&fixture->loop, client, bytes + got, size - got);
        assert_true(more > 0);
        got += (size_t)more;
        if (got == 2)
            size = 2 + (size_t)(bytes[0] << 8 | bytes[1]);
    }
    assert_int_equal(bytes[5] & DNS_RCODE_MASK, rcode);
    return (uint16_t)(bytes[2] << 8 | bytes[3]);
}

static const struct row {
    const char *name, *question;
    uint32_t type;
    enum name_existence existence;
    unsigned rcode, answers;
    const char *would_be; /* as told to the sink; NULL: it was not told */
    enum resolver_counter counter;
} rows[] = {
    { "a name with an address", "other.example", DNS_TYPE_A, NAME_WITH_ADDRESS, 0, 1, "no_rule",
      RESOLVER_ADDRESSES },
    { "and none of the gate's of that family", "other.example", DNS_TYPE_AAAA, NAME_WITH_ADDRESS, 0,
      0, NULL, RESOLVER_NO_DATA },
    { "a name that does not exist", "other.example", DNS_TYPE_A, NAME_MISSING, 3, 0, NULL,
      RESOLVER_NOT_FOUND },
    { "a name without address", "other.example", DNS_TYPE_A, NAME_WITHOUT_ADDRESS, 0, 0, NULL,
      RESOLVER_NO_DATA },
    { "upstream fails", "other.example", DNS_TYPE_A, NAME_UNKNOWN, 2, 0, NULL, RESOLVER_FAILED },
    { "TXT of a name with an address", "other.example", 16, NAME_WITH_ADDRESS, 0, 0, NULL,
      RESOLVER_NO_DATA },
    { "HTTPS of a name with an address", "other.example", DNS_TYPE_HTTPS, NAME_WITH_ADDRESS, 0, 0,
      NULL, RESOLVER_NO_DATA },
    { "ANY of a name with an address", "other.example", DNS_TYPE_ANY, NAME_WITH_ADDRESS, 0, 1, NULL,
      RESOLVER_ADDRESSES },
    { "TXT of a name that does not exist", "other.example", 16, NAME_MISSING, 3, 0, NULL,
      RESOLVER_NOT_FOUND },
    { "a name that a rule denies", "no.example.com", DNS_TYPE_A, NAME_WITH_ADDRESS, 0, 1,
      "deny_rule", RESOLVER_ADDRESSES },
    { "a parent of an allowed name", "parent.example.com", DNS_TYPE_A, NAME_WITH_ADDRESS, 0, 1,
      "parent", RESOLVER_ADDRESSES },
    { "a parent never is missing", "parent.example.com", DNS_TYPE_A, NAME_MISSING, 0, 0, NULL,
      RESOLVER_NO_DATA },
};

static void answers_by_existence(void **state)
{
    const struct row *row = *state;
    void *made = NULL;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    fixture_init(&made);
    struct fixture *fixture = made;
    int client = udp_client(fixture);
    ask_udp(client, row->question, row->type);
    await_waiting(fixture, 1);
    assert_int_equal(fixture->told_count, 0);
    end_lookup(fixture, 0, row->existence);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) >= DNS_HEADER_BYTES);
    assert_int_equal(answer[0] << 8 | answer[1], TEST_QUERY_ID);
    assert_int_equal(answer[3] & DNS_RCODE_MASK, row->rcode);
    assert_int_equal(answer[6] << 8 | answer[7], row->answers);
    assert_int_equal(counted(fixture, row->counter), 1);
    assert_int_equal(counted(fixture, RESOLVER_QUERIES_UDP), 1);
    assert_int_equal(fixture->told_count, row->would_be != NULL);
    if (row->would_be != NULL) {
        assert_int_equal(fixture->told.decision, DECISION_ALLOW);
        assert_int_equal(fixture->told.reason, REASON_OBSERVED);
        assert_string_equal(reason_word(fixture->told.would_be), row->would_be);
    }
    close(client);
    fixture_release(&made);
}

static void allowed_name_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    int client = udp_client(fixture);
    ask_udp(client, "api.example.com", DNS_TYPE_A);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) > 0);
    assert_int_equal(answer[7], 1);
    assert_int_equal(fixture->waiting_count, 0);
    close(client);
}

/* What was an observed client's question is answered as it stands when the look-up ends. */
static void decides_anew_when_the_lookup_ends(void **state)
{
    struct fixture *fixture = *state;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    int client = udp_client(fixture);
    ask_udp(client, "other.example", DNS_TYPE_A);
    await_waiting(fixture, 1);
    publish(fixture, "any");
    end_lookup(fixture, 0, NAME_WITH_ADDRESS);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) > 0);
    assert_int_equal(answer[3] & DNS_RCODE_MASK, DNS_RCODE_NAME_ERROR);
    assert_int_equal(fixture->told.reason, REASON_NO_RULE);
    assert_int_equal(fixture->told.decision, DECISION_DENY);
    close(client);
}

static void cannot_be_looked_up(void **state)
{
    struct fixture *fixture = *state;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    fixture->can_start = false;
    int client = udp_client(fixture), stream = tcp_client(fixture);
    ask_udp(client, "other.example", DNS_TYPE_A);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) > 0);
    assert_int_equal(answer[3] & DNS_RCODE_MASK, DNS_RCODE_SERVER_FAILURE);
    ask_tcp(stream, "other.example", 7);
    assert_int_equal(await_tcp(fixture, stream, DNS_RCODE_SERVER_FAILURE), 7);
    assert_int_equal(counted(fixture, RESOLVER_FAILED), 2);
    close(client);
    close(stream);
}

static void so_many_wait_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    int client = udp_client(fixture);
    for (size_t i = 0; i < RESOLVER_WAITING_MAX; i++) {
        ask_udp(client, "other.example", DNS_TYPE_A);
        await_waiting(fixture, i + 1);
    }
    ask_udp(client, "other.example", DNS_TYPE_A);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) > 0);
    assert_int_equal(answer[3] & DNS_RCODE_MASK, DNS_RCODE_SERVER_FAILURE);
    end_lookup(fixture, 0, NAME_MISSING);
    assert_true(await_bytes(&fixture->loop, client, answer, sizeof(answer)) > 0);
    ask_udp(client, "other.example", DNS_TYPE_A);
    await_waiting(fixture, RESOLVER_WAITING_MAX + 1);
    close(client);
}

/* RFC 7766 6.2.1.1 */
static void the_others_of_a_connection_do_not_wait(void **state)
{
    struct fixture *fixture = *state;
    int client = tcp_client(fixture);
    ask_tcp(client, "one.example", 1);
    ask_tcp(client, "two.example", 2);
    ask_tcp(client, "api.example.com", 3);
    assert_int_equal(await_tcp(fixture, client, 0), 3);
    end_lookup(fixture, 1, NAME_WITH_ADDRESS);
    assert_int_equal(await_tcp(fixture, client, 0), 2);
    end_lookup(fixture, 0, NAME_MISSING);
    assert_int_equal(await_tcp(fixture, client, DNS_RCODE_NAME_ERROR), 1);
    ask_tcp(client, "api.example.com", 4); /* and it goes on */
    assert_int_equal(await_tcp(fixture, client, 0), 4);
    assert_int_equal(counted(fixture, RESOLVER_QUERIES_TCP), 4);
    close(client);
}

/* More queries than may wait are read when there is room again; all are answered. */
static void a_connection_waits_for_a_bounded_number(void **state)
{
    enum { QUERIES = 5 * TCP_WAITING_MAX };
    struct fixture *fixture = *state;
    bool seen[QUERIES] = { false };
    int client = tcp_client(fixture);
    for (uint16_t id = 0; id < QUERIES; id++)
        ask_tcp(client, "other.example", id);
    for (size_t i = 0; i < QUERIES; i++) {
        await_waiting(fixture, i + 1);
        assert_true(fixture->test.resolver.waiting_count <= TCP_WAITING_MAX);
        end_lookup(fixture, i, NAME_WITH_ADDRESS);
        seen[await_tcp(fixture, client, 0)] = true;
    }
    for (size_t i = 0; i < QUERIES; i++)
        assert_true(seen[i]);
    close(client);
}

static void client_that_stops_writing_still_gets_its_answer(void **state)
{
    struct fixture *fixture = *state;
    uint8_t byte;
    int client = tcp_client(fixture);
    ask_tcp(client, "other.example", 1);
    ask_tcp(client, "other.example", 2);
    await_waiting(fixture, 2);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    end_lookup(fixture, 0, NAME_WITH_ADDRESS);
    assert_int_equal(await_tcp(fixture, client, 0), 1);
    end_lookup(fixture, 1, NAME_WITH_ADDRESS);
    assert_int_equal(await_tcp(fixture, client, 0), 2);
    assert_int_equal(await_bytes(&fixture->loop, client, &byte, 1), 0); /* the end */
    close(client);
}

static void find_timer(uv_handle_t *handle, void *found)
{
    if (uv_handle_get_type(handle) == UV_TIMER && uv_is_active(handle))
        *(uv_timer_t **)found = (uv_timer_t *)handle;
}

/* RFC 7766 6.2.3: a connection whose query waits is not idle; one whose client has its answer is.
 */
static void connection_that_waits_is_not_idle(void **state)
{
    struct fixture *fixture = *state;
    uv_timer_t *idle = NULL;
    uint8_t byte;
    int client = tcp_client(fixture);
    ask_tcp(client, "other.example", 1);
    await_waiting(fixture, 1);
    uv_walk(&fixture->loop, find_timer, &idle);
    assert_non_null(idle);
    assert_int_equal(uv_timer_start(idle, idle->timer_cb, 0, 0), 0); /* the time is over */
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->cancelled_count, 0);
    assert_true(uv_timer_get_due_in(idle) > 0);
    end_lookup(fixture, 0, NAME_WITH_ADDRESS);
    assert_int_equal(await_tcp(fixture, client, 0), 1);
    assert_int_equal(uv_timer_start(idle, idle->timer_cb, 0, 0), 0);
    assert_int_equal(await_bytes(&fixture->loop, client, &byte, 1), 0); /* the end */
    close(client);
}

/* Gives an answer of its own making to the query that waits at `at`: its id and length in it. */
static void answer_with(struct fixture *fixture, size_t at, size_t size)
{
    static uint8_t answer[FRAME_ANSWER_MAX];
    struct resolver_waiting *waiting = fixture->waiting[at];
    assert_non_null(waiting);
    memset(answer, (int)(waiting->query.id & 0xff), size);
    fixture->waiting[at] = NULL;
    waiting->lookup = NULL;
    waiting->resolver->waiting_count--;
    waiting->on_answered(waiting, answer, size);
}

/* Answers of any length that a frame can have, the small ones among the long ones; the client reads
 * when all are known, so that most of them wait. */
static void long_answers_arrive_whole(void **state)
{
    static const size_t sizes[] = { 40, FRAME_ANSWER_MAX, 500,  30000,
                                    12, FRAME_ANSWER_MAX, 8223, 8222 };
    struct fixture *fixture = *state;
    bool seen[COUNT(sizes)] = { false };
    uint8_t bytes[2], expected[4096], more[4096];
    int client = tcp_client(fixture);
    for (uint16_t id = 0; id < COUNT(sizes); id++)
        ask_tcp(client, "other.example", id);
    await_waiting(fixture, COUNT(sizes));
    for (size_t i = 0; i < COUNT(sizes); i++)
        answer_with(fixture, i, sizes[i]);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(await_bytes(&fixture->loop, client, bytes, 1), 1);
        assert_int_equal(await_bytes(&fixture->loop, client, bytes + 1, 1), 1);
        size_t size = (size_t)(bytes[0] << 8 | bytes[1]), id = SIZE_MAX;
        for (size_t got = 0; got < size;) {
            size_t room = size - got < sizeof(more) ? size - got : sizeof(more);
            ssize_t part = await_bytes(&fixture->loop, client, more, room);
            assert_true(part > 0);
            id = got == 0 ? more[0] : id;
            memset(expected, (int)id, (size_t)part);
            assert_memory_equal(more, expected, (size_t)part);
            got += (size_t)part;
        }
        assert_true(id < COUNT(sizes) && !seen[id] && sizes[id] == size);
        seen[id] = true;
    }
    ask_tcp(client, "api.example.com", 99); /* and it goes on */
    assert_int_equal(await_tcp(fixture, client, 0), 99);
    close(client);
}

/* What is being sent then, and what waits behind it, is given back. */
static void server_ends_while_a_long_answer_is_sent(void **state)
{
    struct fixture *fixture = *state;
    int client = tcp_client(fixture);
    for (uint16_t id = 0; id < TCP_WAITING_MAX; id++)
        ask_tcp(client, "other.example", id);
    await_waiting(fixture, TCP_WAITING_MAX);
    for (size_t i = 0; i + 1 < TCP_WAITING_MAX; i++)
        answer_with(fixture, i, FRAME_ANSWER_MAX);
    tcp_server_free(fixture->tcp);
    fixture->tcp = NULL;
    assert_int_equal(fixture->cancelled_count, 1);
    close(client);
}

static void client_that_resets_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    int client = tcp_client(fixture);
    ask_tcp(client, "other.example", 1);
    await_waiting(fixture, 1);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(client);
    while (fixture->cancelled_count == 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(counted(fixture, RESOLVER_LEFT), 1);
}

/* Its answer then meets a socket that nobody reads from any more. */
static void client_that_closes_before_its_answer(void **state)
{
    struct fixture *fixture = *state;
    int client = tcp_client(fixture);
    ask_tcp(client, "other.example", 1);
    ask_tcp(client, "other.example", 2);
    await_waiting(fixture, 2);
    close(client);
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    end_lookup(fixture, 0, NAME_WITH_ADDRESS);
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    if (fixture->waiting[1] != NULL)
        end_lookup(fixture, 1, NAME_WITH_ADDRESS);
}

static void servers_end_while_queries_wait(void **state)
{
    struct fixture *fixture = *state;
    int client = udp_client(fixture), stream = tcp_client(fixture);
    ask_udp(client, "other.example", DNS_TYPE_A);
    ask_tcp(stream, "other.example", 1);
    await_waiting(fixture, 2);
    udp_server_free(fixture->udp);
    tcp_server_free(fixture->tcp);
    fixture->udp = NULL;
    fixture->tcp = NULL;
    assert_int_equal(fixture->cancelled_count, 2);
    assert_int_equal(counted(fixture, RESOLVER_LEFT), 2);
    close(client);
    close(stream);
}

/* The first is more than the kernel takes, so the others are ready while it is being written; then
 * they go out without another event. */
static void large_late_answers_all_arrive(void **state)
{
    enum { FIRST = 65000, OTHERS = 1000, TOTAL = 2 + FIRST + (TCP_WAITING_MAX - 1) * (2 + OTHERS) };
    struct fixture *fixture = *state;
    static uint8_t large[FIRST], got[TOTAL];
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){ 4096 }, sizeof(int)), 0);
    connect_socket(client, "127.0.0.1", fixture->tcp_port);
    for (uint16_t i = 0; i < TCP_WAITING_MAX; i++)
        ask_tcp(client, "other.example", i);
    await_waiting(fixture, TCP_WAITING_MAX);
    for (size_t i = 0; i < TCP_WAITING_MAX; i++) {
        struct resolver_waiting *waiting = fixture->waiting[i];
        fixture->waiting[i] = NULL;
        waiting->resolver->waiting_count--;
        waiting->on_answered(waiting, large, i == 0 ? FIRST : OTHERS);
    }
    for (size_t size = 0; size < TOTAL;) {
        ssize_t more = await_bytes(&fixture->loop, client, got + size, TOTAL - size);
        assert_true(more > 0);
        size += (size_t)more;
    }
    assert_memory_equal(got, "\xfd\xe8", 2); /* 65000 */
    close(client);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, fixture_init, fixture_release)
static const struct CMUnitTest others[] = {
    ONE(allowed_name_does_not_wait),
    ONE(decides_anew_when_the_lookup_ends),
    ONE(cannot_be_looked_up),
    ONE(so_many_wait_and_no_more),
    ONE(the_others_of_a_connection_do_not_wait),
    ONE(a_connection_waits_for_a_bounded_number),
    ONE(client_that_stops_writing_still_gets_its_answer),
    ONE(connection_that_waits_is_not_idle),
    ONE(long_answers_arrive_whole),
    ONE(server_ends_while_a_long_answer_is_sent),
    ONE(client_that_resets_is_forgotten),
    ONE(client_that_closes_before_its_answer),
    ONE(servers_end_while_queries_wait),
    ONE(large_late_answers_all_arrive),
};

int main(void)
{
    static struct tests tests;
    signal(SIGPIPE, SIG_IGN); /* as the process that serves does */
    TESTS_ADD_TABLE(&tests, rows, answers_by_existence);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "waiting");
}
