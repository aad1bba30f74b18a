/* tests/unit/tls/server_stream_test.c - streams over a pair of sockets, plain and with TLS. */
#include "tls/server_stream.h"

#include "loop_sockets.h"
#include "server_keys.h"
#include "tls/server_context.h"

#include <openssl/ssl.h>
#include <signal.h>

enum { LARGE = 1 << 20 };

struct fixture {
    uv_loop_t loop;
    struct server_stream stream;
    unsigned ready_count;
    int client;     /* non-blocking; -1: closed */
    SSL *tls;       /* the client's; NULL: plain */
    SSL_CTX *terms; /* the client's */
};

static void count_ready(struct server_stream *stream)
{
    struct fixture *fixture = stream->poll.data;
    fixture->ready_count++;
}

static void start(struct fixture *fixture, struct server_context *context)
{
    int pair[2];
    memset(fixture, 0, sizeof(*fixture));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(server_stream_init(&fixture->stream, &fixture->loop, pair[0], context), 0);
    fixture->stream.poll.data = fixture;
    fixture->stream.ready = count_ready;
    fixture->client = pair[1];
}

static int start_plain(void **state)
{
    static struct fixture fixture;
    start(&fixture, NULL);
    *state = &fixture;
    return 0;
}

static int start_tls(void **state)
{
    static struct fixture fixture;
    struct server_keys keys;
    struct fault fault;
    server_keys_make(&keys);
    struct server_certificate files = { keys.chain, keys.key };
    struct server_context *context = server_context_new(&files, "dot", &fault);
    server_keys_remove(&keys);
    assert_non_null(context);
    start(&fixture, context);
    server_context_unref(context); /* the stream goes on without it */
    fixture.terms = SSL_CTX_new(TLS_client_method());
    fixture.tls = SSL_new(fixture.terms);
    assert_int_equal(SSL_set_fd(fixture.tls, fixture.client), 1);
    SSL_set_connect_state(fixture.tls);
    *state = &fixture;
    return 0;
}

static void close_client(struct fixture *fixture)
{
    if (fixture->client >= 0)
        close(fixture->client);
    fixture->client = -1;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    server_stream_close(&fixture->stream, NULL);
    finish_loop(&fixture->loop);
    SSL_free(fixture->tls);
    SSL_CTX_free(fixture->terms);
    close_client(fixture);
    return 0;
}

/* What the server receives next, when it is there; the client's handshake goes on meanwhile. */
static enum stream_status await_receive(struct fixture *fixture, void *bytes, size_t size,
                                        size_t *ret_size)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    enum stream_status status;
    while ((status = server_stream_receive(&fixture->stream, bytes, size, ret_size)) ==
           STREAM_WAITS) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        assert_true(server_stream_await(&fixture->stream, true, false));
        if (fixture->tls != NULL && !SSL_is_init_finished(fixture->tls))
            (void)SSL_do_handshake(fixture->tls);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    return status;
}

static void shake_hands(struct fixture *fixture)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    size_t size;
    uint8_t byte;
    assert_false(server_stream_is_open(&fixture->stream));
    while (!server_stream_is_open(&fixture->stream) || !SSL_is_init_finished(fixture->tls)) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        (void)SSL_do_handshake(fixture->tls);
        assert_true(server_stream_await(&fixture->stream, true, false));
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
        assert_int_equal(server_stream_receive(&fixture->stream, &byte, 1, &size), STREAM_WAITS);
    }
}

static ssize_t client_send(struct fixture *fixture, const void *bytes, size_t size)
{
    return fixture->tls != NULL ? SSL_write(fixture->tls, bytes, (int)size)
                                : send(fixture->client, bytes, size, MSG_NOSIGNAL);
}

static ssize_t client_receive(struct fixture *fixture, void *bytes, size_t size)
{
    return fixture->tls != NULL ? SSL_read(fixture->tls, bytes, (int)size)
                                : recv(fixture->client, bytes, size, 0);
}

