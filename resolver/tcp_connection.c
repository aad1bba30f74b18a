/* resolver/tcp_connection.c - one client's connection, over TCP or TLS. */
#include "resolver/tcp_connection.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"
#include "net/socket.h"
#include "resolver/padding.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STEPS_A_TURN = 64, /* then the other sockets of the loop have their turn */
    PADDING_ROOM = PADDING_BLOCK_BYTES + 4,
    ANSWER_ROOM = FRAME_LENGTH_BYTES + RESOLVER_ANSWER_MAX + PADDING_ROOM,
};

/* A query whose answer waits for a look-up; then for room in the connection's output. */
struct late_answer {
    struct resolver_waiting waiting;
    struct tcp_connection *connection;
    TAILQ_ENTRY(late_answer) late;
    bool wants_padding, is_answered;
    uint8_t *frame; /* owned; NULL: not known yet */
    size_t frame_size;
};

static void forget(struct late_answer *late)
{
    late->connection->late_count--;
    TAILQ_REMOVE(&late->connection->late, late, late);
    free(late->frame);
    free(late);
}

static void forget_all(struct tcp_connection *connection)
{
    struct late_answer *late;
    while ((late = TAILQ_FIRST(&connection->late)) != NULL) {
        if (!late->is_answered)
            resolver_wait_cancel(&late->waiting);
        forget(late);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct tcp_connection *connection = handle->data;
    if (--connection->open_handles > 0)
        return;
    connection->owner.connection_closed(connection->owner.context, connection);
    free(connection);
}

static bool is_closing(const struct tcp_connection *connection)
{
    return uv_is_closing((const uv_handle_t *)&connection->idle);
}

void tcp_connection_close(struct tcp_connection *connection)
{
    if (is_closing(connection))
        return;
    if (!server_stream_is_open(&connection->stream))
        resolver_count(connection->owner.resolver, RESOLVER_TLS_FAILED, 1);
    forget_all(connection);
    server_stream_close(&connection->stream, on_handle_closed);
    uv_close((uv_handle_t *)&connection->idle, on_handle_closed);
}

static void put_idle_off(struct tcp_connection *connection);

/* RFC 7766 6.2.3: a connection is not idle while a query waits for its answer. A look-up has a
 * limit of its own. */
static void on_idle(uv_timer_t *timer)
{
    struct tcp_connection *connection = timer->data;
    if (connection->late_count > 0 && connection->unsent_size == 0)
        put_idle_off(connection);
    else
        tcp_connection_close(connection);
}

/* Only whole answers that the client took put the end off, so that neither a byte now and then nor
 * a handshake without an end nor a client that does not read holds a connection. */
static void put_idle_off(struct tcp_connection *connection)
{
    uint64_t idle_ms = connection->is_ending ? TCP_ENDING_IDLE_MS : RESOLVER_TCP_IDLE_MS;
    (void)uv_timer_start(&connection->idle, on_idle, idle_ms, 0); /* fails only without callback */
}

void tcp_connection_end_soon(struct tcp_connection *connection)
{
    connection->is_ending = true;
    if (!is_closing(connection))
        put_idle_off(connection);
}

/* What can be done for a connection now. */
enum progress {
    PROGRESS_OVER = 0, /* nothing any more, or it sent what no DNS client sends */
    PROGRESS_RECEIVES, /* the client has to send */
    PROGRESS_SENDS,    /* the client has to take its answers */
    PROGRESS_LOOKS_UP, /* a look-up has to end */
    PROGRESS_MADE,     /* something was done, and there may be more */
};

static void serve(struct tcp_connection *connection);

/* Pads, where the client may be padded for, and puts the size before the answer of `size` bytes at
 * frame + 2. Returns the frame's size. */
static size_t finish_frame(uint8_t *frame, size_t size, size_t room, bool is_padded)
{
    if (is_padded)
        size = padding_add(frame + FRAME_LENGTH_BYTES, size, room);
    store_uint(frame, (uint32_t)size, FRAME_LENGTH_BYTES);
    return FRAME_LENGTH_BYTES + size;
}

static void on_answered(struct resolver_waiting *waiting, const uint8_t *answer, size_t size)
{
    struct late_answer *late = (struct late_answer *)waiting; /* its first member */
    struct tcp_connection *connection = late->connection;
    size_t room = size + PADDING_ROOM < FRAME_ANSWER_MAX ? size + PADDING_ROOM : FRAME_ANSWER_MAX;
    late->is_answered = true;
    late->frame = size <= FRAME_ANSWER_MAX ? malloc(FRAME_LENGTH_BYTES + room) : NULL;
    if (late->frame == NULL) { /* else the client would wait for it */
        tcp_connection_close(connection);
        return;
    }
    memcpy(late->frame + FRAME_LENGTH_BYTES, answer, size);
    late->frame_size = finish_frame(late->frame, size, room, late->wants_padding);
    if (connection->unsent_size == 0)
        serve(connection);
}

/* False when it can't wait. */
static bool answer_late(struct tcp_connection *connection, const struct resolver_request *request,
                        bool wants_padding)
{
    struct late_answer *late = calloc(1, sizeof(*late));
    if (late == NULL)
        return false;
    late->connection = connection;
    late->wants_padding = wants_padding;
    if (!resolver_wait(connection->owner.resolver, request, on_answered, &late->waiting)) {
        free(late);
        return false;
    }
    TAILQ_INSERT_TAIL(&connection->late, late, late);
    connection->late_count++;
    return true;
}

/* Takes the late answers that are known by now, as far as there is room. One that is too long for
 * `output` is sent from where it is: then true, and nothing else may be answered now. */
static bool put_late_answers(struct tcp_connection *connection, struct writer *output)
{
    struct late_answer *next, *late = TAILQ_FIRST(&connection->late);
    for (; late != NULL; late = next) {
        next = TAILQ_NEXT(late, late);
        bool is_long = late->frame_size > sizeof(connection->output);
        if (!late->is_answered || (is_long && writer_size(output) > 0))
            continue;
        if (is_long) {
            connection->sending = late;
            connection->unsent = late->frame;
            connection->unsent_size = late->frame_size;
            return true;
        }
        if (writer_left(output) < late->frame_size)
            break;
        writer_bytes(output, late->frame, late->frame_size);
        forget(late);
    }
    return false;
}

/* Answers the message at the start of `input` into `output`, which has the room. Where it can't,
 * both stay as they are. */
static enum progress answer_message(struct tcp_connection *connection, struct reader *input,
                                    struct writer *output)
{
    struct reader rest = *input, message;
    enum frame_status status = frame_take(&rest, &message);
    if (status != FRAME_WHOLE)
        return status == FRAME_INCOMPLETE ? PROGRESS_RECEIVES : PROGRESS_OVER;
    if (connection->late_count == TCP_WAITING_MAX)
        return PROGRESS_LOOKS_UP;
    struct resolver_request request = {
        .bytes = message.at,
        .size = reader_left(&message),
        .client = connection->client,
        .now_s = clock_realtime_s(),
        .is_tcp = true,
        .may_wait = true,
    };
    uint8_t *answer = output->at + FRAME_LENGTH_BYTES;
    bool is_padded = connection->is_tls && padding_is_wanted(message);
    size_t size = resolver_answer(connection->owner.resolver, &request, answer);
    if (size == RESOLVER_WAITS && answer_late(connection, &request, is_padded)) {
        *input = rest;
        return PROGRESS_MADE;
    }
    if (size == RESOLVER_WAITS) {
        request.may_wait = false;
        size = resolver_answer(connection->owner.resolver, &request, answer);
    }
    if (size == 0)
        return PROGRESS_OVER;
    (void)writer_reserve(output, finish_frame(output->at, size, size + PADDING_ROOM, is_padded));
    *input = rest;
    return PROGRESS_MADE;
}

/* Makes answers ready to be sent, while the output has room: late ones first, then those to what
 * has arrived. */
static enum progress answer_messages(struct tcp_connection *connection)
{
    enum progress progress = PROGRESS_MADE;
    struct reader input = reader_over(connection->input, connection->input_size);
    struct writer output = writer_over(connection->output, sizeof(connection->output));
    if (put_late_answers(connection, &output))
        return PROGRESS_MADE;
    while (progress == PROGRESS_MADE && writer_left(&output) >= ANSWER_ROOM)
        progress = answer_message(connection, &input, &output);
    connection->unsent = connection->output;
    connection->unsent_size = writer_size(&output);
    connection->input_size = reader_left(&input);
    memmove(connection->input, input.at, connection->input_size);
    return connection->unsent_size > 0 ? PROGRESS_MADE : progress;
}

/* Back-pressure: while a client does not read its answers, it is not read from. */
static enum progress send_unsent(struct tcp_connection *connection)
{
    size_t sent;
    enum stream_status status =
        server_stream_send(&connection->stream, connection->unsent, connection->unsent_size, &sent);
    if (status == STREAM_WAITS)
        return PROGRESS_SENDS;
    if (status != STREAM_MOVED)
        return PROGRESS_OVER;
    connection->unsent += sent;
    connection->unsent_size -= sent;
    if (connection->unsent_size > 0)
        return PROGRESS_MADE;
    if (connection->sending != NULL)
        forget(connection->sending);
    connection->sending = NULL;
    put_idle_off(connection);
    return PROGRESS_MADE;
}

/* There always is room: the input holds the longest message, and whole ones are answered first. */
static enum progress receive_more(struct tcp_connection *connection)
{
    size_t got;
    if (connection->has_ended) /* it may have shut its sending side alone */
        return connection->late_count > 0 ? PROGRESS_LOOKS_UP : PROGRESS_OVER;
    switch (server_stream_receive(&connection->stream, connection->input + connection->input_size,
                                  sizeof(connection->input) - connection->input_size, &got)) {
    case STREAM_MOVED:
        connection->input_size += got;
        return PROGRESS_MADE;
    case STREAM_WAITS:
        return PROGRESS_RECEIVES;
    case STREAM_ENDED:
        connection->has_ended = true;
        return PROGRESS_MADE;
    case STREAM_FAILED:
        break;
    }
    return PROGRESS_OVER;
}

static enum progress step(struct tcp_connection *connection)
{
    if (connection->unsent_size > 0)
        return send_unsent(connection);
    enum progress progress = answer_messages(connection);
    return progress == PROGRESS_RECEIVES ? receive_more(connection) : progress;
}

/* Does what can be done now, unless it is too much for one turn: then the rest follows in the next
 * one, as the socket has room. Where nothing but look-ups can go on, their end calls this. */
static void serve(struct tcp_connection *connection)
{
    enum progress progress = PROGRESS_MADE;
    for (int i = 0; progress == PROGRESS_MADE && i < STEPS_A_TURN; i++)
        progress = step(connection);
    bool is_on = progress == PROGRESS_MADE;
    if (progress == PROGRESS_OVER ||
        !server_stream_await(&connection->stream, is_on || progress == PROGRESS_RECEIVES,
                             is_on || progress == PROGRESS_SENDS))
        tcp_connection_close(connection);
}

static void on_ready(struct server_stream *stream)
{
    serve(stream->poll.data);
}

struct tcp_connection *tcp_connection_new(uv_loop_t *loop, int descriptor,
                                          const struct endpoint *client,
                                          const struct tcp_connection_owner *owner)
{
    /* Not calloc: the buffers are most of it, and are written before they are read. */
    struct tcp_connection *connection = malloc(sizeof(*connection));
    if (connection == NULL ||
        server_stream_init(&connection->stream, loop, descriptor, owner->tls) != 0) {
        close(descriptor);
        free(connection);
        return NULL;
    }
    connection->stream.ready = on_ready;
    connection->stream.poll.data = connection->idle.data = connection;
    connection->open_handles = 2;
    connection->is_ending = connection->has_ended = false;
    connection->is_tls = owner->tls != NULL;
    TAILQ_INIT(&connection->late);
    connection->late_count = 0;
    connection->client = *client;
    connection->owner = *owner;
    connection->owner.tls = NULL; /* borrowed for this call */
    connection->previous = connection->next = NULL;
    connection->unsent = NULL;
    connection->sending = NULL;
    connection->unsent_size = connection->input_size = 0;
    (void)uv_timer_init(loop, &connection->idle); /* can't fail */
    socket_set_no_delay(descriptor);
    put_idle_off(connection);
    if (!server_stream_await(&connection->stream, true, false))
        tcp_connection_close(connection);
    return connection;
}
