/* sni-gate/session.c - one connection as a table of states. Callbacks only name an event;
 * session_enter() alone changes the state. */
#include "sni-gate/session.h"
#include "base/clock.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "sni-gate/alert.h"
#include "sni-gate/handshake_watch.h"
#include "sni-gate/hello_reader.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DRAIN_BYTES = 16 * 1024 };

enum session_state {
    CLOSING = 0,
    READING_HELLO,
    RESOLVING,
    CONNECTING,
    WATCHING,
    RECONNECTING,
    RELAYING,
    REFUSING,
    SESSION_STATES,
};

enum session_event {
    NAME_ALLOWED,
    ADDRESSES_FOUND,
    CONNECTED,
    SERVER_ANSWERED,
    SERVER_LOST, /* before it said anything: another may be tried */
    REFUSED,     /* `verdict` says why */
    ENDED,       /* `end` says how */
    SESSION_EVENTS,
};

struct session {
    struct session_context *context;
    LIST_ENTRY(session) live;
    struct session_arrival arrival;
    int64_t started_ms;
    enum session_state state;
    int open_handles; /* the two timers, embedded: freed only when both are closed */
    uv_timer_t deadline;
    struct socket_watch client;
    struct hello_reader hello;
    size_t drained_bytes;
    struct arrival_address arrived_at;
    struct verdict verdict; /* denies at first, and again if the server can't be reached */
    struct upstream_request request;
    uint32_t client_events; /* epoll's, since the hello was read */
    struct handshake_watch watch;
    struct relay relay;
    enum gate_end end;
};

static void await_hello(struct session *session);
static void look_up_server(struct session *session);
static void connect_to_server(struct session *session);
static void watch_handshake(struct session *session);
static void connect_to_next_server(struct session *session);
static void relay_both_ways(struct session *session);
static void send_alert(struct session *session);
static void close_all(struct session *session);
static void read_hello(struct session *session, uint32_t events);
static void notice_client_loss(struct session *session, uint32_t events);
static void watch_client_ready(struct session *session, uint32_t events);
static void relay_client_ready(struct session *session, uint32_t events);
static void drain_client(struct session *session, uint32_t events);

static const struct {
    uint64_t deadline_ms;                   /* 0: none */
    enum reason late;                       /* why it is refused when the deadline has passed */
    void (*enter)(struct session *session); /* starts the work; its callbacks call session_step() */
    void (*client_ready)(struct session *session, uint32_t events);
    enum session_state next[SESSION_EVENTS]; /* unlisted is CLOSING: every surprise fails closed */
} states[SESSION_STATES] = {
    [READING_HELLO] = { SESSION_HELLO_MS,
                        REASON_HELLO_TIMEOUT,
                        await_hello,
                        read_hello,
                        { [NAME_ALLOWED] = RESOLVING, [REFUSED] = REFUSING } },
    [RESOLVING] = { SESSION_RESOLVE_MS,
                    REASON_UPSTREAM_DNS_FAILED,
                    look_up_server,
                    notice_client_loss,
                    { [ADDRESSES_FOUND] = CONNECTING, [REFUSED] = REFUSING } },
    [CONNECTING] = { SESSION_CONNECT_MS,
                     REASON_UPSTREAM_CONNECT_FAILED,
                     connect_to_server,
                     notice_client_loss,
                     { [CONNECTED] = WATCHING, [REFUSED] = REFUSING } },
    [WATCHING] = { SESSION_WATCH_MS,
                   REASON_UPSTREAM_SILENT,
                   watch_handshake,
                   watch_client_ready,
                   { [SERVER_ANSWERED] = RELAYING,
                     [SERVER_LOST] = RECONNECTING,
                     [REFUSED] = REFUSING } },
    [RECONNECTING] = { SESSION_CONNECT_MS,
                       REASON_UPSTREAM_CLOSED,
                       connect_to_next_server,
                       notice_client_loss,
                       { [CONNECTED] = WATCHING, [REFUSED] = REFUSING } },
    [RELAYING] = { .enter = relay_both_ways, .client_ready = relay_client_ready },
    [REFUSING] = { .deadline_ms = SESSION_REFUSE_MS,
                   .enter = send_alert,
                   .client_ready = drain_client },
    [CLOSING] = { .enter = close_all },
};

static void on_deadline(uv_timer_t *timer);

