/* resolver/tcp_connection.c - one client's TCP connection. */
#include "resolver/tcp_connection.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A query whose answer waits for another server; then for room in the connection's output. */
struct late_answer {
    struct resolver_waiting waiting;
    struct tcp_connection *connection;
    LIST_ENTRY(late_answer) late;
    size_t size;    /* of the answer with its frame; 0: not known yet */
    uint8_t *bytes; /* owned */
};

static void forget(struct late_answer *late)
{
    late->connection->late_count--;
    late->connection->ready_count -= late->size > 0;
    LIST_REMOVE(late, late);
    free(late->bytes);
    free(late);
}

static void forget_all(struct tcp_connection *connection)
{
    struct late_answer *late;
    while ((late = LIST_FIRST(&connection->late)) != NULL) {
        if (late->size == 0)
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
    free(connection->large);
    free(connection);
}

static bool is_closing(const struct tcp_connection *connection)
{
    return uv_is_closing((const uv_handle_t *)&connection->stream);
}

void tcp_connection_close(struct tcp_connection *connection)
{
    if (is_closing(connection))
        return;
    forget_all(connection);
    uv_close((uv_handle_t *)&connection->stream, on_handle_closed);
    uv_close((uv_handle_t *)&connection->idle, on_handle_closed);
}

static void put_idle_off(struct tcp_connection *connection);

/* The short time of a connection that is ending may be over before a look-up is, which has a limit
 * of its own. */
static void on_idle(uv_timer_t *timer)
{
    struct tcp_connection *connection = timer->data;
    if (connection->is_ending && connection->late_count > 0 && !connection->is_writing)
        put_idle_off(connection);
    else
        tcp_connection_close(connection);
}

/* Only whole answers that the client took put the end off, so that neither a byte now and then nor
 * a client that does not read holds a connection. */
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

/* What came of a message. */
enum progress {
    PROGRESS_BROKEN = 0, /* no DNS client sends this */
    PROGRESS_STARVED,    /* it is not whole yet */
    PROGRESS_HELD_UP,    /* as many as may wait for other servers do */
    PROGRESS_ANSWERED,   /* or it waits for a look-up */
};

static void serve(struct tcp_connection *connection);

static void on_answered(struct resolver_waiting *waiting, const uint8_t *answer, size_t size)
{
    struct late_answer *late = (struct late_answer *)waiting; /* its first member */
    struct tcp_connection *connection = late->connection;
    late->bytes = malloc(2 + size);
    if (late->bytes == NULL) {
        forget(late); /* before the end of the connection, which cancels the others */
        tcp_connection_close(connection);
        return;
    }
    store_uint(late->bytes, (uint32_t)size, 2);
    memcpy(late->bytes + 2, answer, size);
    late->size = 2 + size;
    connection->ready_count++;
    if (!connection->is_writing)
        serve(connection);
}

/* False when it can't wait. */
static bool answer_late(struct tcp_connection *connection, const struct resolver_request *request)
{
    struct late_answer *late = calloc(1, sizeof(*late));
    if (late == NULL)
        return false;
    late->connection = connection;
    if (!resolver_wait(connection->owner.resolver, request, on_answered, &late->waiting)) {
        free(late);
        return false;
    }
    LIST_INSERT_HEAD(&connection->late, late, late);
    connection->late_count++;
    return true;
}

/* Takes one late answer that is known by now; false where there is no room for it. */
static bool put_late_answer(struct tcp_connection *connection, struct late_answer *late,
                            struct writer *output)
{
    if (late->size <= 2 + RESOLVER_ANSWER_MAX) {
        if (writer_left(output) < late->size)
            return false;
        writer_bytes(output, late->bytes, late->size);
    } else {
        if (connection->large != NULL)
            return false;
        connection->large = late->bytes;
        connection->large_size = late->size;
        late->bytes = NULL;
    }
    forget(late);
    return true;
}

/* Takes the late answers that are known by now, as far as there is room. */
static void put_late_answers(struct tcp_connection *connection, struct writer *output)
{
    struct late_answer *next, *late = LIST_FIRST(&connection->late);
    for (; late != NULL; late = next) {
        next = LIST_NEXT(late, late);
        if (late->size > 0)
            (void)put_late_answer(connection, late, output); /* else the next time */
    }
}

/* Answers the message at the start of `input` into `output`, which has the room. Where it can't,
 * both stay as they are. */
static enum progress answer_message(struct tcp_connection *connection, struct reader *input,
                                    struct writer *output)
{
    struct reader rest = *input;
    size_t size = reader_uint(&rest, 2);
    if (size > TCP_QUERY_MAX)
        return PROGRESS_BROKEN;
    struct resolver_request request = {
        .bytes = reader_take(&rest, size),
        .size = size,
        .client = connection->client,
        .now_s = clock_realtime_s(),
        .is_tcp = true,
        .may_wait = true,
    };
    if (rest.failed)
        return PROGRESS_STARVED;
    if (connection->late_count == TCP_WAITING_MAX)
        return PROGRESS_HELD_UP;
    size_t answer_size = resolver_answer(connection->owner.resolver, &request, output->at + 2);
    if (answer_size == RESOLVER_WAITS && answer_late(connection, &request)) {
        *input = rest;
        return PROGRESS_ANSWERED;
    }
    if (answer_size == RESOLVER_WAITS) {
        request.may_wait = false;
        answer_size = resolver_answer(connection->owner.resolver, &request, output->at + 2);
    }
    if (answer_size == 0)
        return PROGRESS_BROKEN;
    store_uint(output->at, (uint32_t)answer_size, 2);
    (void)writer_reserve(output, 2 + answer_size); /* filled already */
    *input = rest;
    return PROGRESS_ANSWERED;
}

/* Answers what has arrived while the output has room; ANSWERED: there may be more. */
static enum progress answer_messages(struct tcp_connection *connection)
{
    enum progress progress = PROGRESS_ANSWERED;
    struct reader input = reader_over(connection->input, connection->input_size);
    struct writer output = writer_over(connection->output, sizeof(connection->output));
    put_late_answers(connection, &output);
    while (progress == PROGRESS_ANSWERED && writer_left(&output) >= 2 + RESOLVER_ANSWER_MAX)
        progress = answer_message(connection, &input, &output);
    connection->output_size = writer_size(&output);
    connection->input_size = reader_left(&input);
    memmove(connection->input, input.at, connection->input_size);
    return progress;
}

static void stop_reading(struct tcp_connection *connection)
{
    (void)uv_read_stop((uv_stream_t *)&connection->stream); /* never fails */
    connection->is_reading = false;
}

static void on_written(uv_write_t *write, int status);

/* What is left to send when `done` bytes of it are sent. */
static unsigned fill_buffers(const struct tcp_connection *connection, size_t done,
                             uv_buf_t ret_buffers[2])
{
    unsigned count = 0;
    size_t size = connection->output_size;
    if (done < size)
        ret_buffers[count++] =
            uv_buf_init((char *)connection->output + done, (unsigned)(size - done));
    done = done > size ? done - size : 0;
    if (connection->large != NULL)
        ret_buffers[count++] = uv_buf_init((char *)connection->large + done,
                                           (unsigned)(connection->large_size - done));
    return count;
}

static void drop_large(struct tcp_connection *connection)
{
    free(connection->large);
    connection->large = NULL;
    connection->large_size = 0;
}

/* Back-pressure: while a client does not read its answers, it is not read from. */
static void send_output(struct tcp_connection *connection)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->stream;
    uv_buf_t buffers[2];
    size_t size = connection->output_size + connection->large_size;
    unsigned count = fill_buffers(connection, 0, buffers);
    int sent = size > 0 ? uv_try_write(stream, buffers, count) : 0;
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (sent < 0 && sent != UV_EAGAIN) {
        tcp_connection_close(connection);
    } else if (done < size) {
        count = fill_buffers(connection, done, buffers);
        stop_reading(connection);
        connection->is_writing =
            uv_write(&connection->write, stream, buffers, count, on_written) == 0;
        if (!connection->is_writing)
            tcp_connection_close(connection);
    } else if (done > 0) {
        drop_large(connection);
        put_idle_off(connection);
    }
}

