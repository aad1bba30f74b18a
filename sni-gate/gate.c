/* sni-gate/gate.c - accepting connections. */
#include "sni-gate/gate.h"
#include "base/clock.h"
#include "base/counter.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "sni-gate/alert.h"
#include "sni-gate/client_limits.h"
#include "sni-gate/session.h"
#include "tls/certificate_memory.h"
#include "upstream/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UPKEEP_MS = 1000, GATE_HANDLES = 3 };

enum {
    ACCEPTS_PER_TURN = 64,
    SAY_NO_BYTES = 4096,
    ACCEPTS_AT_LAST = 4096,   /* as many as the kernel keeps waiting */
    ACCEPT_NEXT_TURN_MS = 1,  /* not 0: libuv runs a zero timer again in the same turn */
    ACCEPT_SHORTAGE_MS = 100, /* until descriptors or memory may be there again */
};

struct listener {
    LIST_ENTRY(listener) listeners;
    struct gate *gate;
    struct socket_watch watch;
    uint16_t port;
    bool is_for_proxies;
};

struct gate {
    struct session_context sessions;
    const struct ip_network *proxies; /* borrowed */
    uint32_t proxy_count;
    LIST_HEAD(, listener) listeners;
    uv_timer_t resume;       /* active: accepting goes on then */
    uv_timer_t upkeep;       /* once a second */
    uv_idle_t rejudging;     /* active while connections are to be judged again */
    int open_handles;        /* of these three */
    uint64_t judged_version; /* of the policy */
    int spare_descriptor;    /* given up to turn a client away when there is no other; -1: lost */
};

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Life */

static void free_if_done(struct gate *gate)
{
    if (gate->open_handles == 0 && gate->sessions.opening_count == 0)
        free(gate);
}

static void on_all_sessions_freed(struct session_context *sessions)
{
    free_if_done((struct gate *)((char *)sessions - offsetof(struct gate, sessions)));
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct gate *gate = handle->data;
    gate->open_handles--;
    free_if_done(gate);
}

static void on_rejudging(uv_idle_t *idle)
{
    struct gate *gate = idle->data;
    if (!sessions_rejudge_some(&gate->sessions))
        uv_idle_stop(idle);
}

void gate_policy_changed(struct gate *gate)
{
    gate->judged_version = policy_version(policy_view_get(gate->sessions.view));
    sessions_rejudge_begin(&gate->sessions);
    (void)uv_idle_start(&gate->rejudging, on_rejudging); /* fails without callback alone */
}

static void on_upkeep(uv_timer_t *timer)
{
    struct gate *gate = timer->data;
    sessions_sweep(&gate->sessions);
    if (policy_version(policy_view_get(gate->sessions.view)) != gate->judged_version)
        gate_policy_changed(gate); /* nobody could say so */
}

/* None of these calls can fail. */
static void start_handles(struct gate *gate, uv_loop_t *loop)
{
    (void)uv_timer_init(loop, &gate->resume);
    (void)uv_timer_init(loop, &gate->upkeep);
    (void)uv_idle_init(loop, &gate->rejudging);
    gate->resume.data = gate->upkeep.data = gate->rejudging.data = gate;
    gate->open_handles = GATE_HANDLES;
    (void)uv_timer_start(&gate->upkeep, on_upkeep, UPKEEP_MS, UPKEEP_MS);
}

struct gate *gate_new(const struct gate_parts *parts)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    struct relay_pool *relays = relay_pool_new(parts->loop);
    struct certificate_memory *certificates = certificate_memory_new();
    if (gate == NULL || relays == NULL || certificates == NULL) {
        relay_pool_free(relays);
        certificate_memory_free(certificates);
        free(gate);
        return NULL;
    }
    gate->sessions = (struct session_context){
        .loop = parts->loop,
        .poller = parts->poller,
        .upstream = parts->upstream,
        .checker = parts->checker,
        .trust_store = parts->trust_store,
        .view = parts->view,
        .relays = relays,
        .certificates = certificates,
        .limits = parts->limits,
        .sink = parts->sink,
        .address_check = { .addresses = parts->addresses },
        .on_all_freed = on_all_sessions_freed,
    };
    gate->proxies = parts->proxies;
    gate->proxy_count = parts->proxy_count;
    LIST_INIT(&gate->sessions.live);
    LIST_INIT(&gate->listeners);
    TAILQ_INIT(&gate->sessions.active);
    TAILQ_INIT(&gate->sessions.quiet);
    start_handles(gate, parts->loop);
    gate->judged_version = policy_version(policy_view_get(parts->view));
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
    certificate_memory_free(gate->sessions.certificates);
    if (gate->spare_descriptor >= 0)
        (void)close(gate->spare_descriptor);
    uv_close((uv_handle_t *)&gate->resume, on_handle_closed);
    uv_close((uv_handle_t *)&gate->upkeep, on_handle_closed);
    uv_close((uv_handle_t *)&gate->rejudging, on_handle_closed);
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
            .is_from_proxy = listener->is_for_proxies,
        };
    return descriptor;
}

