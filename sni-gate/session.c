/* sni-gate/session.c - one connection as a table of states. Callbacks only name an event;
 * session_enter() alone changes the state. */
#include "base/clock.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "sni-gate/session_layout.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum session_event {
    CLIENT_NAMED,
    NAME_ALLOWED,
    ADDRESSES_FOUND,
    CONNECTED,
    SERVER_CHECKED, /* or it is to be watched meanwhile */
    SERVER_ANSWERED,
    SERVER_LOST, /* before anything of it went on: another may be tried */
    REFUSED,     /* `verdict` says why */
    ENDED,       /* `end` says how */
    SESSION_EVENTS,
};

static void watch_client(struct session *session);
static void await_hello(struct session *session);
static void look_up_server(struct session *session);
static void connect_to_server(struct session *session);
static void check_server(struct session *session);
static void watch_handshake(struct session *session);
static void connect_to_next_server(struct session *session);
static void relay_both_ways(struct session *session);
static void read_proxy_header(struct session *session, uint32_t events);
static void read_hello(struct session *session, uint32_t events);
static void notice_client_loss(struct session *session, uint32_t events);
static void watch_client_ready(struct session *session, uint32_t events);
static void relay_client_ready(struct session *session, uint32_t events);

static uint32_t hello_s(const struct settings *settings)
{
    return settings->hello_s;
}

static uint32_t connect_s(const struct settings *settings)
{
    return settings->connect_s;
}

static uint32_t answer_s(const struct settings *settings)
{
    return settings->answer_s;
}

static const struct {
    uint32_t (*deadline_s)(const struct settings *settings); /* NULL: it is fixed, */
    uint64_t deadline_ms;                                    /* or (0) there is none */
    enum reason late;                       /* why it is refused when the deadline has passed */
    void (*enter)(struct session *session); /* starts the work; its callbacks call session_step() */
    void (*client_ready)(struct session *session, uint32_t events);
    enum session_state next[SESSION_EVENTS]; /* unlisted is CLOSING: every surprise fails closed */
} states[SESSION_STATES] = {
    [READING_PROXY_HEADER] = { .deadline_ms = SESSION_PROXY_HEADER_MS,
                               .late = REASON_PROXY_HEADER_MISSING,
                               .enter = watch_client,
                               .client_ready = read_proxy_header,
                               .next = { [CLIENT_NAMED] = READING_HELLO, [REFUSED] = REFUSING } },
    [READING_HELLO] = { .deadline_s = hello_s,
                        .late = REASON_HELLO_TIMEOUT,
                        .enter = await_hello,
                        .client_ready = read_hello,
                        .next = { [NAME_ALLOWED] = RESOLVING, [REFUSED] = REFUSING } },
    [RESOLVING] = { .deadline_ms = SESSION_RESOLVE_MS,
                    .late = REASON_UPSTREAM_DNS_FAILED,
                    .enter = look_up_server,
                    .client_ready = notice_client_loss,
                    .next = { [ADDRESSES_FOUND] = CONNECTING, [REFUSED] = REFUSING } },
    [CONNECTING] = { .deadline_s = connect_s,
                     .late = REASON_UPSTREAM_CONNECT_FAILED,
                     .enter = connect_to_server,
                     .client_ready = notice_client_loss,
                     .next = { [CONNECTED] = CHECKING, [REFUSED] = REFUSING } },
    [CHECKING] = { .deadline_s = connect_s,
                   .late = REASON_PROBE_FAILED,
                   .enter = check_server,
                   .client_ready = notice_client_loss,
                   .next = { [SERVER_CHECKED] = WATCHING,
                             [SERVER_LOST] = RECONNECTING,
                             [REFUSED] = REFUSING } },
    [WATCHING] = { .deadline_s = answer_s,
                   .late = REASON_UPSTREAM_SILENT,
                   .enter = watch_handshake,
                   .client_ready = watch_client_ready,
                   .next = { [SERVER_ANSWERED] = RELAYING,
                             [SERVER_LOST] = RECONNECTING,
                             [REFUSED] = REFUSING } },
    [RECONNECTING] = { .deadline_s = connect_s,
                       .late = REASON_UPSTREAM_CLOSED,
                       .enter = connect_to_next_server,
                       .client_ready = notice_client_loss,
                       .next = { [CONNECTED] = CHECKING, [REFUSED] = REFUSING } },
    [RELAYING] = { .enter = relay_both_ways, .client_ready = relay_client_ready },
    [REFUSING] = { .deadline_ms = SESSION_REFUSE_MS,
                   .enter = session_send_alert,
                   .client_ready = session_drain_client },
    [CLOSING] = { .enter = session_close },
};

static void on_deadline(uv_timer_t *timer);

