/* tests/unit/resolver/tcp_server_test.c - queries over real TCP connections on loopback. */
#include "resolver/tcp_server.h"

#include "base/client_rate.h"
#include "base/clock.h"
#include "dns_messages.h"
#include "loop_sockets.h"
#include "tls/server_context.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { ANSWER_SIZE = DNS_HEADER_BYTES + 21 + 16 + 11 };

struct fixture {
    uv_loop_t loop;
    struct test_resolver test;
    struct tcp_server *server;
    uint16_t port;
    int listener; /* the server's */
};

static int fixture_init(void **state)
{
    static struct fixture fixture;
    struct settings settings = settings_default();
    int error = 0;
    test_resolver_init(&fixture.test, "allow api.example.com", &settings);
    test_resolver_gate(&fixture.test, "192.0.2.1");
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    int descriptor = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    fixture.port = socket_endpoint(descriptor).port;
    fixture.listener = descriptor;
    fixture.server = tcp_server_new(&fixture.loop, descriptor, &fixture.test.resolver, &error);
    assert_non_null(fixture.server);
    *state = &fixture;
    return 0;
}

static int fixture_release(void **state)
{
    struct fixture *fixture = *state;
    tcp_server_free(fixture->server);
    finish_loop(&fixture->loop);
    test_resolver_release(&fixture->test);
    return 0;
}

static uint64_t counted(const struct fixture *fixture, enum resolver_counter counter)
{
    return resolver_counter_read(&fixture->test.resolver, counter);
}

static int connect_from(const struct fixture *fixture, const char *from)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct endpoint endpoint = { test_address(from), 0 };
    struct sockaddr_storage address;
    unsigned size = endpoint_to_sockaddr(&endpoint, &address);
    assert_int_equal(bind(client, (const struct sockaddr *)&address, size), 0);
    /* Small buffers fill soon; and no part of a query waits for an acknowledgement. */
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_SNDBUF, &(int){ 16384 }, sizeof(int)), 0);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){ 16384 }, sizeof(int)), 0);
    assert_int_equal(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)), 0);
    connect_socket(client, "127.0.0.1", fixture->port);
    return client;
}

static size_t put_framed_query(uint8_t *to, uint16_t id)
{
    size_t size = make_query("api.example.com", DNS_TYPE_A, true, to + 2);
    store_uint(to, (uint32_t)size, 2);
    store_uint(to + 2, id, 2);
    return 2 + size;
}

static void send_all(int client, const void *bytes, size_t size)
{
    assert_int_equal(send(client, bytes, size, MSG_NOSIGNAL), size);
}

/* Reads one framed answer, however it is split; returns its id. */
static uint16_t await_answer(struct fixture *fixture, int client)
{
    uint8_t answer[2 + ANSWER_SIZE];
    for (size_t got = 0; got < sizeof(answer);) {
        ssize_t more = await_bytes(&fixture->loop, client, answer + got, sizeof(answer) - got);
        assert_true(more > 0);
        got += (size_t)more;
    }
    assert_int_equal(answer[0] << 8 | answer[1], ANSWER_SIZE);
    return (uint16_t)(answer[2] << 8 | answer[3]);
}

/* The server's end: an orderly one, or a reset where it left bytes unread. */
static void await_end(struct fixture *fixture, int client)
{
    uint8_t byte;
    assert_true(await_bytes(&fixture->loop, client, &byte, 1) <= 0);
}

static void answers_a_query(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, query, put_framed_query(query, 1));
    assert_int_equal(await_answer(fixture, client), 1);
    assert_int_equal(counted(fixture, RESOLVER_QUERIES_TCP), 1);
    assert_int_equal(counted(fixture, RESOLVER_TCP_ACCEPTED), 1);
    close(client);
}

static void answers_a_query_split_anywhere(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    int client = connect_from(fixture, "127.0.0.1");
    size_t size = put_framed_query(query, 9);
    for (size_t cut = 1; cut < size; cut++) {
        send_all(client, query, cut);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        send_all(client, query + cut, size - cut);
        assert_int_equal(await_answer(fixture, client), 9);
    }
    close(client);
}

/* RFC 7766 6.2.1.1: many queries ahead of their answers, and the client's end right behind them. */
static void answers_pipelined_queries_in_order(void **state)
{
    enum { QUERIES = 200 };
    struct fixture *fixture = *state;
    uint8_t queries[QUERIES * 64 + TEST_QUERY_MAX];
    size_t size = 0;
    for (uint16_t id = 0; id < QUERIES; id++)
        size += put_framed_query(queries + size, id);
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, queries, size);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    for (uint16_t id = 0; id < QUERIES; id++)
        assert_int_equal(await_answer(fixture, client), id);
    await_end(fixture, client);
    close(client);
}