/* Tells a client that can't be had so, as far as that can be done at once: a close with unread
 * bytes would swallow the alert. */
static void say_no(int descriptor, enum reason reason)
{
    uint8_t record[ALERT_RECORD_BYTES], unread[SAY_NO_BYTES];
    size_t size = alert_write(reason, true, record);
    if (size == 0)
        return;
    (void)!recv(descriptor, unread, sizeof(unread), 0);
    (void)send(descriptor, record, size, MSG_NOSIGNAL);
    (void)shutdown(descriptor, SHUT_WR);
}

static void turn_away(struct gate *gate, int descriptor, const struct session_arrival *arrival,
                      enum reason reason)
{
    say_no(descriptor, reason);
    (void)close(descriptor);
    session_report_turned_away(&gate->sessions, arrival, reason);
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
        turn_away(gate, descriptor, &arrival, REASON_OUT_OF_RESOURCES);
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
        return sessions_shed(&listener->gate->sessions) ? ACCEPT_AGAIN : turn_next_away(listener);
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

static bool is_trusted(const struct gate *gate, const struct session_arrival *arrival)
{
    bool is_trusted = !arrival->is_from_proxy;
    for (uint32_t i = 0; i < gate->proxy_count && !is_trusted; i++)
        is_trusted = ip_network_contains(&gate->proxies[i], &arrival->client.address);
    return is_trusted;
}

/* REASON_ALLOWED, or why it is turned away. A proxy's client is counted when it is known. */
static enum reason let_in(struct gate *gate, int descriptor, const struct session_arrival *arrival)
{
    struct session_context *sessions = &gate->sessions;
    if (!is_trusted(gate, arrival))
        return REASON_PROXY_UNTRUSTED;
    if (socket_is_in_reserve(descriptor, sessions->upstream->descriptor_limit) &&
        !sessions_shed(sessions))
        return REASON_OUT_OF_RESOURCES;
    return arrival->is_from_proxy ? REASON_ALLOWED
                                  : sessions_count_in(sessions, &arrival->client.address);
}

static enum accept_outcome accept_one(struct listener *listener)
{
    struct gate *gate = listener->gate;
    struct session_arrival arrival;
    int descriptor = accept_client(listener, &arrival);
    if (descriptor < 0)
        return judge_failure(listener, errno);
    enum reason reason = let_in(gate, descriptor, &arrival);
    if (reason == REASON_ALLOWED && !session_start(&gate->sessions, descriptor, &arrival)) {
        reason = REASON_OUT_OF_RESOURCES;
        if (!arrival.is_from_proxy)
            sessions_count_out(&gate->sessions, &arrival.client.address);
    }
    if (reason != REASON_ALLOWED)
        turn_away(gate, descriptor, &arrival, reason);
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

int gate_listen(struct gate *gate, const struct gate_listener *setup)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int descriptor = setup->descriptor;
    int error = UV_ENOMEM;
    if (listener != NULL) {
        listener->gate = gate;
        listener->port = setup->port;
        listener->is_for_proxies = setup->is_for_proxies;
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
    return atomic_load_explicit(&gate->sessions.live_count, memory_order_relaxed);
}

uint64_t gate_unchecked_address_count(const struct gate *gate)
{
    return atomic_load_explicit(&gate->sessions.address_check.skipped_count, memory_order_relaxed);
}

uint64_t gate_ech_count(const struct gate *gate)
{
    return atomic_load_explicit(&gate->sessions.ech_count, memory_order_relaxed);
}

struct relay_bytes gate_bytes(const struct gate *gate)
{
    struct relay_bytes bytes = relay_pool_bytes(gate->sessions.relays);
    bytes.up += counter_read(&gate->sessions.opening_bytes_up);
    bytes.down += counter_read(&gate->sessions.opening_bytes_down);
    return bytes;
}

const struct gate_times *gate_times(const struct gate *gate)
{
    return &gate->sessions.times;
}

void gate_walk_begin(struct gate *gate)
{
    sessions_walk_begin(&gate->sessions);
}

bool gate_walk_some(struct gate *gate,
                    void (*each)(void *context, const struct gate_connection *connection),
                    void *context)
{
    return sessions_walk_some(&gate->sessions, each, context);
}