static void session_enter(struct session *session, enum session_state state)
{
    session->state = state;
    uv_timer_stop(&session->deadline);
    if (states[state].deadline_ms > 0)
        uv_timer_start(&session->deadline, on_deadline, states[state].deadline_ms, 0);
    states[state].enter(session);
}

static void session_step(struct session *session, enum session_event event)
{
    if (session->state != CLOSING)
        session_enter(session, states[session->state].next[event]);
}

static void refuse(struct session *session, enum reason reason)
{
    session->verdict.decision = DECISION_DENY;
    session->verdict.reason = reason;
    session_step(session, REFUSED);
}

static void end(struct session *session, enum gate_end how)
{
    session->end = how;
    session_step(session, ENDED);
}

static void on_deadline(uv_timer_t *timer)
{
    struct session *session = timer->data;
    if (session->state == REFUSING)
        end(session, GATE_END_REFUSED); /* for the reason it had */
    else
        refuse(session, states[session->state].late);
}

static struct session *session_of_client(struct socket_watch *client)
{
    return (struct session *)((char *)client - offsetof(struct session, client));
}

static struct session *session_of_request(struct upstream_request *request)
{
    return (struct session *)((char *)request - offsetof(struct session, request));
}

static struct session *session_of_relay(struct relay *relay)
{
    return (struct session *)((char *)relay - offsetof(struct session, relay));
}

static void on_client_ready(struct socket_watch *client, uint32_t events)
{
    struct session *session = session_of_client(client);
    states[session->state].client_ready(session, events);
}

/* READING_HELLO */

static void await_hello(struct session *session)
{
    int descriptor = session->client.descriptor;
    if (socket_watch_start(session->context->poller, &session->client, descriptor,
                           on_client_ready) == 0)
        return;
    (void)close(descriptor);
    session->client.descriptor = -1;
    session->verdict.reason = REASON_OUT_OF_RESOURCES;
    end(session, GATE_END_REFUSED);
}

/* An allowed name at another's address is denied. */
static void check_address(struct session *session, const struct policy *policy)
{
    session->arrived_at = address_check_judge(&session->context->address_check, policy,
                                              &session->hello.name, session->client.descriptor);
    if (session->arrived_at.fit != GATE_ADDRESS_OF_ANOTHER)
        return;
    session->verdict.decision = DECISION_DENY;
    session->verdict.reason = REASON_ADDRESS_MISMATCH;
}

static void decide(struct session *session)
{
    const struct policy_question question = { session->arrival.client.address,
                                              &session->hello.name };
    const struct policy *policy = policy_view_get(session->context->view);
    session->verdict = policy_decide(policy, &question, session->arrival.port, clock_realtime_s());
    if (session->verdict.decision == DECISION_ALLOW)
        check_address(session, policy);
    session_step(session, session->verdict.decision == DECISION_ALLOW ? NAME_ALLOWED : REFUSED);
}

static void read_hello(struct session *session, uint32_t events)
{
    session->client_events = events & (uint32_t)~EPOLLIN;
    switch (hello_reader_read(&session->hello, session->client.descriptor)) {
    case HELLO_WANTS_MORE:
        break;
    case HELLO_NAMED:
        if (session->hello.may_have_more)
            session->client_events |= EPOLLIN;
        decide(session);
        break;
    case HELLO_REFUSED:
        refuse(session, session->hello.reason);
        break;
    case HELLO_CLIENT_LOST:
        end(session, GATE_END_CLIENT_RESET);
        break;
    }
}

/* RESOLVING, CONNECTING */

static void notice_client_loss(struct session *session, uint32_t events)
{
    session->client_events |= events;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        end(session, GATE_END_CLIENT_RESET);
}

static void go_on_or_refuse(struct session *session, enum reason reason, enum session_event event)
{
    if (reason == REASON_ALLOWED)
        session_step(session, event);
    else
        refuse(session, reason);
}

static void on_looked_up(struct upstream_request *request, enum reason reason)
{
    go_on_or_refuse(session_of_request(request), reason, ADDRESSES_FOUND);
}

static void look_up_server(struct session *session)
{
    upstream_lookup(&session->request, &session->hello.name, on_looked_up);
}

static void on_connected(struct upstream_request *request, enum reason reason)
{
    go_on_or_refuse(session_of_request(request), reason, CONNECTED);
}