static uint64_t deadline_of(const struct session *session, enum session_state state)
{
    if (states[state].deadline_s == NULL)
        return states[state].deadline_ms;
    const struct policy *policy = policy_view_get(session->context->view);
    return 1000u * (uint64_t)states[state].deadline_s(policy_settings(policy));
}

/* Closing frees the session: nothing may touch it after. */
static void session_enter(struct session *session, enum session_state state)
{
    uint64_t deadline_ms = deadline_of(session, state);
    session->state = state;
    if (session->opening != NULL)
        uv_timer_stop(&session->opening->deadline);
    if (deadline_ms > 0)
        uv_timer_start(&session->opening->deadline, on_deadline, deadline_ms, 0);
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

static void go_on_or_refuse(struct session *session, enum reason reason, enum session_event event)
{
    if (reason == REASON_ALLOWED)
        session_step(session, event);
    else
        refuse(session, reason);
}

void session_end(struct session *session, enum gate_end how)
{
    session->end = how;
    session_step(session, ENDED);
}

static void on_deadline(uv_timer_t *timer)
{
    struct session *session = ((struct session_opening *)timer->data)->session;
    if (session->state == REFUSING)
        session_end(session, GATE_END_REFUSED); /* for the reason it had */
    else
        refuse(session, states[session->state].late);
}

static struct session *session_of_client(struct socket_watch *client)
{
    return (struct session *)((char *)client - offsetof(struct session, client));
}

static struct session *session_of_request(struct upstream_request *request)
{
    return ((struct session_opening *)((char *)request - offsetof(struct session_opening, request)))
        ->session;
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

static void watch_client(struct session *session)
{
    int descriptor = session->client.descriptor;
    if (socket_watch_start(session->context->poller, &session->client, descriptor,
                           on_client_ready) == 0)
        return;
    (void)close(descriptor);
    session->client.descriptor = -1;
    session->verdict.reason = REASON_OUT_OF_RESOURCES;
    session_end(session, GATE_END_REFUSED);
}

/* READING_PROXY_HEADER */

static void read_proxy_header(struct session *session, uint32_t events)
{
    enum reason reason;
    session->opening->client_events = events;
    if (!session_arrival_read_header(&session->arrival, session->client.descriptor, events,
                                     &reason))
        return;
    if (reason == REASON_ALLOWED)
        reason = sessions_count_in(session->context, &session->arrival.client.address);
    session->is_counted = reason == REASON_ALLOWED;
    go_on_or_refuse(session, reason, CLIENT_NAMED);
}

/* READING_HELLO */

/* What came together with a proxy's header is not told again. */
static void await_hello(struct session *session)
{
    if (session->arrival.is_from_proxy)
        read_hello(session, session->opening->client_events);
    else
        watch_client(session);
}

/* An allowed name at another's address is denied. */
static void check_address(struct session *session, const struct policy *policy)
{
    struct address_check *check = &session->context->address_check;
    struct ip_address address = { 0 };
    if (address_check_is_needed(check))
        address = session_arrival_address(&session->arrival, session->client.descriptor);
    session->arrived_at =
        address_check_judge(check, policy, &session->opening->hello.name, &address);
    if (session->arrived_at.fit != GATE_ADDRESS_OF_ANOTHER)
        return;
    session->verdict.decision = DECISION_DENY;
    session->verdict.reason = REASON_ADDRESS_MISMATCH;
}

/* The outer name is what was decided on; the inner one only the server can read. */
static void check_ech(struct session *session, const struct policy *policy)
{
    session->has_ech = session->opening->hello.hello.has_ech;
    if (session->has_ech)
        atomic_fetch_add_explicit(&session->context->ech_count, 1, memory_order_relaxed);
    if (!session->has_ech || policy_settings(policy)->ech == ECH_ALLOW)
        return;
    session->verdict.decision = DECISION_DENY;
    session->verdict.reason = REASON_ECH_DENIED;
}

/* Notes where the deciding rule sends the connection, since the policy may be another by then. */
static void take_connect_to(struct session *session, const struct policy *policy)
{
    struct connect_to found;
    struct session_opening *opening = session->opening;
    if (!policy_connect_to(policy, &opening->hello.name, &session->verdict, &found))
        return;
    opening->connect_to = malloc(sizeof(*opening->connect_to));
    if (opening->connect_to != NULL) {
        *opening->connect_to = found;
        return;
    }
    session->verdict.decision = DECISION_DENY;
    session->verdict.reason = REASON_OUT_OF_RESOURCES;
}

static void decide(struct session *session)
{
    const struct policy_question question = { .client = session->arrival.client.address,
                                              .name = &session->opening->hello.name };
    int64_t started_ns = clock_monotonic_ns();
    const struct policy *policy = policy_view_get(session->context->view);
    session->verdict = policy_decide(policy, &question, session->arrival.port, clock_realtime_s());
    if (session->verdict.decision == DECISION_ALLOW)
        check_address(session, policy);
    if (session->verdict.decision == DECISION_ALLOW)
        check_ech(session, policy);
    if (session->verdict.decision == DECISION_ALLOW)
        take_connect_to(session, policy);
    session_demand(session,
                   policy_requirement(policy, &session->opening->hello.name, &session->verdict));
    histogram_add(&session->context->times.decision, clock_monotonic_ns() - started_ns);
    session_step(session, session->verdict.decision == DECISION_ALLOW ? NAME_ALLOWED : REFUSED);
}

static void read_hello(struct session *session, uint32_t events)
{
    session->opening->client_events = events & (uint32_t)~EPOLLIN;
    switch (hello_reader_read(&session->opening->hello, session->client.descriptor)) {
    case HELLO_WANTS_MORE:
        break;
    case HELLO_NAMED:
        if (session->opening->hello.may_have_more)
            session->opening->client_events |= EPOLLIN;
        decide(session);
        break;
    case HELLO_REFUSED:
        refuse(session, session->opening->hello.reason);
        break;
    case HELLO_CLIENT_LOST:
        session_end(session, GATE_END_CLIENT_RESET);
        break;
    }
}

/* RESOLVING, CONNECTING */

static void notice_client_loss(struct session *session, uint32_t events)
{
    session->opening->client_events |= events;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        session_end(session, GATE_END_CLIENT_RESET);
}

static void on_looked_up(struct upstream_request *request, enum reason reason)
{
    go_on_or_refuse(session_of_request(request), reason, ADDRESSES_FOUND);
}

static void look_up_server(struct session *session)
{
    struct session_opening *opening = session->opening;
    const struct connect_to *elsewhere = opening->connect_to;
    if (elsewhere != NULL && elsewhere->kind == CONNECT_TO_ADDRESS)
        upstream_take_address(&opening->request, &elsewhere->address, on_looked_up);
    else
        upstream_lookup(&opening->request,
                        elsewhere != NULL ? &elsewhere->host : &opening->hello.name, on_looked_up);
}

static void on_connected(struct upstream_request *request, enum reason reason)
{
    struct session *session = session_of_request(request);
    if (reason == REASON_ALLOWED)
        histogram_add(&session->context->times.connect,
                      clock_monotonic_ns() - session->opening->connecting_ns);
    go_on_or_refuse(session, reason, CONNECTED);
}

static void connect_to_server(struct session *session)
{
    struct session_opening *opening = session->opening;
    uint16_t port = session->arrival.port;
    if (opening->connect_to != NULL && opening->connect_to->port != 0)
        port = opening->connect_to->port;
    free(opening->connect_to);
    opening->connect_to = NULL;
    opening->connecting_ns = clock_monotonic_ns();
    upstream_connect(&opening->request, port, on_connected);
}

/* CHECKING, and WATCHING until the verdict is in */

/* Its bytes wait in the socket. */
static void note_server_ready(struct socket_watch *server, uint32_t events)
{
    upstream_request_of_server(server)->server_events |= events;
}

static void leave_server(struct session *session, enum reason reason)
{
    session->opening->lost_reason = reason;
    session_step(session, SERVER_LOST);
}

static void act_on_watch(struct session *session, enum watch_outcome outcome);

static void act_on_verdict(struct session *session, const struct check_outcome *outcome)
{
    session_keep_outcome(session, outcome);
    if (outcome->reason != REASON_ALLOWED && session_may_leave_server(session, outcome->reason))
        leave_server(session, outcome->reason);
    else if (outcome->reason != REASON_ALLOWED)
        refuse(session, outcome->reason);
    else if (session->state == CHECKING)
        session_step(session, SERVER_CHECKED);
    else
        act_on_watch(session, handshake_watch_let_go(&session->opening->watch));
}

static void on_verdict(struct check_wait *wait, const struct check_outcome *outcome)
{
    act_on_verdict(
        ((struct session_opening *)((char *)wait - offsetof(struct session_opening, check)))
            ->session,
        outcome);
}

/* Unless the setting says otherwise, the client's handshake goes on meanwhile. */
static void check_server(struct session *session)
{
    struct check_outcome outcome;
    const struct policy *policy = policy_view_get(session->context->view);
    session->opening->request.server->on_ready = note_server_ready;
    if (!session_demands_check(session))
        session_step(session, SERVER_CHECKED);
    else if (session_ask_for_verdict(session, on_verdict, &outcome))
        act_on_verdict(session, &outcome);
    else if (policy_settings(policy)->cold_start == COLD_START_PARALLEL)
        session_step(session, SERVER_CHECKED);
}

/* WATCHING */

static void act_on_flight(struct session *session, enum reason reason)
{
    if (reason == REASON_ALLOWED)
        session_step(session, SERVER_ANSWERED);
    else if (session_may_leave_server(session, reason))
        leave_server(session, reason);
    else
        refuse(session, reason);
}

static void act_on_watch(struct session *session, enum watch_outcome outcome)
{
    switch (outcome) {
    case WATCH_GOES_ON:
        break;
    case WATCH_SEEN:
        act_on_flight(session, session_judge_flight(session));
        break;
    case WATCH_CLIENT_LOST:
        session_end(session, GATE_END_CLIENT_RESET);
        break;
    case WATCH_SERVER_LOST:
        if (session->opening->watch.has_relayed)
            session_end(session, GATE_END_SERVER_RESET);
        else if (handshake_watch_can_start_over(&session->opening->watch))
            leave_server(session, REASON_UPSTREAM_CLOSED);
        else
            refuse(session, REASON_UPSTREAM_CLOSED);
        break;
    case WATCH_REFUSED:
        refuse(session, session->opening->watch.reason);
        break;
    }
}

static void watch_client_ready(struct session *session, uint32_t events)
{
    act_on_watch(session, handshake_watch_client_ready(&session->opening->watch, events));
}

static void watch_server_ready(struct socket_watch *server, uint32_t events)
{
    struct session *session = session_of_request(upstream_request_of_server(server));
    act_on_watch(session, handshake_watch_server_ready(&session->opening->watch, events));
}

static void watch_handshake(struct session *session)
{
    struct session_opening *opening = session->opening;
    const struct watch_sides sides = { &session->client,
                                       opening->request.server,
                                       opening->client_events,
                                       opening->request.server_events,
                                       opening->is_checking,
                                       session_demands_check(session),
                                       session->context->certificates };
    bool is_first = opening->watch.client == NULL;
    opening->request.server->on_ready = watch_server_ready;
    act_on_watch(session, is_first ? handshake_watch_start(&opening->watch, &sides, &opening->hello)
                                   : handshake_watch_start_over(&opening->watch, &sides));
}

/* RECONNECTING */

static void on_reconnected(struct upstream_request *request, enum reason reason)
{
    struct session *session = session_of_request(request);
    bool is_last = reason == REASON_UPSTREAM_CONNECT_FAILED;
    go_on_or_refuse(session, is_last ? session->opening->lost_reason : reason, CONNECTED);
}

static void connect_to_next_server(struct session *session)
{
    struct session_opening *opening = session->opening;
    bool has_failed = opening->lost_reason == REASON_UPSTREAM_CLOSED;
    if (opening->watch.client != NULL)
        opening->client_events = opening->watch.up.events;
    session_stop_checking(session);
    upstream_connect_next(&opening->request, has_failed, on_reconnected);
}

/* RELAYING */

static void relay_client_ready(struct session *session, uint32_t events)
{
    session_touch(session);
    relay_ready(&session->relay, RELAY_CLIENT, events);
}

static void on_server_ready(struct socket_watch *server, uint32_t events)
{
    struct session *session = (struct session *)((char *)server - offsetof(struct session, server));
    session_touch(session);
    relay_ready(&session->relay, RELAY_SERVER, events);
}

static void on_relay_ended(struct relay *relay, enum relay_end how)
{
    static const enum gate_end ends[] = {
        [RELAY_FAILED] = GATE_END_FAILED,
        [RELAY_CLOSED] = GATE_END_CLOSED,
        [RELAY_CLIENT_RESET] = GATE_END_CLIENT_RESET,
        [RELAY_SERVER_RESET] = GATE_END_SERVER_RESET,
    };
    session_end(session_of_relay(relay), ends[how]);
}

static void relay_both_ways(struct session *session)
{
    struct relay_preface prefaces[2];
    struct session_opening *opening = session->opening;
    if (!session_keep_name(session) || !handshake_watch_take_prefaces(&opening->watch, prefaces)) {
        session_end(session, GATE_END_FAILED);
        return;
    }
    upstream_take_server(&opening->request, &session->server);
    session->server.on_ready = on_server_ready;
    session_leave_opening(session);
    session_touch(session);
    session_tell_opened(session);
    relay_start(&session->relay, session->context->relays, &session->client, &session->server,
                prefaces, on_relay_ended);
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
    session->client.descriptor = descriptor;
    session->server.descriptor = -1;
    session->verdict = (struct verdict){ .reason = REASON_HELLO_CUT_SHORT };
    session->opening = session_opening_new(session);
    if (session->opening == NULL) {
        free(session);
        return false;
    }
    LIST_INSERT_HEAD(&context->live, session, live);
    context->live_count++;
    session->is_counted = !arrival->is_from_proxy;
    session_enter(session, arrival->is_from_proxy ? READING_PROXY_HEADER : READING_HELLO);
    return true;
}

void session_shut_down(struct session *session)
{
    session_end(session, session->state == REFUSING ? GATE_END_REFUSED : GATE_END_DRAINED);
}
