/* sni-gate/gate.c - accepting connections. */
#include "sni-gate/gate.h"
#include "net/socket.h"
#include "sni-gate/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 64,
    ACCEPTS_AT_LAST = 4096,   /* as many as the kernel keeps waiting */
    ACCEPT_NEXT_TURN_MS = 1,  /* not 0: libuv runs a zero timer again in the same turn */
    ACCEPT_SHORTAGE_MS = 100, /* until descriptors or memory may be there again */
};

/* A client that vanished is found out within two minutes; one that is idle may stay. */

struct listener {
    LIST_ENTRY(listener) listeners;
    struct gate *gate;
    struct socket_watch watch;
    uint16_t port;
};

struct gate {
    struct session_context sessions;
    LIST_HEAD(, listener) listeners;
    uv_timer_t resume;    /* active: accepting goes on then */
    int spare_descriptor; /* given up to turn a client away when there is no other; -1: lost */
    bool is_timer_closed;
};

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Life */

static void free_if_done(struct gate *gate)
{
    if (gate->is_timer_closed && gate->sessions.unfreed_count == 0)
        free(gate);
}

static void on_all_sessions_freed(struct session_context *sessions)
{
    free_if_done((struct gate *)((char *)sessions - offsetof(struct gate, sessions)));
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct gate *gate = handle->data;
    gate->is_timer_closed = true;
    free_if_done(gate);
}

struct gate *gate_new(const struct gate_parts *parts)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    struct relay_pool *relays = relay_pool_new(parts->loop);
    if (gate == NULL || relays == NULL) {
        relay_pool_free(relays);
        free(gate);
        return NULL;
    }
    gate->sessions = (struct session_context){
        .loop = parts->loop,
        .poller = parts->poller,
        .upstream = parts->upstream,
        .view = parts->view,
        .relays = relays,
        .sink = parts->sink,
        .address_check = { .addresses = parts->addresses },
        .on_all_freed = on_all_sessions_freed,
    };
    LIST_INIT(&gate->sessions.live);
    LIST_INIT(&gate->listeners);
    uv_timer_init(parts->loop, &gate->resume);
    gate->resume.data = gate;
    gate->spare_descriptor = open_spare();
    return gate;
}

void gate_free(struct gate *gate)
{
    if (gate == NULL)
        return;
    gate_stop(gate);
    gate_close_all(gate);
    relay_pool_free(gate->sessions.relays);
    if (gate->spare_descriptor >= 0)
        (void)close(gate->spare_descriptor);
    uv_close((uv_handle_t *)&gate->resume, on_timer_closed);
}

/* Accepting */

enum accept_outcome { ACCEPT_SHORTAGE = 0, ACCEPT_DRAINED, ACCEPT_AGAIN };

static void accept_some(struct listener *listener);

static void on_resume(uv_timer_t *timer)
{
    struct gate *gate = timer->data;
    struct listener *listener;
    if (gate->spare_descriptor < 0)
        gate->spare_descriptor = open_spare();
    LIST_FOREACH(listener, &gate->listeners, listeners)
    accept_some(listener);
}

/* One accept4(): the descriptor, or -1 with errno. */
static int accept_client(const struct listener *listener, struct session_arrival *ret_arrival)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int descriptor = accept4(listener->watch.descriptor, (struct sockaddr *)&address, &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0)
        *ret_arrival = (struct session_arrival){
            .client = endpoint_from_sockaddr((struct sockaddr *)&address),
            .port = listener->port,
        };
    return descriptor;
}

static void turn_away(struct gate *gate, int descriptor, const struct session_arrival *arrival)
{
    (void)close(descriptor);
    session_report_turned_away(&gate->sessions, arrival);
}

/* Out of descriptors, a client left in the backlog would hang until it gives up, and its readiness
 * is not told again. So the spare descriptor is lent to accept it and close it. */
