/* tests/unit/net/relay_test.c - bytes, ends and resets both ways over TCP on loopback. */
#include "net/relay.h"

#include "loop_sockets.h"
#include "unit.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum { NOT_ENDED = -1, LARGE_BYTES = 8 << 20, PIECE_BYTES = 32 * 1024 };

/* client -- inner[0] relay inner[1] -- server */
struct fixture {
    uv_loop_t loop;
    struct poller *poller;
    struct relay_pool *pool;
    struct socket_watch inner[2];
    struct relay relay;
    int client, server;
    int ended;
};

static struct fixture *fixture_of(struct socket_watch *watch, enum relay_side side)
{
    return (struct fixture *)((char *)(watch - side) - offsetof(struct fixture, inner));
}

static void on_client_ready(struct socket_watch *watch, uint32_t events)
{
    struct fixture *fixture = fixture_of(watch, RELAY_CLIENT);
    if (fixture->relay.pool != NULL && fixture->ended == NOT_ENDED)
        relay_ready(&fixture->relay, RELAY_CLIENT, events);
}

static void on_server_ready(struct socket_watch *watch, uint32_t events)
{
    struct fixture *fixture = fixture_of(watch, RELAY_SERVER);
    if (fixture->relay.pool != NULL && fixture->ended == NOT_ENDED)
        relay_ready(&fixture->relay, RELAY_SERVER, events);
}

static void on_end(struct relay *relay, enum relay_end end)
{
    struct fixture *fixture = (struct fixture *)((char *)relay - offsetof(struct fixture, relay));
    assert_int_equal(fixture->ended, NOT_ENDED);
    fixture->ended = (int)end;
    socket_watch_close(&fixture->inner[RELAY_CLIENT]); /* as its owner does */
    socket_watch_close(&fixture->inner[RELAY_SERVER]);
}

/* A connection; returns the outer end, the inner one is watched. */
static int connect_pair(struct fixture *fixture, struct socket_watch *inner,
                        socket_watch_fn on_ready)
{
    int listener = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    int outer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connect_socket(outer, "127.0.0.1", socket_endpoint(listener).port);
    int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(socket_watch_start(fixture->poller, inner, accepted, on_ready), 0);
    close(listener);
    return outer;
}

static void start_relay(struct fixture *fixture, const char *preface)
{
    struct relay_preface prefaces[2] = { { .events = EPOLLIN | EPOLLRDHUP },
                                         { .events = EPOLLIN | EPOLLRDHUP } };
    if (preface != NULL) {
        prefaces[RELAY_CLIENT].bytes = (uint8_t *)strdup(preface);
        prefaces[RELAY_CLIENT].size = strlen(preface);
    }
    relay_start(&fixture->relay, fixture->pool, &fixture->inner[RELAY_CLIENT],
                &fixture->inner[RELAY_SERVER], prefaces, on_end);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int error;
    uv_loop_init(&fixture->loop);
    fixture->ended = NOT_ENDED;
    fixture->poller = poller_new(&fixture->loop, &error);
    fixture->pool = relay_pool_new(&fixture->loop);
    fixture->client = connect_pair(fixture, &fixture->inner[RELAY_CLIENT], on_client_ready);
    fixture->server = connect_pair(fixture, &fixture->inner[RELAY_SERVER], on_server_ready);
    *state = fixture;
    return fixture->poller == NULL || fixture->pool == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    relay_stop(&fixture->relay);
    socket_watch_close(&fixture->inner[RELAY_CLIENT]);
    socket_watch_close(&fixture->inner[RELAY_SERVER]);
    close(fixture->client);
    close(fixture->server);
    relay_pool_free(fixture->pool);
    poller_free(fixture->poller);
    finish_loop(&fixture->loop);
    free(fixture);
    return 0;
}

static void expect_bytes(struct fixture *fixture, int descriptor, const char *expected)
{
    char buffer[256];
    size_t size = 0;
    while (size < strlen(expected)) {
        ssize_t got = await_bytes(&fixture->loop, descriptor, buffer + size, sizeof(buffer) - size);
        assert_true(got > 0);
        size += (size_t)got;
    }
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(buffer, expected, size);
}

static void send_text(int descriptor, const char *text)
{
    assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void await_end(struct fixture *fixture, enum relay_end expected)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (fixture->ended == NOT_ENDED) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(fixture->ended, expected);
}

