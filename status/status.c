/* status/status.c - libmicrohttpd on a libuv loop. */
#include "status/status.h"
#include "base/clock.h"
#include "status/status_layout.h"

#include <stdlib.h>
#include <unistd.h>

static void arm_timers(struct status *status);

static void run(struct status *status)
{
    status->has_resumed = false;
    (void)MHD_run(status->daemon); /* fails for a daemon with threads of its own alone */
    arm_timers(status);
}

static void on_ready(uv_poll_t *handle, int error, int events)
{
    (void)error, (void)events; /* whatever it is shows in the set itself */
    run(handle->data);
}

static void on_due(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_look(uv_timer_t *timer)
{
    struct status *status = timer->data;
    exchange_look_after(status);
    run(status);
}

static void arm_timers(struct status *status)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (status->has_resumed)
        (void)uv_timer_start(&status->due, on_due, 0, 0);
    else if (MHD_get_timeout(status->daemon, &wait_ms) == MHD_YES)
        (void)uv_timer_start(&status->due, on_due, wait_ms, 0);
    else
        (void)uv_timer_stop(&status->due);
    if (status->waiting == NULL)
        (void)uv_timer_stop(&status->look);
    else if (!uv_is_active((uv_handle_t *)&status->look))
        (void)uv_timer_start(&status->look, on_look, STATUS_LOOK_EVERY_MS, STATUS_LOOK_EVERY_MS);
}

void status_resume(struct status *status, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    status->has_resumed = true;
    if (status->open_handles > 0 && !uv_is_closing((uv_handle_t *)&status->due))
        (void)uv_timer_start(&status->due, on_due, 0, 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct status *status = handle->data;
    if (--status->open_handles == 0)
        free(status);
}

static struct MHD_Daemon *start_daemon(struct status *status, int listener)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                            exchange_handle, status, MHD_OPTION_LISTEN_SOCKET, listener,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)STATUS_CONNECTIONS_AT_ONCE,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)STATUS_CONNECTIONS_OF_ONE,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STATUS_IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)STATUS_HEADER_BYTES,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
                            MHD_OPTION_URI_LOG_CALLBACK, exchange_begin, status,
                            MHD_OPTION_NOTIFY_COMPLETED, exchange_end, status, MHD_OPTION_END);
}

/* Nothing on the loop yet, or only handles that uv_close() is due for. */
static bool start_on_loop(struct status *status, uv_loop_t *loop)
{
    const union MHD_DaemonInfo *set = MHD_get_daemon_info(status->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (set == NULL || uv_poll_init(loop, &status->readiness, set->epoll_fd) != 0)
        return false;
    (void)uv_timer_init(loop, &status->due); /* timers can't fail */
    (void)uv_timer_init(loop, &status->look);
    status->readiness.data = status->due.data = status->look.data = status;
    status->open_handles = 3;
    return uv_poll_start(&status->readiness, UV_READABLE, on_ready) == 0;
}

struct status *status_new(const struct status_setup *setup, struct fault *fault)
{
    struct status *status = calloc(1, sizeof(*status));
    fault_what(fault, "can't start the status page: out of memory or descriptors");
    if (status != NULL)
        status->daemon = start_daemon(status, setup->listener);
    if (status == NULL || status->daemon == NULL) {
        (void)close(setup->listener);
        free(status);
        return NULL;
    }
    status->is_accepting = true;
    status->token = setup->token;
    for (uint32_t i = 0; i < setup->host_count && i < STATUS_HOSTS_MAX; i++)
        status->host[status->names.count++] = setup->host[i];
    status->names.name = status->host;
    status->gathers.source = setup->source;
    if (start_on_loop(status, setup->loop)) {
        arm_timers(status);
        return status;
    }
    status_free(status);
    return NULL;
}

void status_stop_accepting(struct status *status)
{
    if (!status->is_accepting)
        return;
    status->is_accepting = false;
    MHD_socket listener = MHD_quiesce_daemon(status->daemon);
    if (listener != MHD_INVALID_SOCKET)
        (void)close(listener);
}

void status_free(struct status *status)
{
    if (status == NULL)
        return;
    gather_end(&status->gathers); /* and so nobody waits any more, which stopping asks for */
    status_stop_accepting(status);
    if (status->open_handles == 0) { /* it has not come to handles */
        MHD_stop_daemon(status->daemon);
        free(status);
        return;
    }
    /* Before the set, which the daemon closes. */
    uv_close((uv_handle_t *)&status->readiness, on_handle_closed);
    uv_close((uv_handle_t *)&status->due, on_handle_closed);
    uv_close((uv_handle_t *)&status->look, on_handle_closed);
    MHD_stop_daemon(status->daemon);
}
