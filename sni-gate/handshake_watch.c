/* sni-gate/handshake_watch.c - both directions through our hands until the server has answered. */
#include "sni-gate/handshake_watch.h"
#include "net/socket.h"
#include "sni-gate/client_hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { READ_BYTES = 16 * 1024, HELD_BYTES_MAX = 64 * 1024 };
enum { READABLE = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR };

static enum watch_outcome refuse(struct handshake_watch *watch, enum reason reason)
{
    watch->reason = reason;
    return WATCH_REFUSED;
}

/* Bytes on their way */

static bool way_append(struct watch_way *way, const uint8_t *bytes, size_t size)
{
    uint8_t *more = realloc(way->bytes, way->size + size);
    if (more == NULL)
        return false;
    memcpy(more + way->size, bytes, size);
    way->bytes = more;
    way->size += size;
    return true;
}

static void way_clear(struct watch_way *way)
{
    free(way->bytes);
    way->bytes = NULL;
    way->size = way->sent = way->passable = 0;
}

/* Returns what the socket took; -1: it is lost. */
static ssize_t send_some(int descriptor, const uint8_t *bytes, size_t size)
{
    ssize_t sent = socket_send(descriptor, bytes, size, 0);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

/* Returns what there was of the side that `way` comes from, up to READ_BYTES, and takes note that
 * it was all, if so; 0: the end; -1: errno says why. */
static ssize_t receive_some(struct watch_way *way, int descriptor, uint8_t *ret_bytes)
{
    ssize_t size = socket_receive(descriptor, ret_bytes, READ_BYTES, 0);
    if (size < 0 && errno == EAGAIN)
        way->events = 0;
    else if (size > 0 && size < READ_BYTES) /* epoll(7): but for an end */
        way->events &= (uint32_t)~EPOLLIN;
    return size;
}

/* To the server */

static enum watch_outcome send_hello(struct handshake_watch *watch)
{
    const struct hello_assembler *hello = &watch->hello->assembler;
    size_t left = hello->judged_size - watch->hello_sent;
    if (left == 0 || !watch->can_write)
        return WATCH_GOES_ON;
    ssize_t sent = send_some(watch->server->descriptor, hello->raw + watch->hello_sent, left);
    if (sent < 0)
        return WATCH_SERVER_LOST;
    watch->hello_sent += (size_t)sent;
    watch->up.passed += (size_t)sent;
    watch->can_write = (size_t)sent == left;
    return WATCH_GOES_ON;
}

static enum watch_outcome send_up(struct handshake_watch *watch)
{
    struct watch_way *up = &watch->up;
    if (up->sent == up->size)
        way_clear(up);
    size_t left = up->passable - up->sent;
    if (left == 0 || !watch->can_write || watch->is_held ||
        watch->hello_sent < watch->hello->assembler.judged_size)
        return WATCH_GOES_ON;
    ssize_t sent = send_some(watch->server->descriptor, up->bytes + up->sent, left);
    if (sent < 0)
        return WATCH_SERVER_LOST;
    up->sent += (size_t)sent;
    up->passed += (size_t)sent;
    watch->can_write = (size_t)sent == left;
    return WATCH_GOES_ON;
}

/* From the client */

/* The bytes as the client sent them, since a server may take capitals for another name. */
static bool names_same_server(const struct hello_assembler *first,
                              const struct client_hello *second)
{
    struct client_hello hello;
    if (client_hello_parse(hello_assembler_message(first), &hello) != CLIENT_HELLO_OK ||
        !second->has_server_name)
        return false;
    size_t size = reader_left(&hello.server_name);
    return size == reader_left(&second->server_name) &&
           memcmp(hello.server_name.at, second->server_name.at, size) == 0;
}

/* The second hello is whole: it may go on, and what follows it is filtered anew. */
static enum watch_outcome judge_second(struct handshake_watch *watch)
{
    struct client_hello hello;
    struct reader message = hello_assembler_message(&watch->second);
    if (client_hello_parse(message, &hello) != CLIENT_HELLO_OK)
        return refuse(watch, REASON_MALFORMED_HELLO);
    if (!names_same_server(&watch->hello->assembler, &hello))
        return refuse(watch, REASON_NAME_CHANGED);
    size_t hello_size = watch->second.judged_size, size;
    uint8_t *raw = hello_assembler_take_raw(&watch->second, &size);
    watch->filter = (struct record_filter){ 0 };
    watch->reads_second = false;
    watch->has_retried = true;
    bool is_taken = way_append(&watch->up, raw, size);
    watch->up.passable +=
        hello_size + record_filter_pass(&watch->filter, raw + hello_size, size - hello_size);
    free(raw);
    return is_taken ? WATCH_GOES_ON : refuse(watch, REASON_OUT_OF_RESOURCES);
}

static enum watch_outcome feed_second(struct handshake_watch *watch, const uint8_t *bytes,
                                      size_t size)
{
    if (size > hello_assembler_room(&watch->second))
        return refuse(watch, REASON_HELLO_TOO_LARGE);
    switch (hello_assembler_feed(&watch->second, bytes, size)) {
    case HELLO_INCOMPLETE:
        return WATCH_GOES_ON;
    case HELLO_COMPLETE:
        return judge_second(watch);
    case HELLO_MALFORMED:
    case HELLO_NOT_TLS:
        return refuse(watch, REASON_MALFORMED_HELLO);
    case HELLO_TOO_LARGE:
        return refuse(watch, REASON_HELLO_TOO_LARGE);
    case HELLO_OUT_OF_MEMORY:
        break;
    }
    return refuse(watch, REASON_OUT_OF_RESOURCES);
}

/* Takes bytes that follow what is on its way up, which may be sent already. */
static enum watch_outcome take_up(struct handshake_watch *watch, const uint8_t *bytes, size_t size)
{
    size_t passable = record_filter_pass(&watch->filter, bytes, size);
    size_t kept = watch->reads_second ? passable : size;
    if (kept > 0 && !way_append(&watch->up, bytes, kept))
        return refuse(watch, REASON_OUT_OF_RESOURCES);
    watch->up.passable += passable;
    return kept < size ? feed_second(watch, bytes + kept, size - kept) : WATCH_GOES_ON;
}

/* Nothing more is read while something of before has still to go, or must wait for the server. */
static bool wants_client(const struct handshake_watch *watch)
{
    return (watch->up.events & READABLE) != 0 && watch->up.sent == watch->up.size &&
           !watch->is_held && !watch->has_client_ended &&
           (watch->reads_second || !watch->filter.at_handshake);
}

/* After its end, or without TLS, no second hello can come: there is nothing more to watch for, but
 * for the server's proof. */
static enum watch_outcome read_client(struct handshake_watch *watch)
{
    uint8_t bytes[READ_BYTES];
    ssize_t size = receive_some(&watch->up, watch->client->descriptor, bytes);
    if (size < 0 && errno == EAGAIN)
        return WATCH_GOES_ON;
    if (size < 0 || (size == 0 && watch->reads_second))
        return WATCH_CLIENT_LOST;
    watch->has_client_ended = size == 0;
    if (size == 0)
        return watch->wants_proof ? WATCH_GOES_ON : WATCH_SEEN;
    enum watch_outcome outcome = take_up(watch, bytes, (size_t)size);
    if (outcome != WATCH_GOES_ON || !watch->filter.is_not_tls)
        return outcome;
    return watch->wants_proof ? refuse(watch, REASON_NOT_TLS) : WATCH_SEEN;
}

/* From the server */

/* The client gets the request for a second hello at once. What is kept is what came behind it, for
 * the next answer to be judged from there. */
static enum watch_outcome pass_retry_on(struct handshake_watch *watch)
{
    struct watch_way *down = &watch->down;
    if (watch->has_retried || watch->reads_second)
        return refuse(watch, REASON_UPSTREAM_MALFORMED); /* RFC 8446 4.1.4: only once */
    size_t judged = server_flight_size(&watch->flight);
    ssize_t sent = send_some(watch->client->descriptor, down->bytes, judged);
    if (sent < 0 || (size_t)sent < judged) /* far less than an idle socket takes */
        return WATCH_CLIENT_LOST;
    down->passed += (size_t)sent;
    watch->has_relayed = true;
    down->size -= judged;
    memmove(down->bytes, down->bytes + judged, down->size);
    server_flight_restart(&watch->flight);
    watch->reads_second = true;
    hello_assembler_init(&watch->second);
    return WATCH_GOES_ON;
}

/* What had to wait for the server's answer is the start of the second hello. */
static enum watch_outcome begin_second(struct handshake_watch *watch)
{
    struct watch_way *up = &watch->up;
    size_t waiting = up->size - up->passable;
    enum watch_outcome outcome = pass_retry_on(watch);
    if (outcome != WATCH_GOES_ON || waiting == 0)
        return outcome;
    up->size = up->passable;
    return feed_second(watch, up->bytes + up->size, waiting);
}

/* The server's last word: the client hears it, and nothing that may stand behind it. */
static enum watch_outcome pass_alert_on(struct handshake_watch *watch)
{
    size_t size = server_flight_size(&watch->flight);
    if (!watch->wants_proof)
        return WATCH_SEEN;
    ssize_t sent = send_some(watch->client->descriptor, watch->down.bytes, size);
    if (sent < 0)
        return WATCH_CLIENT_LOST;
    watch->down.passed += (size_t)sent;
    watch->has_relayed = true;
    return refuse(watch, REASON_UPSTREAM_REFUSED);
}

static enum watch_outcome judge_down(struct handshake_watch *watch)
{
    switch (server_flight_read(&watch->flight, reader_over(watch->down.bytes, watch->down.size))) {
    case SERVER_FLIGHT_INCOMPLETE:
        return WATCH_GOES_ON;
    case SERVER_FLIGHT_RETRY:
        return begin_second(watch);
    case SERVER_FLIGHT_ALERT:
        return pass_alert_on(watch);
    case SERVER_FLIGHT_HELLO:
    case SERVER_FLIGHT_TLS13:
    case SERVER_FLIGHT_RESUMED:
    case SERVER_FLIGHT_PROVEN:
        return WATCH_SEEN;
    case SERVER_FLIGHT_NOT_TLS:
        return watch->wants_proof ? refuse(watch, REASON_CERTIFICATE_ABSENT) : WATCH_SEEN;
    case SERVER_FLIGHT_NO_CERTIFICATE:
        return refuse(watch, REASON_CERTIFICATE_ABSENT);
    case SERVER_FLIGHT_UNPROVEN:
        return refuse(watch, REASON_CERTIFICATE_UNPROVEN);
    case SERVER_FLIGHT_OUT_OF_MEMORY:
        return refuse(watch, REASON_OUT_OF_RESOURCES);
    case SERVER_FLIGHT_MALFORMED:
        break;
    }
    return refuse(watch, REASON_UPSTREAM_MALFORMED);
}

/* While the second hello is awaited, the server has nothing to say. */
static bool wants_server(const struct handshake_watch *watch)
{
    bool has_room =
        !watch->is_held || (watch->down.size < HELD_BYTES_MAX && !watch->has_server_ended);
    return (watch->down.events & READABLE) != 0 && !watch->reads_second && has_room;
}

static enum watch_outcome read_server(struct handshake_watch *watch)
{
    uint8_t bytes[READ_BYTES];
    ssize_t size = receive_some(&watch->down, watch->server->descriptor, bytes);
    if (size < 0 && errno == EAGAIN)
        return WATCH_GOES_ON;
    watch->has_server_ended = size == 0 && watch->down.size > 0;
    if (watch->is_held && watch->has_server_ended)
        return WATCH_GOES_ON;
    if (size <= 0)
        return WATCH_SERVER_LOST;
    if (!way_append(&watch->down, bytes, (size_t)size))
        return refuse(watch, REASON_OUT_OF_RESOURCES);
    return watch->is_held ? WATCH_GOES_ON : judge_down(watch);
}

/* Both */

/* Goes on until both sides have nothing more to give or to take. */
static enum watch_outcome run(struct handshake_watch *watch)
{
    enum watch_outcome outcome = WATCH_GOES_ON;
    bool is_moving = true;
    while (outcome == WATCH_GOES_ON && is_moving) {
        is_moving = false;
        outcome = send_hello(watch);
        if (outcome == WATCH_GOES_ON)
            outcome = send_up(watch);
        if (outcome == WATCH_GOES_ON && wants_server(watch)) {
            outcome = read_server(watch);
            is_moving = true;
        }
        if (outcome == WATCH_GOES_ON && wants_client(watch)) {
            outcome = read_client(watch);
            is_moving = true;
        }
    }
    return outcome;
}

enum watch_outcome handshake_watch_start(struct handshake_watch *watch,
                                         const struct watch_sides *sides,
                                         struct hello_reader *hello)
{
    const struct hello_assembler *first = &hello->assembler;
    *watch = (struct handshake_watch){ .client = sides->client,
                                       .server = sides->server,
                                       .hello = hello,
                                       .can_write = true,
                                       .is_held = sides->is_held,
                                       .wants_proof = sides->wants_proof,
                                       .reason = REASON_UPSTREAM_MALFORMED };
    watch->up.events = sides->client_events;
    watch->down.events = sides->server_events;
    server_flight_init(&watch->flight, sides->wants_proof ? &hello->hello : NULL,
                       sides->certificates);
    enum watch_outcome outcome =
        take_up(watch, first->raw + first->judged_size, first->raw_size - first->judged_size);
    return outcome == WATCH_GOES_ON ? run(watch) : outcome;
}

enum watch_outcome handshake_watch_client_ready(struct handshake_watch *watch, uint32_t events)
{
    watch->up.events |= events;
    return (events & (EPOLLERR | EPOLLHUP)) != 0 ? WATCH_CLIENT_LOST : run(watch);
}

enum watch_outcome handshake_watch_server_ready(struct handshake_watch *watch, uint32_t events)
{
    watch->down.events |= events;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        watch->can_write = true;
    return run(watch);
}

enum watch_outcome handshake_watch_let_go(struct handshake_watch *watch)
{
    watch->is_held = false;
    enum watch_outcome outcome = watch->down.size > 0 ? judge_down(watch) : WATCH_GOES_ON;
    return outcome == WATCH_GOES_ON ? run(watch) : outcome;
}

bool handshake_watch_can_leave_server(const struct handshake_watch *watch)
{
    return watch->up.passed == watch->hello_sent && !watch->has_relayed;
}

bool handshake_watch_can_start_over(const struct handshake_watch *watch)
{
    return handshake_watch_can_leave_server(watch) && watch->down.size == 0;
}

/* The rest of the hello, where the server answered before it had all of it, goes first. */
static bool put_hello_first(struct handshake_watch *watch, struct relay_preface *up)
{
    const struct hello_assembler *hello = &watch->hello->assembler;
    size_t left = hello->judged_size - watch->hello_sent, more = up->size - up->sent;
    if (left == 0)
        return true;
    uint8_t *bytes = malloc(left + more);
    if (bytes == NULL)
        return false;
    memcpy(bytes, hello->raw + watch->hello_sent, left);
    if (more > 0)
        memcpy(bytes + left, up->bytes + up->sent, more);
    free(up->bytes);
    *up = (struct relay_preface){ bytes, left + more, 0, up->events };
    return true;
}

static struct relay_preface preface_of(struct watch_way *way)
{
    struct relay_preface preface = { way->bytes, way->size, way->sent, way->events };
    way->bytes = NULL;
    way_clear(way);
    return preface;
}

enum watch_outcome handshake_watch_start_over(struct handshake_watch *watch,
                                              const struct watch_sides *sides)
{
    way_clear(&watch->down);
    server_flight_release(&watch->flight);
    server_flight_init(&watch->flight, watch->wants_proof ? &watch->hello->hello : NULL,
                       sides->certificates);
    watch->server = sides->server;
    watch->is_held = sides->is_held;
    watch->has_server_ended = false;
    watch->up.events = sides->client_events;
    watch->down.events = sides->server_events;
    watch->hello_sent = 0;
    watch->up.passed = 0;
    watch->can_write = true;
    return run(watch);
}

bool handshake_watch_take_prefaces(struct handshake_watch *watch,
                                   struct relay_preface ret_prefaces[2])
{
    struct relay_preface up = preface_of(&watch->up);
    if (!put_hello_first(watch, &up)) {
        free(up.bytes);
        return false;
    }
    ret_prefaces[RELAY_CLIENT] = up;
    ret_prefaces[RELAY_SERVER] = preface_of(&watch->down);
    return true;
}

void handshake_watch_release(struct handshake_watch *watch)
{
    way_clear(&watch->up);
    way_clear(&watch->down);
    hello_assembler_release(&watch->second);
    server_flight_release(&watch->flight);
}
