/* sni-gate/session_opening.c - what only the beginning of a connection needs, and how a session
 * goes on without it. */
#include "base/counter.h"
#include "policy/connect_to.h"
#include "sni-gate/session_layout.h"

#include <stdlib.h>
#include <string.h>

/* libuv may touch a handle until its close callback has run, so the last callback frees. */
static void on_timer_closed(uv_handle_t *handle)
{
    struct session_opening *opening = handle->data;
    struct session_context *context = opening->context;
    if (--opening->open_handles > 0)
        return;
    free(opening);
    if (--context->opening_count == 0)
        context->on_all_freed(context);
}

struct session_opening *session_opening_new(struct session *session)
{
    struct session_opening *opening = calloc(1, sizeof(*opening));
    struct session_context *context = session->context;
    if (opening == NULL)
        return NULL;
    opening->session = session;
    opening->context = context;
    opening->open_handles = 2;
    uv_timer_init(context->loop, &opening->deadline);
    opening->deadline.data = opening;
    upstream_request_init(&opening->request, context->upstream);
    opening->request.timer.data = opening;
    hello_reader_init(&opening->hello);
    context->opening_count++;
    return opening;
}

bool session_name(const struct session *session, struct host_name *ret_name)
{
    struct reader wire = reader_over(session->name, session->name_size);
    if (session->opening == NULL)
        return session->name != NULL && host_name_read(&wire, ret_name);
    if (session->opening->hello.has_name)
        *ret_name = session->opening->hello.name;
    return session->opening->hello.has_name;
}

void session_leave_opening(struct session *session)
{
    struct session_opening *opening = session->opening;
    session->route = (struct session_route){ opening->request.endpoint, opening->request.fitness,
                                             opening->request.is_stale };
    session->bytes_up = opening->watch.up.passed;
    session->bytes_down = opening->watch.down.passed;
    counter_add(&session->context->opening_bytes_up, session->bytes_up);
    counter_add(&session->context->opening_bytes_down, session->bytes_down);
    session_stop_checking(session);
    handshake_watch_release(&opening->watch);
    hello_assembler_release(&opening->hello.assembler);
    free(opening->connect_to);
    opening->session = NULL;
    session->opening = NULL;
    uv_close((uv_handle_t *)&opening->deadline, on_timer_closed);
    upstream_request_close(&opening->request, on_timer_closed);
}

bool session_keep_name(struct session *session)
{
    const struct host_name *name = &session->opening->hello.name;
    if (!session->opening->hello.has_name || session->name != NULL)
        return true;
    session->name = malloc(name->size);
    if (session->name == NULL)
        return false;
    memcpy(session->name, name->wire, name->size);
    session->name_size = name->size;
    return true;
}