/* Sends until neither side takes more; returns how many whole queries went in. */
static unsigned fill(struct fixture *fixture, int client)
{
    uint8_t query[TEST_QUERY_MAX];
    size_t size = put_framed_query(query, 5), done = 0;
    unsigned count = 0, refused = 0;
    while (refused < 100) { /* turns of the loop in which nothing moved */
        ssize_t sent = send(client, query + done, size - done, MSG_NOSIGNAL);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        refused = sent < 0 ? refused + 1 : 0;
        done += sent > 0 ? (size_t)sent : 0;
        count += done == size;
        done %= size;
    }
    return count;
}

/* A client that does not read is no longer read from; when it reads, it has all its answers. */
static void waits_for_a_client_that_does_not_read(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_from(fixture, "127.0.0.1");
    unsigned sent = fill(fixture, client);
    uint64_t answered = counted(fixture, RESOLVER_QUERIES_TCP);
    assert_true(answered + 100 < sent); /* the rest waits in the kernel */
    for (unsigned i = 0; i < sent; i++)
        assert_int_equal(await_answer(fixture, client), 5);
    assert_int_equal(counted(fixture, RESOLVER_QUERIES_TCP), sent);
    close(client);
}

/* The server goes while an answer is still being written. */
static void closes_in_the_middle_of_a_write(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_from(fixture, "127.0.0.1");
    assert_true(fill(fixture, client) > 0);
    close(client);
}

static const struct broken_row {
    const char *name;
    const char *bytes;
    size_t size;
} broken_rows[] = {
    { "an empty message ends the connection", "\0\0", 2 },
    { "a message shorter than a header ends it", "\0\5abcde", 7 },
    { "a message too long ends it", "\x10\1", 2 },
    { "an answer ends it", "\0\x0c\1\2\x81\0\0\0\0\0\0\0\0\0", 14 },
};

static void ends_a_broken_connection(void **state)
{
    const struct broken_row *row = *state;
    void *fixture_state = NULL;
    uint8_t query[TEST_QUERY_MAX + 16];
    fixture_init(&fixture_state);
    struct fixture *fixture = fixture_state;
    int client = connect_from(fixture, "127.0.0.1");
    size_t size = put_framed_query(query, 3);
    memcpy(query + size, row->bytes, row->size);
    send_all(client, query, size + row->size);
    assert_int_equal(await_answer(fixture, client), 3); /* what came before is answered */
    await_end(fixture, client);
    close(client);
    fixture_release(&fixture_state);
}

/* An error that a client can make in good faith is told, and the connection stays. */
static void a_format_error_is_answered(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX], answer[2 + DNS_HEADER_BYTES];
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, "\0\x0c\1\2\0\0\0\0\0\0\0\0\0\0", 14);
    assert_int_equal(await_bytes(&fixture->loop, client, answer, sizeof(answer)), sizeof(answer));
    assert_int_equal(answer[5] & DNS_RCODE_MASK, DNS_RCODE_FORMAT_ERROR);
    send_all(client, query, put_framed_query(query, 2));
    assert_int_equal(await_answer(fixture, client), 2);
    close(client);
}

static void keepalive_is_told(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX], answer[TEST_QUERY_MAX];
    struct writer message = writer_over(query, sizeof(query));
    writer_uint(&message, 0, 2);
    put_header(&message, 0, 0x1001);
    put_question(&message, "api.example.com", DNS_TYPE_A, DNS_CLASS_IN);
    put_opt(&message, 0, "\0\x0b\0\0", 4);
    store_uint(query, (uint32_t)writer_size(&message) - 2, 2);
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, query, writer_size(&message));
    ssize_t size = await_bytes(&fixture->loop, client, answer, sizeof(answer));
    assert_int_equal(size, 2 + ANSWER_SIZE + 6);
    assert_memory_equal(answer + size - 6, "\0\x0b\0\2\0\x64", 6); /* 10 s in units of 100 ms */
    close(client);
}

/* Closing a connection makes room for one more, once the server has seen it. */
static void await_room(struct fixture *fixture, const char *from)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    uint64_t accepted = counted(fixture, RESOLVER_TCP_ACCEPTED);
    while (counted(fixture, RESOLVER_TCP_ACCEPTED) == accepted) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        int client = connect_from(fixture, from);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        close(client);
    }
}

