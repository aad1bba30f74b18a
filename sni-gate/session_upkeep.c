/* sni-gate/session_upkeep.c - what is done to connections from outside of their own events: they
 * are ended when idle for too long, and judged again when the policy changes. */
#include "base/clock.h"
#include "net/socket.h"
#include "policy/connect_to.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "sni-gate/client_limits.h"
#include "sni-gate/session_layout.h"

/* A list stays in order though a busy connection is moved once a second at most. */
enum { TOUCHED_MS = 1000 };

static int64_t loop_now_ms(const struct session_context *context)
{
    return (int64_t)uv_now(context->loop);
}

static void leave_queue(struct session *session)
{
    if (!session->is_listed)
        return;
    if (session->is_quiet)
        TAILQ_REMOVE(&session->context->quiet, session, activity);
    else
        TAILQ_REMOVE(&session->context->active, session, activity);
    session->is_listed = session->is_quiet = false;
}

void session_touch(struct session *session)
{
    int64_t now_ms = loop_now_ms(session->context);
    if (session->is_listed && now_ms - session->active_ms < TOUCHED_MS)
        return;
    leave_queue(session);
    session->active_ms = now_ms;
    session->is_listed = true;
    TAILQ_INSERT_TAIL(&session->context->active, session, activity);
}

void session_unlist(struct session *session)
{
    struct session_context *context = session->context;
    if (context->next_judged == session)
        context->next_judged = LIST_NEXT(session, live);
    if (context->next_walked == session)
        context->next_walked = LIST_NEXT(session, live);
    leave_queue(session);
    LIST_REMOVE(session, live);
    context->live_count--;
}

enum reason sessions_count_in(struct session_context *context, const struct ip_address *client)
{
    const struct settings *settings = policy_settings(policy_view_get(context->view));
    const struct limit_terms terms = {
        .connections = settings->max_connections,
        .connections_per_client = settings->max_connections_per_client,
        .handshakes_per_client = settings->max_handshakes_per_client,
        .now_s = clock_monotonic_ms() / 1000,
    };
    if (context->limits == NULL)
        return REASON_ALLOWED;
    return client_limits_enter(context->limits, client, &terms);
}

void sessions_count_out(struct session_context *context, const struct ip_address *client)
{
    if (context->limits != NULL)
        client_limits_leave(context->limits, client);
}

/* Most connections end before the kernel need ask after a silent server, so it is told to only now.
 * (A client's connection has it from its listener.) */
static void note_quiet(struct session_context *context, int64_t now_ms)
{
    struct session *session;
    while ((session = TAILQ_FIRST(&context->active)) != NULL &&
           now_ms - session->active_ms >= SESSION_QUIET_MS) {
        TAILQ_REMOVE(&context->active, session, activity);
        session->is_quiet = true;
        TAILQ_INSERT_TAIL(&context->quiet, session, activity);
        socket_set_keepalive(session->server.descriptor);
    }
}

/* The one that was idle longest, if for `idle_ms`. */
static struct session *longest_idle(const struct session_context *context, int64_t idle_ms)
{
    struct session *session = TAILQ_FIRST(&context->quiet);
    if (session == NULL)
        session = TAILQ_FIRST(&context->active);
    if (session == NULL || loop_now_ms(context) - session->active_ms < idle_ms)
        return NULL;
    return session;
}

void sessions_sweep(struct session_context *context)
{
    const struct policy *policy = policy_view_get(context->view);
    int64_t idle_ms = 1000 * (int64_t)policy_settings(policy)->idle_s;
    struct session *session;
    note_quiet(context, loop_now_ms(context));
    while (idle_ms > 0 && (session = longest_idle(context, idle_ms)) != NULL)
        session_end(session, GATE_END_IDLE);
}

bool sessions_shed(struct session_context *context)
{
    struct session *session = longest_idle(context, SESSION_SHED_MS);
    if (session != NULL)
        session_end(session, GATE_END_SHED);
    return session != NULL;
}

/* Judging again */

/* An address that a rule has typed is open for as long as the rule says so. */
static bool may_keep_server(const struct session *session, const struct connect_to *elsewhere)
{
    const struct ip_address *typed =
        elsewhere->kind == CONNECT_TO_ADDRESS ? &elsewhere->address : NULL;
    if (session->opening != NULL)
        return upstream_may_go_on(&session->opening->request, typed);
    return upstream_may_dial(session->context->upstream, &session->route.server, typed);
}

/* What is not checked yet will be, by the rule that allowed it then; so that must demand as much.
 * What the handshake has still to show is judged by the rule of this moment. */
static bool is_checked_enough(struct session *session, struct requirement *demanded)
{
    bool is_watched = session->state == WATCHING && !session->opening->is_checking;
    if (session->state != RELAYING && !is_watched)
        return requirement_equal(session->requirement, demanded);
    if (!session_meets(session, demanded))
        return false;
    if (is_watched)
        session_demand_anew(session, demanded);
    return true;
}

/* What is being decided just now, or was denied, needs no second judgement. */
static bool is_still_allowed(struct session *session, const struct policy *policy)
{
    struct host_name name;
    struct connect_to elsewhere;
    if (session->state == READING_PROXY_HEADER || session->state == READING_HELLO ||
        session->state == REFUSING || !session_name(session, &name))
        return true;
    const struct policy_question question = { .client = session->arrival.client.address,
                                              .name = &name };
    struct verdict verdict =
        policy_decide(policy, &question, session->arrival.port, clock_realtime_s());
    if (verdict.decision != DECISION_ALLOW)
        return false;
    if (!policy_connect_to(policy, &name, &verdict, &elsewhere))
        elsewhere.kind = CONNECT_TO_NAME;
    return may_keep_server(session, &elsewhere) &&
           is_checked_enough(session, policy_requirement(policy, &name, &verdict));
}

void sessions_rejudge_begin(struct session_context *context)
{
    context->next_judged = LIST_FIRST(&context->live);
}

bool sessions_rejudge_some(struct session_context *context)
{
    const struct policy *policy = policy_view_get(context->view);
    for (int i = 0; i < SESSION_REJUDGED_PER_TURN && context->next_judged != NULL; i++) {
        struct session *session = context->next_judged;
        context->next_judged = LIST_NEXT(session, live);
        if (is_still_allowed(session, policy))
            continue;
        session->verdict.decision = DECISION_DENY;
        session->verdict.reason = REASON_REVOKED;
        session_end(session, GATE_END_REVOKED);
    }
    return context->next_judged != NULL;
}