static void read_on(struct tcp_connection *connection);

/* Answers all that has arrived, unless the client lets its answers pile up, or too many wait for
 * look-ups. Not while it is written. */
static void serve(struct tcp_connection *connection)
{
    enum progress progress;
    do {
        progress = answer_messages(connection);
        send_output(connection);
    } while ((progress == PROGRESS_ANSWERED || connection->ready_count > 0) &&
             !connection->is_writing && !is_closing(connection));
    if (connection->is_writing || is_closing(connection))
        return;
    bool is_done = connection->has_ended && connection->late_count == 0;
    if (progress == PROGRESS_BROKEN || is_done)
        tcp_connection_close(connection);
    else if (progress == PROGRESS_HELD_UP)
        stop_reading(connection); /* nor does `input` get fuller */
    else
        read_on(connection);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    (void)buffer;
    struct tcp_connection *connection = stream->data;
    if (size == UV_EOF && connection->late_count > 0) {
        connection->has_ended = true; /* it may have shut its sending side alone */
        stop_reading(connection);
    } else if (size < 0) { /* its end included: all that came before it is answered by now */
        tcp_connection_close(connection);
    } else {
        connection->input_size += (size_t)size;
        serve(connection);
    }
}

/* There always is room: the input holds the longest message, and whole ones are answered as they
 * come. */
