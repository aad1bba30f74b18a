/* tls/server_stream.c - a connection that a server accepted, as a stream of bytes. */
#include "tls/server_stream.h"

#include "net/socket.h"
#include "tls/server_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

int server_stream_init(struct server_stream *stream, uv_loop_t *loop, int descriptor,
                       struct server_context *context)
{
    SSL *tls = context != NULL ? SSL_new(context->library) : NULL;
    if (context != NULL && (tls == NULL || SSL_set_fd(tls, descriptor) != 1)) {
        SSL_free(tls);
        return UV_ENOMEM;
    }
    int error = uv_poll_init(loop, &stream->poll, descriptor);
    if (error != 0) {
        SSL_free(tls);
        return error;
    }
    if (tls != NULL)
        SSL_set_accept_state(tls);
    stream->tls = tls;
    stream->descriptor = descriptor;
    stream->awaited = 0;
    stream->receiving_awaits = UV_READABLE;
    stream->sending_awaits = UV_WRITABLE;
    stream->is_drained = stream->has_failed = false;
    return 0;
}

bool server_stream_is_open(const struct server_stream *stream)
{
    return stream->tls == NULL || SSL_is_init_finished(stream->tls);
}

static enum stream_status fail(struct server_stream *stream)
{
    stream->has_failed = true;
    return STREAM_FAILED;
}

static enum stream_status receive_plain(struct server_stream *stream, void *ret_bytes, size_t size,
                                        size_t *ret_size)
{
    ssize_t got = socket_receive(stream->descriptor, ret_bytes, size, 0);
    stream->is_drained = got < (ssize_t)size; /* to be asked again in vain costs a system call */
    if (got < 0)
        return errno == EAGAIN ? STREAM_WAITS : fail(stream);
    if (got == 0)
        return STREAM_ENDED;
    *ret_size = (size_t)got;
    return STREAM_MOVED;
}

static enum stream_status send_plain(struct server_stream *stream, const void *bytes, size_t size,
                                     size_t *ret_size)
{
    ssize_t sent = socket_send(stream->descriptor, bytes, size, 0);
    if (sent < 0)
        return errno == EAGAIN ? STREAM_WAITS : fail(stream);
    *ret_size = (size_t)sent;
    return STREAM_MOVED;
}

/* Why the library moved no byte; what has to be awaited then. */
static enum stream_status status_of(struct server_stream *stream, int result, int *ret_awaits)
{
    switch (SSL_get_error(stream->tls, result)) {
    case SSL_ERROR_WANT_READ:
        *ret_awaits = UV_READABLE;
        return STREAM_WAITS;
    case SSL_ERROR_WANT_WRITE:
        *ret_awaits = UV_WRITABLE;
        return STREAM_WAITS;
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_ENDED;
    default:
        return fail(stream);
    }
}

static enum stream_status receive_tls(struct server_stream *stream, void *ret_bytes, size_t size,
                                      size_t *ret_size)
{
    size_t got;
    ERR_clear_error(); /* an old one would be taken for this call's */
    int result = SSL_read_ex(stream->tls, ret_bytes, size, &got);
    stream->receiving_awaits = UV_READABLE;
    if (result != 1) {
        stream->is_drained = true;
        return status_of(stream, result, &stream->receiving_awaits);
    }
    stream->is_drained = SSL_has_pending(stream->tls) == 0;
    *ret_size = got;
    return STREAM_MOVED;
}

static enum stream_status send_tls(struct server_stream *stream, const void *bytes, size_t size,
                                   size_t *ret_size)
{
    size_t sent;
    ERR_clear_error();
    int result = SSL_write_ex(stream->tls, bytes, size, &sent);
    stream->sending_awaits = UV_WRITABLE;
    if (result != 1)
        return status_of(stream, result, &stream->sending_awaits);
    *ret_size = sent;
    return STREAM_MOVED;
}

enum stream_status server_stream_receive(struct server_stream *stream, void *ret_bytes, size_t size,
                                         size_t *ret_size)
{
    if (stream->has_failed)
        return STREAM_FAILED;
    if (stream->is_drained)
        return STREAM_WAITS;
    return stream->tls != NULL ? receive_tls(stream, ret_bytes, size, ret_size)
                               : receive_plain(stream, ret_bytes, size, ret_size);
}

enum stream_status server_stream_send(struct server_stream *stream, const void *bytes, size_t size,
                                      size_t *ret_size)
{
    if (stream->has_failed)
        return STREAM_FAILED;
    return stream->tls != NULL ? send_tls(stream, bytes, size, ret_size)
                               : send_plain(stream, bytes, size, ret_size);
}

/* A status is the socket's error, after which the handle is stopped. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct server_stream *stream = (struct server_stream *)poll; /* its first member */
    if (status < 0) {
        stream->has_failed = true;
        stream->awaited = 0;
    }
    if ((events & stream->receiving_awaits) != 0)
        stream->is_drained = false;
    stream->ready(stream);
}

bool server_stream_await(struct server_stream *stream, bool to_receive, bool to_send)
{
    int events =
        (to_receive ? stream->receiving_awaits : 0) | (to_send ? stream->sending_awaits : 0);
    if (events == stream->awaited)
        return true;
    stream->awaited = events;
    return (events != 0 ? uv_poll_start(&stream->poll, events, on_poll)
                        : uv_poll_stop(&stream->poll)) == 0;
}

/* The socket leaves the loop while its descriptor still has its number. */
void server_stream_close(struct server_stream *stream, uv_close_cb on_closed)
{
    if (stream->tls != NULL && !stream->has_failed && SSL_is_init_finished(stream->tls))
        (void)SSL_shutdown(stream->tls); /* once: the client's own is not waited for */
    SSL_free(stream->tls);
    stream->tls = NULL;
    uv_close((uv_handle_t *)&stream->poll, on_closed);
    (void)close(stream->descriptor);
}
