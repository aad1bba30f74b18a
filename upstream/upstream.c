/* upstream/upstream.c - reaching the real server of a name. */
#include "upstream/upstream.h"
#include "base/text.h"
#include "net/socket.h"
#include "policy/host_name.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void connect_to_next(struct upstream_request *request);

void upstream_request_init(struct upstream_request *request, struct upstream *upstream)
{
    *request = (struct upstream_request){ .upstream = upstream, .server.descriptor = -1 };
    uv_timer_init(upstream->loop, &request->attempt);
}

static void finish(struct upstream_request *request, enum reason reason)
{
    uv_timer_stop(&request->attempt);
    request->on_done(request, reason);
}

static enum reason reason_of_lookup(enum dns_lookup_status status)
{
    switch (status) {
    case DNS_LOOKUP_OK:
        return REASON_ALLOWED;
    case DNS_LOOKUP_NOT_FOUND:
        return REASON_UPSTREAM_NOT_FOUND;
    case DNS_LOOKUP_FAILED:
        break;
    }
    return REASON_UPSTREAM_DNS_FAILED;
}

static void on_looked_up(void *context, const struct dns_lookup_result *result)
{
    struct upstream_request *request = context;
    request->lookup = NULL;
    request->address_count = result->status == DNS_LOOKUP_OK ? result->address_count : 0;
    memcpy(request->address, result->address, request->address_count * sizeof(result->address[0]));
    finish(request, reason_of_lookup(result->status));
}

void upstream_lookup(struct upstream_request *request, const struct host_name *name,
                     upstream_fn on_done)
{
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(name, &text);
    request->on_done = on_done;
    request->lookup = dns_channel_lookup(request->upstream->channel, buffer, on_looked_up, request);
    if (request->lookup == NULL)
        finish(request, REASON_OUT_OF_RESOURCES);
}

/* Takes the next address that is fit as `endpoint`; false when none is left. */
static bool take_next_fit(struct upstream_request *request)
{
    const struct upstream *upstream = request->upstream;
    const struct address_rule rule = {
        .settings = policy_settings(policy_view_get(upstream->view)),
        .own = upstream->own,
        .own_count = upstream->own_count,
        .own_range = upstream->own_range,
        .own_range_count = upstream->own_range_count,
    };
    while (request->address_next < request->address_count) {
        struct endpoint next = { request->address[request->address_next++], request->port };
        enum address_fitness fitness = address_rule_judge(&rule, &next);
        if (fitness != ADDRESS_FIT && request->fitness == ADDRESS_FIT)
            continue; /* the one that was dialled tells more */
        request->endpoint = next;
        request->fitness = fitness;
        if (fitness == ADDRESS_FIT)
            return true;
    }
    return false;
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static struct upstream_request *request_of_server(struct socket_watch *server)
{
    return (struct upstream_request *)((char *)server - offsetof(struct upstream_request, server));
}

static struct upstream_request *request_of_attempt(uv_timer_t *attempt)
{
    return (struct upstream_request *)((char *)attempt -
                                       offsetof(struct upstream_request, attempt));
}

static void on_server_ready(struct socket_watch *server, uint32_t events)
{
    struct upstream_request *request = request_of_server(server);
    int error = socket_error(server->descriptor);
    if (error != 0 || (events & (EPOLLERR | EPOLLHUP)) != 0) {
        socket_watch_close(server);
        connect_to_next(request);
    } else if ((events & EPOLLOUT) != 0) {
        finish(request, REASON_ALLOWED);
    }
}

static void on_attempt_timeout(uv_timer_t *timer)
{
    struct upstream_request *request = request_of_attempt(timer);
    socket_watch_close(&request->server);
    connect_to_next(request);
}

/* Begins to connect to `endpoint`. False when that failed at once. */
static bool start_attempt(struct upstream_request *request)
{
    int descriptor = socket_connect(&request->endpoint);
    if (descriptor < 0) {
        request->failure =
            is_shortage(errno) ? REASON_OUT_OF_RESOURCES : REASON_UPSTREAM_CONNECT_FAILED;
        return false;
    }
    request->failure = REASON_UPSTREAM_CONNECT_FAILED;
    socket_set_keepalive(descriptor);
    if (socket_watch_start(request->upstream->poller, &request->server, descriptor,
                           on_server_ready) != 0) {
        close(descriptor);
        request->failure = REASON_OUT_OF_RESOURCES;
        return false;
    }
    uv_timer_start(&request->attempt, on_attempt_timeout, UPSTREAM_ATTEMPT_MS, 0);
    return true;
}

static void connect_to_next(struct upstream_request *request)
{
    while (take_next_fit(request))
        if (start_attempt(request))
            return;
    finish(request, request->failure);
}

void upstream_connect(struct upstream_request *request, uint16_t port, upstream_fn on_done)
{
    request->port = port;
    request->on_done = on_done;
    request->failure = REASON_UPSTREAM_ADDRESS_REFUSED; /* unless one proves fit */
    connect_to_next(request);
}

void upstream_request_cancel(struct upstream_request *request)
{
    dns_lookup_cancel(request->lookup);
    request->lookup = NULL;
    uv_timer_stop(&request->attempt);
    socket_watch_close(&request->server);
}

void upstream_request_close(struct upstream_request *request, uv_close_cb on_closed)
{
    upstream_request_cancel(request);
    uv_close((uv_handle_t *)&request->attempt, on_closed);
}