static enum accept_outcome turn_next_away(struct listener *listener)
{
    struct gate *gate = listener->gate;
    struct session_arrival arrival;
    if (gate->spare_descriptor < 0)
        return ACCEPT_SHORTAGE;
    (void)close(gate->spare_descriptor);
    int descriptor = accept_client(listener, &arrival);
    enum accept_outcome outcome = ACCEPT_AGAIN;
    if (descriptor >= 0)
        turn_away(gate, descriptor, &arrival);
    else
        outcome = errno == EAGAIN ? ACCEPT_DRAINED : ACCEPT_SHORTAGE;
    gate->spare_descriptor = open_spare();
    return outcome;
}

static enum accept_outcome judge_failure(struct listener *listener, int error)
{
    switch (error) {
    case EAGAIN:
        return ACCEPT_DRAINED;
    case EMFILE:
    case ENFILE:
        return turn_next_away(listener);
    case EINTR: /* accept(2): these speak of the one connection, not of the listener */
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return ACCEPT_AGAIN;
    default: /* errno is no enum; what is not known must not spin */
        return ACCEPT_SHORTAGE;
    }
}

static enum accept_outcome accept_one(struct listener *listener)
{
    struct session_arrival arrival;
    int descriptor = accept_client(listener, &arrival);
    if (descriptor < 0)
        return judge_failure(listener, errno);
    if (socket_is_in_reserve(descriptor) ||
        !session_start(&listener->gate->sessions, descriptor, &arrival))
        turn_away(listener->gate, descriptor, &arrival);
    return ACCEPT_AGAIN;
}

/* A bounded number, so that a crowd at the door does not starve those inside. */
static void accept_some(struct listener *listener)
{
    enum accept_outcome outcome = ACCEPT_AGAIN;
    for (int count = 0; count < ACCEPTS_PER_TURN && outcome == ACCEPT_AGAIN; count++)
        outcome = accept_one(listener);
    if (outcome != ACCEPT_DRAINED)
        uv_timer_start(&listener->gate->resume, on_resume,
                       outcome == ACCEPT_AGAIN ? ACCEPT_NEXT_TURN_MS : ACCEPT_SHORTAGE_MS, 0);
}

static void on_listener_ready(struct socket_watch *watch, uint32_t events)
{
    struct listener *listener =
        (struct listener *)((char *)watch - offsetof(struct listener, watch));
    (void)events;
    if (!uv_is_active((uv_handle_t *)&listener->gate->resume))
        accept_some(listener);
}

/* Listeners */

int gate_listen(struct gate *gate, int descriptor, uint16_t port)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int error = UV_ENOMEM;
    if (listener != NULL) {
        listener->gate = gate;
        listener->port = port;
        socket_set_keepalive(descriptor); /* this and the next pass on to what it accepts */
        socket_set_no_delay(descriptor);
        error = socket_watch_start(gate->sessions.poller, &listener->watch, descriptor,
                                   on_listener_ready);
    }
    if (error != 0) {
        (void)close(descriptor);
        free(listener);
        return error;
    }
    LIST_INSERT_HEAD(&gate->listeners, listener, listeners);
    return 0;
}

void gate_stop(struct gate *gate)
{
    struct listener *listener;
    uv_timer_stop(&gate->resume);
    while ((listener = LIST_FIRST(&gate->listeners)) != NULL) {
        LIST_REMOVE(listener, listeners);
        socket_watch_close_shared(&listener->watch);
        free(listener);
    }
}

/* Bounded, as more may come all the time. */
static void accept_last(struct listener *listener)
{
    enum accept_outcome outcome = ACCEPT_AGAIN;
    for (int count = 0; count < ACCEPTS_AT_LAST && outcome == ACCEPT_AGAIN; count++)
        outcome = accept_one(listener);
}

void gate_accept_last(struct gate *gate)
{
    struct listener *listener;
    LIST_FOREACH(listener, &gate->listeners, listeners)
    accept_last(listener);
    gate_stop(gate);
}

/* Connections */

void gate_close_all(struct gate *gate)
{
    struct session *session;
    while ((session = LIST_FIRST(&gate->sessions.live)) != NULL)
        session_shut_down(session);
}

size_t gate_connection_count(const struct gate *gate)
{
    return gate->sessions.live_count;
}

uint64_t gate_unchecked_address_count(const struct gate *gate)
{
    return atomic_load_explicit(&gate->sessions.address_check.skipped_count, memory_order_relaxed);
}
