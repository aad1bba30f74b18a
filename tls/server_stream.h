/* tls/server_stream.h - a connection that a server accepted, as a stream of bytes: those of the
 * socket, or those that TLS carries there. Nothing here waits. Belongs to one loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct server_context;
struct ssl_st;

/* What came of receiving or sending. */
enum stream_status {
    STREAM_FAILED = 0, /* for good */
    STREAM_ENDED,      /* the client sends no more; it may still be sent to */
    STREAM_WAITS,      /* nothing now: server_stream_await() */
    STREAM_MOVED,      /* some bytes */
};

struct server_stream {
    uv_poll_t poll;                              /* its `data` is the owner's */
    void (*ready)(struct server_stream *stream); /* the owner's, to be set before it awaits */
    struct ssl_st *tls;                          /* owned; NULL: plain */
    int descriptor;                              /* owned */
    int awaited;                                 /* enum uv_poll_event, a set */
    int receiving_awaits, sending_awaits;        /* the same: TLS may have to send to receive */
    bool is_drained; /* there is nothing to receive until the socket says so */
    bool has_failed;
};

/* Takes `descriptor`, a connected, non-blocking socket, over, but on failure: a negative UV_E*.
 * `context` NULL: plain bytes; else TLS, whose handshake is part of receiving. The process ignores
 * SIGPIPE. */
int server_stream_init(struct server_stream *stream, uv_loop_t *loop, int descriptor,
                       struct server_context *context);

/* False until the handshake, if there is one, is over. */
bool server_stream_is_open(const struct server_stream *stream);

/* Receives at most `size` bytes, at least 1. `*ret_size` is set for STREAM_MOVED alone. */
enum stream_status server_stream_receive(struct server_stream *stream, void *ret_bytes, size_t size,
                                         size_t *ret_size);
/* Sends some of `size` bytes, at least 1. What it did not take must come first the next time.
 * `*ret_size` is set for STREAM_MOVED alone. */
enum stream_status server_stream_send(struct server_stream *stream, const void *bytes, size_t size,
                                      size_t *ret_size);

/* Has `ready` called, again and again, while receiving, or sending, may come to something. With
 * neither, not at all. False on failure. */
bool server_stream_await(struct server_stream *stream, bool to_receive, bool to_send);

/* Ends it, TLS as RFC 8446 6.1 asks. `on_closed` gets the poll handle, which memory must wait for.
 */
void server_stream_close(struct server_stream *stream, uv_close_cb on_closed);