/* Of each client 64 connections, and others are served on. */
static void turns_a_greedy_client_away(void **state)
{
    struct fixture *fixture = *state;
    int clients[TCP_CONNECTIONS_PER_CLIENT_MAX];
    uint8_t query[TEST_QUERY_MAX];
    size_t size = put_framed_query(query, 4);
    for (int i = 0; i < TCP_CONNECTIONS_PER_CLIENT_MAX; i++) {
        clients[i] = connect_from(fixture, "127.0.0.1");
        send_all(clients[i], query, size);
        assert_int_equal(await_answer(fixture, clients[i]), 4);
    }
    int one_more = connect_from(fixture, "127.0.0.1");
    await_end(fixture, one_more);
    assert_int_equal(counted(fixture, RESOLVER_TCP_TURNED_AWAY), 1);
    int other = connect_from(fixture, "127.0.0.2");
    send_all(other, query, size);
    assert_int_equal(await_answer(fixture, other), 4);
    close(clients[0]);
    await_room(fixture, "127.0.0.1");
    for (int i = 1; i < TCP_CONNECTIONS_PER_CLIENT_MAX; i++)
        close(clients[i]);
    close(one_more);
    close(other);
}

/* Makes the client at `address` one that has begun all the handshakes it may this second. */
static int64_t spend_handshakes(struct client_rate *handshakes, const char *address)
{
    struct ip_address client = test_address(address);
    int64_t now_s = clock_monotonic_ms() / 1000;
    for (int i = 0; i < TLS_HANDSHAKES_PER_CLIENT_MAX; i++)
        (void)client_rate_count(handshakes, &client, now_s);
    return now_s;
}

/* There is no certificate here, so what follows an accept is plain TCP. */
static void turns_away_who_begins_too_many_handshakes(void **state)
{
    struct fixture *fixture = *state;
    static struct server_context_slot none;
    struct client_rate *handshakes = client_rate_new();
    uint8_t query[TEST_QUERY_MAX];
    size_t size = put_framed_query(query, 4);
    uint64_t turned_away = 0;
    int64_t second;
    assert_non_null(handshakes);
    server_context_slot_init(&none, NULL);
    tcp_server_use_tls(fixture->server, &none, handshakes);
    do { /* once more, where the second ended meanwhile */
        second = spend_handshakes(handshakes, "127.0.0.1");
        turned_away = counted(fixture, RESOLVER_TCP_TURNED_AWAY);
        int greedy = connect_from(fixture, "127.0.0.1");
        send_all(greedy, query, size);
        uint8_t byte;
        bool is_answered = await_bytes(&fixture->loop, greedy, &byte, 1) > 0;
        turned_away = counted(fixture, RESOLVER_TCP_TURNED_AWAY) - turned_away;
        assert_int_equal(is_answered, turned_away == 0);
        close(greedy);
    } while (clock_monotonic_ms() / 1000 != second);
    assert_int_equal(turned_away, 1);
    int other = connect_from(fixture, "127.0.0.2");
    send_all(other, query, size);
    assert_int_equal(await_answer(fixture, other), 4);
    close(other);
    client_rate_free(handshakes);
}

static bool can_open(rlim_t descriptors)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur >= descriptors;
}

static void turns_away_beyond_the_total(void **state)
{
    struct fixture *fixture = *state;
    static int clients[TCP_CONNECTIONS_MAX];
    if (!can_open(2 * TCP_CONNECTIONS_MAX + 100))
        skip();
    for (int i = 0; i < TCP_CONNECTIONS_MAX; i++) {
        char from[32];
        snprintf(from, sizeof(from), "127.0.1.%d", 1 + i / TCP_CONNECTIONS_PER_CLIENT_MAX);
        clients[i] = connect_from(fixture, from);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    while (counted(fixture, RESOLVER_TCP_ACCEPTED) < TCP_CONNECTIONS_MAX)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    int one_more = connect_from(fixture, "127.0.2.1");
    await_end(fixture, one_more);
    assert_int_equal(counted(fixture, RESOLVER_TCP_TURNED_AWAY), 1);
    close(one_more);
    close(clients[0]);
    await_room(fixture, "127.0.2.1");
    for (int i = 1; i < TCP_CONNECTIONS_MAX; i++)
        close(clients[i]);
}

/* Out of descriptors: the connection waits, the loop does not spin, and it is served when there is
 * one again. */
static void waits_out_a_lack_of_descriptors(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    struct rlimit limit, none;
    uv_run(&fixture->loop, UV_RUN_NOWAIT); /* whatever libuv opens at first is open */
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, query, put_framed_query(query, 6));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)client + 1;
    for (int hole = dup(client); hole >= 0 && hole < client; hole = dup(client)) {
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int64_t start_ms = clock_monotonic_ms();
    unsigned turns = 0;
    do {
        uv_run(&fixture->loop, UV_RUN_ONCE);
        turns++;
    } while (clock_monotonic_ms() < start_ms + 250);
    assert_in_range(turns, 1, 20); /* pauses of 100 ms, each with a turn or two */
    assert_int_equal(counted(fixture, RESOLVER_TCP_ACCEPTED), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(await_answer(fixture, client), 6);
    close(client);
}

/* The one timer of the loop that runs. */
static void find_timer(uv_handle_t *handle, void *found)
{
    if (uv_handle_get_type(handle) == UV_TIMER && uv_is_active(handle))
        *(uv_timer_t **)found = (uv_timer_t *)handle;
}

static void idle_connection_is_closed(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    uv_timer_t *idle = NULL;
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, query, put_framed_query(query, 1));
    assert_int_equal(await_answer(fixture, client), 1);
    uv_walk(&fixture->loop, find_timer, &idle);
    assert_non_null(idle);
    assert_in_range(uv_timer_get_due_in(idle), 5000, 10000);
    assert_int_equal(uv_timer_start(idle, idle->timer_cb, 0, 0), 0); /* the ten seconds are over */
    await_end(fixture, client);
    close(client);
}