static void connect_to_server(struct session *session)
{
    upstream_connect(&session->request, session->arrival.port, on_connected);
}

/* WATCHING */

static void act_on_watch(struct session *session, enum watch_outcome outcome)
{
    switch (outcome) {
    case WATCH_GOES_ON:
        break;
    case WATCH_SEEN:
        session_step(session, SERVER_ANSWERED);
        break;
    case WATCH_CLIENT_LOST:
        end(session, GATE_END_CLIENT_RESET);
        break;
    case WATCH_SERVER_LOST:
        if (session->watch.has_relayed)
            end(session, GATE_END_SERVER_RESET);
        else if (handshake_watch_can_start_over(&session->watch))
            session_step(session, SERVER_LOST);
        else
            refuse(session, REASON_UPSTREAM_CLOSED);
        break;
    case WATCH_REFUSED:
        refuse(session, session->watch.reason);
        break;
    }
}

static void watch_client_ready(struct session *session, uint32_t events)
{
    act_on_watch(session, handshake_watch_client_ready(&session->watch, events));
}

static void watch_server_ready(struct socket_watch *server, uint32_t events)
{
    struct session *session = session_of_request(upstream_request_of_server(server));
    act_on_watch(session, handshake_watch_server_ready(&session->watch, events));
}

static void watch_handshake(struct session *session)
{
    session->request.server->on_ready = watch_server_ready;
    socket_set_no_delay(session->request.server->descriptor);
    act_on_watch(session,
                 handshake_watch_start(&session->watch, &session->client, session->request.server,
                                       &session->hello, session->client_events));
}

/* RECONNECTING */

static void on_reconnected(struct upstream_request *request, enum reason reason)
{
    bool is_last = reason == REASON_UPSTREAM_CONNECT_FAILED;
    go_on_or_refuse(session_of_request(request), is_last ? REASON_UPSTREAM_CLOSED : reason,
                    CONNECTED);
}

static void connect_to_next_server(struct session *session)
{
    session->client_events = session->watch.up.events;
    handshake_watch_release(&session->watch);
    upstream_connect_next(&session->request, on_reconnected);
}

/* RELAYING */

static void relay_client_ready(struct session *session, uint32_t events)
{
    relay_ready(&session->relay, RELAY_CLIENT, events);
}

static void on_server_ready(struct socket_watch *server, uint32_t events)
{
    relay_ready(&session_of_request(upstream_request_of_server(server))->relay, RELAY_SERVER,
                events);
}

static void on_relay_ended(struct relay *relay, enum relay_end how)
{
    static const enum gate_end ends[] = {
        [RELAY_FAILED] = GATE_END_FAILED,
        [RELAY_CLOSED] = GATE_END_CLOSED,
        [RELAY_CLIENT_RESET] = GATE_END_CLIENT_RESET,
        [RELAY_SERVER_RESET] = GATE_END_SERVER_RESET,
    };
    end(session_of_relay(relay), ends[how]);
}

static void relay_both_ways(struct session *session)
{
    struct relay_preface prefaces[2];
    if (!handshake_watch_take_prefaces(&session->watch, prefaces)) {
        end(session, GATE_END_FAILED);
        return;
    }
    handshake_watch_release(&session->watch);
    hello_assembler_release(&session->hello.assembler);
    session->request.server->on_ready = on_server_ready;
    relay_start(&session->relay, session->context->relays, &session->client,
                session->request.server, prefaces, on_relay_ended);
}

/* REFUSING */

/* Once the client has had a byte of the server's, only what it did wrong itself is said in the
 * server's place. */
static bool may_be_told(const struct session *session)
{
    return !session->watch.has_relayed || session->verdict.reason == REASON_NAME_CHANGED;
}

/* Tells the client, who has begun to speak TLS, the truth; then waits a moment for it to leave,
 * because closing a socket with unread bytes sends a reset, and that would swallow the alert. */
static void send_alert(struct session *session)
{
    uint8_t record[ALERT_RECORD_BYTES];
    size_t size = 0;
    upstream_request_cancel(&session->request);
    if (session->hello.assembler.raw_size > 0 && may_be_told(session))
        size = alert_write(session->verdict.reason, session->hello.offers_tls13, record);
    handshake_watch_release(&session->watch);
    hello_assembler_release(&session->hello.assembler);
    if (size > 0) /* nothing was sent before it, so it fits; else the client has gone */
        (void)send(session->client.descriptor, record, size, MSG_NOSIGNAL);
    (void)shutdown(session->client.descriptor, SHUT_WR);
    drain_client(session, 0);
}