/* A close that the other side sees as a reset. */
static void reset(int *descriptor)
{
    const struct linger at_once = { 1, 0 };
    assert_int_equal(setsockopt(*descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(*descriptor);
    *descriptor = -1;
}

/* Makes the kernel hold far less than LARGE_BYTES. */
static void shrink_buffers(const struct fixture *fixture)
{
    const int size = 64 * 1024;
    const int descriptors[] = { fixture->client, fixture->server, fixture->inner[0].descriptor,
                                fixture->inner[1].descriptor };
    for (size_t i = 0; i < COUNT(descriptors); i++) {
        assert_int_equal(setsockopt(descriptors[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
        assert_int_equal(setsockopt(descriptors[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    }
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

/* Sends what the socket takes of a stream of LARGE_BYTES; returns how many bytes are sent now. */
static size_t send_pattern(int descriptor, size_t sent)
{
    uint8_t piece[PIECE_BYTES];
    while (sent < LARGE_BYTES) {
        size_t size = LARGE_BYTES - sent < sizeof(piece) ? LARGE_BYTES - sent : sizeof(piece);
        for (size_t i = 0; i < size; i++)
            piece[i] = pattern(sent + i);
        ssize_t taken = send(descriptor, piece, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken < 0)
            break;
        sent += (size_t)taken;
    }
    return sent;
}

/* Receives one piece of it. */
static size_t receive_pattern(int descriptor, size_t received)
{
    uint8_t piece[PIECE_BYTES];
    ssize_t size = recv(descriptor, piece, sizeof(piece), MSG_DONTWAIT);
    for (ssize_t i = 0; i < size; i++)
        assert_int_equal(piece[i], pattern(received + (size_t)i));
    return size > 0 ? received + (size_t)size : received;
}

static void passes_bytes_both_ways(void **state)
{
    struct fixture *fixture = *state;
    send_text(fixture->client, "after");
    start_relay(fixture, "before ");
    expect_bytes(fixture, fixture->server, "before after");
    send_text(fixture->server, "answer");
    expect_bytes(fixture, fixture->client, "answer");
    assert_int_equal(fixture->relay.up.bytes, 12);
    assert_int_equal(fixture->relay.down.bytes, 6);
    assert_null(fixture->relay.up.held);
    assert_int_equal(fixture->ended, NOT_ENDED);
}

static void sees_what_came_before_it_started(void **state)
{
    struct fixture *fixture = *state;
    send_text(fixture->client, "up");
    send_text(fixture->server, "down");
    for (int turn = 0; turn < 3; turn++) /* the events come and go unused */
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    start_relay(fixture, NULL);
    expect_bytes(fixture, fixture->server, "up");
    expect_bytes(fixture, fixture->client, "down");
}

static void half_close_passes_and_leaves_the_other_way_open(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    start_relay(fixture, NULL);
    send_text(fixture->client, "request");
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    expect_bytes(fixture, fixture->server, "request");
    assert_int_equal(await_bytes(&fixture->loop, fixture->server, &byte, 1), 0);
    send_text(fixture->server, "reply");
    expect_bytes(fixture, fixture->client, "reply");
    assert_int_equal(fixture->ended, NOT_ENDED);
    assert_int_equal(shutdown(fixture->server, SHUT_WR), 0);
    assert_int_equal(await_bytes(&fixture->loop, fixture->client, &byte, 1), 0);
    await_end(fixture, RELAY_CLOSED);
}

/* The reader sleeps while the sender sends all it can: then everything stands still, in bounded
 * memory. */
static void slow_reader_stops_the_sender(void **state)
{
    struct fixture *fixture = *state;
    size_t sent = 0, before = 1, received = 0;
    start_relay(fixture, NULL);
    shrink_buffers(fixture);
    while (before != sent || fixture->relay.is_busy) {
        before = sent;
        sent = send_pattern(fixture->client, sent);
        for (int turn = 0; turn < 10; turn++)
            uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_true(sent < LARGE_BYTES);
    const struct relay_flow *up = &fixture->relay.up;
    assert_true(up->held != NULL || up->in_pipe > 0);
    assert_true(up->held_size <= RELAY_BUFFER_BYTES && up->in_pipe <= RELAY_TURN_BYTES);
    while (received < LARGE_BYTES) {
        received = receive_pattern(fixture->server, received);
        sent = send_pattern(fixture->client, sent);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(fixture->relay.up.bytes, LARGE_BYTES);
    assert_null(up->held);
    assert_int_equal(up->pipe.read_end, -1); /* an idle connection holds no pipe */
}

static void large_streams_pass_both_ways_at_once(void **state)
{
    struct fixture *fixture = *state;
    size_t sent[2] = { 0 }, received[2] = { 0 };
    char byte;
    start_relay(fixture, NULL);
    while (received[0] < LARGE_BYTES || received[1] < LARGE_BYTES) {
        sent[0] = send_pattern(fixture->client, sent[0]);
        sent[1] = send_pattern(fixture->server, sent[1]);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        received[0] = receive_pattern(fixture->server, received[0]);
        received[1] = receive_pattern(fixture->client, received[1]);
    }
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    assert_int_equal(shutdown(fixture->server, SHUT_WR), 0);
    await_end(fixture, RELAY_CLOSED);
    assert_int_equal(await_bytes(&fixture->loop, fixture->client, &byte, 1), 0);
    assert_int_equal(fixture->relay.down.bytes, LARGE_BYTES);
}

/* The end waits for the bytes before it, however slowly they are read. */
static void end_comes_after_all_bytes(void **state)
{
    struct fixture *fixture = *state;
    size_t sent = 0, received = 0;
    char byte;
    start_relay(fixture, NULL);
    shrink_buffers(fixture);
    while (sent < LARGE_BYTES) {
        sent = send_pattern(fixture->client, sent);
        received = receive_pattern(fixture->server, received);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_true(received < LARGE_BYTES);
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    while (received < LARGE_BYTES) {
        received = receive_pattern(fixture->server, received);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(await_bytes(&fixture->loop, fixture->server, &byte, 1), 0);
}

static void busy_relay_leaves_the_turn_to_others(void **state)
{
    struct fixture *fixture = *state;
    size_t sent = send_pattern(fixture->client, 0);
    assert_true(sent > 2 * RELAY_TURN_BYTES);
    start_relay(fixture, NULL);
    assert_true(fixture->relay.up.bytes < RELAY_TURN_BYTES + RELAY_BUFFER_BYTES);
    size_t received = 0;
    while (received < sent) { /* and it goes on without any new event from the client */
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        received = receive_pattern(fixture->server, received);
    }
}

static void client_reset_ends_it(void **state)
{
    struct fixture *fixture = *state;
    start_relay(fixture, NULL);
    reset(&fixture->client);
    await_end(fixture, RELAY_CLIENT_RESET);
}

static void server_reset_ends_it_after_its_bytes(void **state)
{
    struct fixture *fixture = *state;
    start_relay(fixture, NULL);
    send_text(fixture->server, "last words");
    reset(&fixture->server);
    await_end(fixture, RELAY_SERVER_RESET);
    expect_bytes(fixture, fixture->client, "last words");
}

/* The server has answered and reset before anything was sent to it: what it answered must arrive.
 */
static void answer_arrives_though_sending_fails(void **state)
{
    struct fixture *fixture = *state;
    send_text(fixture->server, "too large");
    reset(&fixture->server);
    struct pollfd lost = { .fd = fixture->inner[RELAY_SERVER].descriptor };
    assert_int_equal(poll(&lost, 1, AWAIT_MS), 1);
    start_relay(fixture, "request");
    await_end(fixture, RELAY_SERVER_RESET);
    expect_bytes(fixture, fixture->client, "too large");
}

/* Streams from the client until there is more to pass on than one turn's share. */
static void make_busy(struct fixture *fixture)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    size_t received = 0;
    while (!fixture->relay.is_busy) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)send_pattern(fixture->client, 0);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        for (size_t before = 1; before != received;) {
            char bytes[PIECE_BYTES];
            before = received;
            ssize_t size = recv(fixture->server, bytes, sizeof(bytes), MSG_DONTWAIT);
            received += size > 0 ? (size_t)size : 0;
        }
    }
}

static void stopped_relay_is_silent(void **state)
{
    struct fixture *fixture = *state;
    start_relay(fixture, NULL);
    make_busy(fixture);
    relay_stop(&fixture->relay);
    assert_null(fixture->relay.up.held);
    uint64_t bytes = fixture->relay.up.bytes;
    fixture->relay.pool = NULL; /* the fixture hands on no more events */
    for (int turn = 0; turn < 5; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->relay.up.bytes, bytes);
    assert_int_equal(fixture->ended, NOT_ENDED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_bytes_both_ways),
        TEST(sees_what_came_before_it_started),
        TEST(half_close_passes_and_leaves_the_other_way_open),
        TEST(slow_reader_stops_the_sender),
        TEST(large_streams_pass_both_ways_at_once),
        TEST(end_comes_after_all_bytes),
        TEST(busy_relay_leaves_the_turn_to_others),
        TEST(client_reset_ends_it),
        TEST(server_reset_ends_it_after_its_bytes),
        TEST(answer_arrives_though_sending_fails),
        TEST(stopped_relay_is_silent),
    };
    return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
