/* sni-gate/session_ending.c - the last that is said on a connection, and of it. */
#include "base/clock.h"
#include "net/socket.h"
#include "policy/policy_feed.h"
#include "sni-gate/alert.h"
#include "sni-gate/session_layout.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { DRAIN_BYTES = 16 * 1024 };

/* Once the client has had a byte of the server's, only what it did wrong itself is said in the
 * server's place. */
static bool may_be_told(const struct session *session)
{
    return !session->opening->watch.has_relayed || session->verdict.reason == REASON_NAME_CHANGED;
}

/* Else an event will tell when there is something to read of the client, or its end. */
static bool may_have_sent_more(const struct session_opening *opening)
{
    const uint32_t readable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    return opening->hello.may_have_more || (opening->client_events & readable) != 0 ||
           opening->watch.client != NULL;
}

void session_send_alert(struct session *session)
{
    uint8_t record[ALERT_RECORD_BYTES];
    size_t size = 0;
    session_stop_checking(session);
    upstream_request_cancel(&session->opening->request);
    if (session->opening->hello.assembler.raw_size > 0 && may_be_told(session))
        size = alert_write(session->verdict.reason, session->opening->hello.hello.offers_tls13,
                           record);
    handshake_watch_release(&session->opening->watch);
    hello_assembler_release(&session->opening->hello.assembler);
    if (size > 0) /* nothing was sent before it, so it fits; else the client has gone */
        (void)send(session->client.descriptor, record, size, MSG_NOSIGNAL | MSG_MORE);
    (void)shutdown(session->client.descriptor, SHUT_WR); /* both in one segment */
    if (may_have_sent_more(session->opening))
        session_drain_client(session, 0);
}

void session_drain_client(struct session *session, uint32_t events)
{
    (void)events;
    uint8_t bytes[DRAIN_BYTES];
    ssize_t size = 0;
    while (session->opening->drained_bytes < SESSION_REFUSE_BYTES) {
        size = socket_receive(session->client.descriptor, bytes, sizeof(bytes), 0);
        if (size <= 0)
            break;
        session->opening->drained_bytes += (size_t)size;
    }
    if (size < 0 && errno == EAGAIN)
        return;
    session_end(session, GATE_END_REFUSED);
}

/* `name` has room for its name, which the event then borrows. */
static struct gate_event describe(const struct session *session, struct host_name *name)
{
    bool has_name = session_name(session, name);
    return (struct gate_event){
        .client = session->arrival.client,
        .proxy = session->arrival.proxy,
        .name = has_name ? name : NULL,
        .has_ech = session->has_ech,
        .port = session->arrival.port,
        .verdict = session->verdict,
        .policy = policy_view_get(session->context->view),
        .arrived_at = session->arrived_at,
        .server = session->route.server,
        .server_fitness = session->route.fitness,
        .has_stale_addresses = session->route.has_stale_addresses,
        .requirement = session->requirement,
        .finding = session->finding,
        .proof = session->proof,
        .bytes_up = session->bytes_up + session->relay.up.bytes,
        .bytes_down = session->bytes_down + session->relay.down.bytes,
        .duration_ms = clock_monotonic_ms() - session->started_ms,
        .was_opened = session->is_opened,
        .end = session->end,
    };
}

static void tell_sink(const struct session *session)
{
    struct host_name name;
    const struct gate_event event = describe(session, &name);
    const struct gate_sink *sink = &session->context->sink;
    sink->connection_ended(sink->context, &event);
}

void session_tell_opened(struct session *session)
{
    struct host_name name;
    const struct gate_sink *sink = &session->context->sink;
    session->is_opened = true;
    const struct gate_event event = describe(session, &name);
    if (sink->connection_opened != NULL)
        sink->connection_opened(sink->context, &event);
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

static struct socket_watch *server_of(struct session *session)
{
    return session->opening != NULL ? session->opening->request.server : &session->server;
}

void session_close(struct session *session)
{
    struct session_context *context = session->context;
    struct socket_watch *server = server_of(session);
    if (session->end == GATE_END_SERVER_RESET)
        reset_on_close(session->client.descriptor);
    if (session->end == GATE_END_CLIENT_RESET && server != NULL && server->descriptor >= 0)
        reset_on_close(server->descriptor);
    session_unlist(session);
    relay_stop(&session->relay);
    socket_watch_close(&session->client);
    socket_watch_close(&session->server);
    if (session->is_counted)
        sessions_count_out(context, &session->arrival.client.address);
    if (session->opening != NULL) {
        (void)session_keep_name(session); /* else it is told without */
        session_leave_opening(session);
    }
    tell_sink(session);
    requirement_unref(session->requirement);
    certificate_finding_unref(session->finding);
    free(session->name);
    free(session);
}

void session_report_turned_away(const struct session_context *context,
                                const struct session_arrival *arrival, enum reason reason)
{
    const struct gate_event event = {
        .client = arrival->client,
        .port = arrival->port,
        .verdict = { .reason = reason },
        .policy = policy_view_get(context->view),
        .end = GATE_END_REFUSED,
    };
    context->sink.connection_ended(context->sink.context, &event);
}