static void passes_bytes_both_ways(void **state)
{
    struct fixture *fixture = *state;
    char bytes[8];
    size_t size = 0;
    if (fixture->tls != NULL)
        shake_hands(fixture);
    assert_true(server_stream_is_open(&fixture->stream));
    assert_int_equal(client_send(fixture, "question", 8), 8);
    for (size_t at = 0; at < 8; at += size) { /* in little rooms: nothing stays behind unseen */
        assert_int_equal(await_receive(fixture, bytes + at, 3 < 8 - at ? 3 : 8 - at, &size),
                         STREAM_MOVED);
        assert_in_range(size, 1, 3);
    }
    assert_memory_equal(bytes, "question", 8);
    assert_int_equal(server_stream_receive(&fixture->stream, bytes, 8, &size), STREAM_WAITS);
    assert_int_equal(server_stream_send(&fixture->stream, "answer", 6, &size), STREAM_MOVED);
    assert_int_equal(size, 6);
    assert_int_equal(client_receive(fixture, bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "answer", 6);
}

/* The client does not read at first. */
static void sends_as_the_client_takes(void **state)
{
    static uint8_t sent[LARGE], got[LARGE];
    struct fixture *fixture = *state;
    size_t at = 0, read = 0, size;
    unsigned wait_count = 0;
    if (fixture->tls != NULL)
        shake_hands(fixture);
    for (size_t i = 0; i < LARGE; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    while (read < LARGE) {
        enum stream_status status = STREAM_WAITS;
        if (at < LARGE)
            status = server_stream_send(&fixture->stream, sent + at, LARGE - at, &size);
        assert_int_not_equal(status, STREAM_FAILED);
        at += status == STREAM_MOVED ? size : 0;
        if (status == STREAM_MOVED)
            continue;
        wait_count++;
        ssize_t more = client_receive(fixture, got + read, LARGE - read);
        read += more > 0 ? (size_t)more : 0;
    }
    assert_memory_equal(got, sent, LARGE);
    assert_true(wait_count > 1);
}

/* Level-triggered: told again and again, and no more once it awaits nothing. */
static void is_told_while_it_awaits(void **state)
{
    struct fixture *fixture = *state;
    assert_true(server_stream_await(&fixture->stream, true, false));
    uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->ready_count, 0);
    assert_int_equal(send(fixture->client, "x", 1, 0), 1);
    for (int turn = 0; turn < 3; turn++)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(fixture->ready_count, 3);
    assert_true(server_stream_await(&fixture->stream, false, false));
    for (int turn = 0; turn < 3; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(fixture->ready_count, 3);
    assert_true(server_stream_await(&fixture->stream, false, true));
    uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(fixture->ready_count, 4);
}

/* The client sends no more, with close_notify or without, but is sent to. */
static void ends_on_one_side(void **state)
{
    struct fixture *fixture = *state;
    char bytes[8];
    size_t size;
    if (fixture->tls != NULL)
        shake_hands(fixture);
    assert_int_equal(client_send(fixture, "x", 1), 1);
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    assert_int_equal(await_receive(fixture, bytes, 8, &size), STREAM_MOVED);
    assert_int_equal(await_receive(fixture, bytes, 8, &size), STREAM_ENDED);
    assert_int_equal(server_stream_send(&fixture->stream, "answer", 6, &size), STREAM_MOVED);
    assert_int_equal(client_receive(fixture, bytes, sizeof(bytes)), 6);
}

static void ends_with_close_notify(void **state)
{
    struct fixture *fixture = *state;
    char bytes[8];
    size_t size;
    shake_hands(fixture);
    assert_int_equal(SSL_shutdown(fixture->tls), 0);
    assert_int_equal(await_receive(fixture, bytes, 8, &size), STREAM_ENDED);
    assert_int_equal(server_stream_send(&fixture->stream, "answer", 6, &size), STREAM_MOVED);
    assert_int_equal(client_receive(fixture, bytes, sizeof(bytes)), 6);
}

static void fails_for_good(void **state)
{
    struct fixture *fixture = *state;
    char bytes[8];
    size_t size;
    if (fixture->tls != NULL)
        assert_int_equal(send(fixture->client, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    else
        close_client(fixture);
    enum stream_status status = fixture->tls != NULL
                                    ? await_receive(fixture, bytes, 8, &size)
                                    : server_stream_send(&fixture->stream, "answer", 6, &size);
    assert_int_equal(status, STREAM_FAILED);
    assert_int_equal(server_stream_receive(&fixture->stream, bytes, 8, &size), STREAM_FAILED);
    assert_int_equal(server_stream_send(&fixture->stream, "answer", 6, &size), STREAM_FAILED);
}

#define PLAIN(test)                                                                                \
    {                                                                                              \
        "plain: " #test, test, start_plain, end, NULL                                              \
    }
#define TLS(test)                                                                                  \
    {                                                                                              \
        "TLS: " #test, test, start_tls, end, NULL                                                  \
    }

static const struct CMUnitTest tests[] = {
    PLAIN(passes_bytes_both_ways),
    TLS(passes_bytes_both_ways),
    PLAIN(sends_as_the_client_takes),
    TLS(sends_as_the_client_takes),
    PLAIN(is_told_while_it_awaits),
    PLAIN(ends_on_one_side),
    TLS(ends_on_one_side),
    TLS(ends_with_close_notify),
    PLAIN(fails_for_good),
    TLS(fails_for_good),
};

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the process that serves does */
    return cmocka_run_group_tests_name("server_stream", tests, NULL, NULL);
}
