/* sni-gate/session_walk.c - what people see of live connections. */
#include "base/clock.h"
#include "policy/requirement.h"
#include "sni-gate/session_layout.h"

/* A bit more is known while it begins. */
static void add_opening(const struct session_opening *opening, struct gate_connection *connection)
{
    connection->is_checking = opening->is_checking;
    connection->bytes_up = opening->watch.up.passed;
    connection->bytes_down = opening->watch.down.passed;
    if (opening->request.server != NULL)
        connection->server = opening->request.endpoint;
}

static void describe(const struct session *session, struct gate_connection *ret_connection)
{
    *ret_connection = (struct gate_connection){
        .client = session->arrival.client,
        .port = session->arrival.port,
        .server = session->route.server,
        .rule_id = session->verdict.rule_id,
        .mode = requirement_mode(session->requirement),
        .has_pins = requirement_has_enforcing_pin(session->requirement),
        .is_observed = session->verdict.reason == REASON_OBSERVED,
        .proof = session->proof,
        .bytes_up = session->bytes_up + session->relay.up.bytes,
        .bytes_down = session->bytes_down + session->relay.down.bytes,
        .started_ms = session->started_ms,
    };
    ret_connection->has_name = session_name(session, &ret_connection->name);
    if (session->opening != NULL)
        add_opening(session->opening, ret_connection);
}

void sessions_walk_begin(struct session_context *context)
{
    context->next_walked = LIST_FIRST(&context->live);
}

bool sessions_walk_some(struct session_context *context, session_walk_fn each, void *argument)
{
    struct gate_connection connection;
    for (int i = 0; i < SESSION_WALKED_PER_TURN && context->next_walked != NULL; i++) {
        const struct session *session = context->next_walked;
        context->next_walked = LIST_NEXT(session, live);
        describe(session, &connection);
        each(argument, &connection);
    }
    return context->next_walked != NULL;
}