static void on_room_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    (void)suggested;
    struct tcp_connection *connection = handle->data;
    ret_buffer->base = (char *)connection->input + connection->input_size;
    ret_buffer->len = sizeof(connection->input) - connection->input_size;
}

static void read_on(struct tcp_connection *connection)
{
    if (connection->is_reading || connection->has_ended)
        return;
    connection->is_reading =
        uv_read_start((uv_stream_t *)&connection->stream, on_room_wanted, on_read) == 0;
    if (!connection->is_reading)
        tcp_connection_close(connection);
}

static void on_written(uv_write_t *write, int status)
{
    struct tcp_connection *connection = write->data;
    if (is_closing(connection))
        return;
    connection->is_writing = false;
    drop_large(connection);
    if (status < 0) {
        tcp_connection_close(connection);
        return;
    }
    put_idle_off(connection);
    serve(connection);
}

struct tcp_connection *tcp_connection_new(uv_loop_t *loop, int descriptor,
                                          const struct endpoint *client,
                                          const struct tcp_connection_owner *owner)
{
    /* Not calloc: the buffers are most of it, and are written before they are read. */
    struct tcp_connection *connection = malloc(sizeof(*connection));
    if (connection == NULL) {
        close(descriptor);
        return NULL;
    }
    connection->stream.data = connection->idle.data = connection->write.data = connection;
    connection->open_handles = 2;
    connection->is_ending = false;
    connection->is_reading = connection->is_writing = connection->has_ended = false;
    LIST_INIT(&connection->late);
    connection->late_count = connection->ready_count = 0;
    connection->large = NULL;
    connection->large_size = 0;
    connection->client = *client;
    connection->owner = *owner;
    connection->previous = connection->next = NULL;
    connection->input_size = connection->output_size = 0;
    (void)uv_tcp_init(loop, &connection->stream); /* neither of these two can fail */
    (void)uv_timer_init(loop, &connection->idle);
    if (uv_tcp_open(&connection->stream, descriptor) != 0) {
        close(descriptor);
        tcp_connection_close(connection);
        return connection;
    }
    (void)uv_tcp_nodelay(&connection->stream, 1); /* failure only costs latency */
    put_idle_off(connection);
    read_on(connection);
    return connection;
}