/* A part of a query does not put the end off, so that bytes now and then hold nothing. */
static void trickle_does_not_keep_it_open(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    uv_timer_t *idle = NULL;
    size_t size = put_framed_query(query, 1);
    int client = connect_from(fixture, "127.0.0.1");
    send_all(client, query, size);
    assert_int_equal(await_answer(fixture, client), 1);
    uv_walk(&fixture->loop, find_timer, &idle);
    assert_non_null(idle);
    assert_int_equal(uv_timer_start(idle, idle->timer_cb, 60000, 0),
                     0); /* a mark that only a restart removes */
    send_all(client, query, size - 1);
    for (int i = 0; i < 10; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_true(uv_timer_get_due_in(idle) > 10000);
    send_all(client, query + size - 1, 1);
    assert_int_equal(await_answer(fixture, client), 1);
    assert_true(uv_timer_get_due_in(idle) <= 10000);
    close(client);
}

/* Who has connected is served, by queries to come too; an idle time is short then. */
static void stops_accepting(void **state)
{
    struct fixture *fixture = *state;
    uint8_t query[TEST_QUERY_MAX];
    size_t size = put_framed_query(query, 1);
    int first = connect_from(fixture, "127.0.0.1");
    send_all(first, query, size);
    assert_int_equal(await_answer(fixture, first), 1);
    int queued = connect_from(fixture, "127.0.0.1");
    tcp_server_stop_accepting(fixture->server, true);
    tcp_server_stop_accepting(fixture->server, true);
    assert_int_equal(tcp_server_connection_count(fixture->server), 2);
    send_all(first, query, size);
    assert_int_equal(await_answer(fixture, first), 1);
    send_all(queued, query, size);
    assert_int_equal(await_answer(fixture, queued), 1);
    uint64_t begun_ms = uv_now(&fixture->loop);
    await_end(fixture, first);
    await_end(fixture, queued);
    assert_true(uv_now(&fixture->loop) - begun_ms < RESOLVER_TCP_IDLE_MS);
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(tcp_server_connection_count(fixture->server), 0);
    close(first);
    close(queued);
}

/* Another process has the listener open: what comes is left to it. */
static void leaves_a_shared_listener_alone(void **state)
{
    struct fixture *fixture = *state;
    int shared = dup(fixture->listener);
    tcp_server_stop_accepting(fixture->server, false);
    int client = connect_from(fixture, "127.0.0.1");
    for (int i = 0; i < 10; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    int accepted = accept4(shared, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
    close(shared);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, fixture_init, fixture_release)
static const struct CMUnitTest others[] = {
    ONE(answers_a_query),
    ONE(answers_a_query_split_anywhere),
    ONE(answers_pipelined_queries_in_order),
    ONE(waits_for_a_client_that_does_not_read),
    ONE(closes_in_the_middle_of_a_write),
    ONE(a_format_error_is_answered),
    ONE(keepalive_is_told),
    ONE(turns_a_greedy_client_away),
    ONE(turns_away_who_begins_too_many_handshakes),
    ONE(turns_away_beyond_the_total),
    ONE(waits_out_a_lack_of_descriptors),
    ONE(idle_connection_is_closed),
    ONE(trickle_does_not_keep_it_open),
    ONE(stops_accepting),
    ONE(leaves_a_shared_listener_alone),
};

int main(void)
{
    struct CMUnitTest tests[COUNT(broken_rows) + COUNT(others)];
    signal(SIGPIPE, SIG_IGN); /* as the process that serves does */
    for (size_t i = 0; i < COUNT(broken_rows); i++)
        tests[i] = (struct CMUnitTest){ broken_rows[i].name, ends_a_broken_connection, NULL, NULL,
                                        (void *)&broken_rows[i] };
    for (size_t i = 0; i < COUNT(others); i++)
        tests[COUNT(broken_rows) + i] = others[i];
    return cmocka_run_group_tests_name("tcp_server", tests, NULL, NULL);
}