static void drain_client(struct session *session, uint32_t events)
{
    (void)events;
    uint8_t bytes[DRAIN_BYTES];
    ssize_t size = 0;
    while (session->drained_bytes < SESSION_REFUSE_BYTES) {
        size = recv(session->client.descriptor, bytes, sizeof(bytes), 0);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        session->drained_bytes += (size_t)size;
    }
    if (size < 0 && errno == EAGAIN)
        return;
    end(session, GATE_END_REFUSED);
}

/* CLOSING */

static void tell_sink(const struct session *session)
{
    const struct gate_event event = {
        .client = session->arrival.client,
        .name = session->hello.has_name ? &session->hello.name : NULL,
        .port = session->arrival.port,
        .verdict = session->verdict,
        .policy = policy_view_get(session->context->view),
        .arrived_at = session->arrived_at,
        .server = session->request.endpoint,
        .server_fitness = session->request.fitness,
        .has_stale_addresses = session->request.is_stale,
        .bytes_up = session->watch.up.passed + session->relay.up.bytes,
        .bytes_down = session->watch.down.passed + session->relay.down.bytes,
        .duration_ms = clock_monotonic_ms() - session->started_ms,
        .end = session->end,
    };
    const struct gate_sink *sink = &session->context->sink;
    sink->connection_ended(sink->context, &event);
}

/* Lets the peer see a reset where the other side's connection was reset, unless that would take
 * bytes away that are still on their way to it. */
static void reset_on_close(int descriptor)
{
    static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    int unsent = 0;
    if (ioctl(descriptor, SIOCOUTQ, &unsent) == 0 && unsent == 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* libuv may touch a handle until its close callback has run, so the last callback frees. */
static void on_timer_closed(uv_handle_t *handle)
{
    struct session *session = handle->data;
    struct session_context *context = session->context;
    if (--session->open_handles > 0)
        return;
    free(session);
    if (--context->unfreed_count == 0)
        context->on_all_freed(context);
}

static void close_all(struct session *session)
{
    if (session->end == GATE_END_SERVER_RESET)
        reset_on_close(session->client.descriptor);
    if (session->end == GATE_END_CLIENT_RESET && session->request.server != NULL)
        reset_on_close(session->request.server->descriptor);
    relay_stop(&session->relay);
    handshake_watch_release(&session->watch);
    hello_assembler_release(&session->hello.assembler);
    socket_watch_close(&session->client);
    LIST_REMOVE(session, live);
    session->context->live_count--;
    tell_sink(session);
    uv_close((uv_handle_t *)&session->deadline, on_timer_closed);
    upstream_request_close(&session->request, on_timer_closed);
}

/* From outside */

bool session_start(struct session_context *context, int descriptor,
                   const struct session_arrival *arrival)
{
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return false;
    session->context = context;
    session->arrival = *arrival;
    session->started_ms = clock_monotonic_ms();
    session->open_handles = 2;
    session->client.descriptor = descriptor;
    session->verdict = (struct verdict){ .reason = REASON_HELLO_CUT_SHORT };
    uv_timer_init(context->loop, &session->deadline);
    session->deadline.data = session;
    upstream_request_init(&session->request, context->upstream);
    session->request.timer.data = session;
    hello_reader_init(&session->hello);
    LIST_INSERT_HEAD(&context->live, session, live);
    context->live_count++;
    context->unfreed_count++;
    session_enter(session, READING_HELLO);
    return true;
}

void session_shut_down(struct session *session)
{
    end(session, session->state == REFUSING ? GATE_END_REFUSED : GATE_END_DRAINED);
}

void session_report_turned_away(const struct session_context *context,
                                const struct session_arrival *arrival)
{
    const struct gate_event event = {
        .client = arrival->client,
        .port = arrival->port,
        .verdict = { .reason = REASON_OUT_OF_RESOURCES },
        .policy = policy_view_get(context->view),
        .end = GATE_END_REFUSED,
    };
    context->sink.connection_ended(context->sink.context, &event);
}
