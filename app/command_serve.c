/* app/command_serve.c - pinhole serve: comes by the sockets, starts the threads, waits until it is
 * to end, lets the connections finish, stops the threads. */
#include "app/certificate_tools.h"
#include "app/certificate_watch.h"
#include "app/commands.h"
#include "app/control.h"
#include "app/gate_ranges.h"
#include "app/listeners.h"
#include "app/log_thread.h"
#include "app/policy_thread.h"
#include "app/status_service.h"
#include "app/take_over.h"
#include "app/worker.h"
#include "base/client_rate.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/socket.h"
#include "resolver/query_limit.h"
#include "sni-gate/client_limits.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Everything that runs, in the order in which it was started. */
struct server {
    struct options options; /* with real ports */
    struct own_endpoints own;
    struct control control;
    struct take_over take_over; /* what came from the process before */
    struct listening_sockets sockets;
    struct log_thread *log;
    struct event_log control_log;
    struct policy_thread *policy;
    struct worker *worker[OPTIONS_WORKERS_MAX];
    uint32_t worker_count;
    struct client_limits *limits;
    struct certificate_tools certificates;
    struct query_limit *query_limit;
    struct client_rate *dot_handshakes;
    struct certificate_watch *certificate; /* of DNS over TLS; NULL: no listener wants one */
    struct status_service *status;         /* NULL: none is wanted */
    atomic_bool is_ready;                  /* for new clients: until it is told to stop */
};

/* Rings of the log: one a worker, then one each for the other threads that log. */
enum { RING_CONTROL, RING_POLICY, RING_RECORD, RING_CERTIFICATE, OTHER_RINGS };

/* On the policy thread. */
static void on_policy_published(void *context)
{
    struct server *server = context;
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_policy_changed(server->worker[i]);
}

/* On the thread that watches the certificate. */
static void on_certificate_changed(void *context, struct server_context *latest)
{
    struct server *server = context;
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_use_certificate(server->worker[i], latest);
}

static bool read_certificate(struct server *server, struct fault *fault)
{
    const struct server_certificate files = { server->options.dot_certificate,
                                              server->options.dot_key };
    if (server->options.dot_listen_count == 0)
        return true;
    server->certificate = certificate_watch_new(&files, fault);
    return server->certificate != NULL;
}

static bool watch_certificate(struct server *server, struct fault *fault)
{
    const struct certificate_watch_setup setup = {
        .log = server->log,
        .ring = server->options.workers + RING_CERTIFICATE,
        .changed = on_certificate_changed,
        .context = server,
    };
    return server->certificate == NULL ||
           certificate_watch_start(server->certificate, &setup, fault);
}

static bool start_workers(struct server *server, struct fault *fault)
{
    struct worker_setup setup = { .options = &server->options,
                                  .feed = policy_thread_feed(server->policy),
                                  .sockets = &server->sockets,
                                  .log = server->log,
                                  .record = policy_thread_record(server->policy),
                                  .own = server->own.endpoint,
                                  .own_count = server->own.count,
                                  .limits = server->limits,
                                  .certificates = &server->certificates,
                                  .query_limit = server->query_limit,
                                  .dot_handshakes = server->dot_handshakes };
    if (server->certificate != NULL)
        setup.tls = certificate_watch_first(server->certificate);
    if (!listening_sockets_bind_rest(&server->sockets, &server->options, fault))
        return false;
    for (uint32_t i = 0; i < server->options.workers; i++) {
        server->worker[i] = worker_new(&setup, i, fault);
        if (server->worker[i] == NULL)
            return false;
        server->worker_count++;
    }
    for (uint32_t i = 0; i < server->worker_count; i++)
        if (!worker_start(server->worker[i], fault))
            return false;
    return true;
}

/* On this thread; its loop runs while control_wait() waits. */
static bool start_status(struct server *server, struct fault *fault)
{
    struct status_gatherer_parts parts = { .options = &server->options,
                                           .policy = server->policy,
                                           .log = server->log,
                                           .board = server->certificates.board,
                                           .is_ready = &server->is_ready,
                                           .workers = server->worker,
                                           .worker_count = server->worker_count };
    if (server->options.has_no_status)
        return true;
    server->status = status_service_new(&parts, listening_sockets_status(&server->sockets), fault);
    if (server->status != NULL)
        server->control.loop = status_service_loop(server->status);
    return server->status != NULL;
}

static bool has_gate_key(const struct server *server, struct fault *fault)
{
    struct policy *policy = policy_feed_latest(policy_thread_feed(server->policy));
    bool has_key = gate_ranges_have_key(&server->options, policy, fault);
    policy_unref(policy);
    return has_key;
}

/* Takes sockets over where it is to, and makes sure that the rest can be had. */
static bool come_by_sockets(struct server *server, struct fault *fault)
{
    struct take_over *take_over = &server->take_over;
    if (!listening_sockets_init(&server->sockets, fault) ||
        (server->options.takes_over && !take_over_receive(server->options.db, take_over, fault)))
        return false;
    listening_sockets_adopt(&server->sockets, &server->options, take_over->descriptor,
                            take_over->count);
    return listeners_claim(&server->options, &server->sockets, fault) &&
           listeners_check_upstream(&server->options, fault);
}

/* A connection through the gate takes two descriptors; the rest of the process needs some. */
static uint32_t connections_for(uint64_t descriptor_limit, uint32_t workers)
{
    const uint64_t others = 64 + STATUS_CONNECTIONS_AT_ONCE + 16 * (uint64_t)workers;
    uint64_t most = descriptor_limit > others ? (descriptor_limit - others) / 2 : 0;
    return most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
}

static bool start(struct server *server, uint64_t descriptor_limit, struct fault *fault)
{
    uint32_t workers = server->options.workers;
    if (!control_init(&server->control, &server->control_log, fault) ||
        !read_certificate(server, fault) || !come_by_sockets(server, fault))
        return false;
    fault_what(fault, "out of memory");
    server->limits = client_limits_new(connections_for(descriptor_limit, workers));
    server->query_limit = query_limit_new();
    server->dot_handshakes = client_rate_new();
    if (server->limits == NULL || server->query_limit == NULL || server->dot_handshakes == NULL ||
        !certificate_tools_start(&server->certificates, server->options.ca_file, fault))
        return false;
    own_endpoints_collect(&server->options, &server->own);
    server->log = log_thread_start(workers + OTHER_RINGS, server->options.log_format, fault);
    if (server->log == NULL)
        return false;
    event_log_init(&server->control_log, server->log, workers + RING_CONTROL);
    struct policy_thread_setup setup = { .path = server->options.db,
                                         .ports = options_ports(&server->options),
                                         .log = server->log,
                                         .policy_ring = workers + RING_POLICY,
                                         .record_ring = workers + RING_RECORD,
                                         .published = on_policy_published,
                                         .context = server };
    server->policy = policy_thread_new(&setup, fault);
    return server->policy != NULL && certificate_tools_wait(&server->certificates, fault) &&
           has_gate_key(server, fault) && start_workers(server, fault) &&
           start_status(server, fault) && policy_thread_start(server->policy, fault) &&
           watch_certificate(server, fault);
}

/* The one line that says it is ready, with the real ports. */
static void print_ready(const struct server *server)
{
    char line[4096];
    struct text text = text_in(line, sizeof(line));
    const struct options *options = &server->options;
    text_add(&text, "pinhole: ready:");
    for (uint32_t i = 0; i < options->dns_listen_count; i++) {
        text_add(&text, " dns ");
        endpoint_add_to(&options->dns_listen[i], &text);
        text_add(&text, ",");
    }
    for (uint32_t i = 0; i < options->dot_listen_count; i++) {
        text_add(&text, " dot ");
        endpoint_add_to(&options->dot_listen[i], &text);
        text_add(&text, ",");
    }
    for (uint32_t i = 0; i < options->tls_listen_count; i++) {
        text_add(&text, " tls ");
        endpoint_add_to(&options->tls_listen[i].endpoint, &text);
        text_add_format(&text, "=%u%s,", options->tls_listen[i].client_port,
                        options->tls_listen[i].is_for_proxies ? ",proxy" : "");
    }
    if (!options->has_no_status) {
        text_add(&text, " status ");
        endpoint_add_to(&options->status_listen, &text);
        text_add(&text, ",");
    }
    struct policy *policy = policy_feed_latest(policy_thread_feed(server->policy));
    text_add_format(&text, " %llu rules from %s\n", (unsigned long long)policy_rule_count(policy),
                    options->db);
    policy_unref(policy);
    (void)fputs(text.at, stdout); /* whoever closed standard output does not want to know */
    (void)fflush(stdout);
}

static void log_fault(struct server *server, const char *event, const struct fault *fault)
{
    struct log_record *record = event_log_start(&server->control_log, event);
    if (record == NULL)
        return;
    log_record_text(record, "what", fault->what);
    log_record_text(record, "where", fault->where);
    log_record_text(record, "remedy", fault->remedy);
    event_log_send(&server->control_log);
}

static void log_started(struct server *server, uint64_t descriptor_limit)
{
    struct log_record *record = event_log_start(&server->control_log, "started");
    if (record == NULL)
        return;
    log_record_number(record, "workers", server->worker_count);
    log_record_number(record, "descriptor_limit", (int64_t)descriptor_limit);
    log_record_number(record, "connection_limit",
                      connections_for(descriptor_limit, server->worker_count));
    event_log_send(&server->control_log);
}

static void log_taken_over(struct server *server)
{
    struct log_record *record = event_log_start(&server->control_log, "taken_over");
    if (record == NULL)
        return;
    log_record_number(record, "sockets", server->take_over.count);
    if (server->take_over.connection >= 0) /* else nobody ran */
        log_record_number(record, "from_pid", server->take_over.from.process);
    event_log_send(&server->control_log);
}

/* The process before stops to read the sockets when it is told that they are read here; only then
 * may the next one find this process in its place. */
static void settle(struct server *server)
{
    struct fault fault = { 0 };
    bool has_taken_over = server->take_over.count > 0;
    if (server->options.takes_over)
        log_taken_over(server);
    take_over_ready(&server->take_over);
    take_over_release(&server->take_over);
    server->control.offer =
        take_over_offer_new(server->options.db, &server->sockets, has_taken_over, &fault);
    if (server->control.offer == NULL)
        log_fault(server, "take_over_not_offered", &fault);
    atomic_store(&server->is_ready, true);
}

static void log_stopping(struct server *server)
{
    struct log_record *record = event_log_start(&server->control_log, "stopping");
    if (record == NULL)
        return;
    log_record_text(record, "signal",
                    server->control.signal_number == SIGINT ? "SIGINT" : "SIGTERM");
    log_record_number(record, "lame_duck_seconds", server->options.lame_duck_seconds);
    log_record_number(record, "drain_seconds", server->options.drain_seconds);
    event_log_send(&server->control_log);
}

static int64_t after_seconds(uint32_t seconds)
{
    return clock_monotonic_ms() + (int64_t)seconds * 1000;
}

/* Serves until nobody comes to this process any more. A process that takes over may do so in the
 * lame-duck time too, and ends it. Returns how it came about. */
static enum control_event serve(struct server *server)
{
    enum control_event event = control_wait(&server->control, CONTROL_FOREVER);
    atomic_store(&server->is_ready, false);
    if (event == CONTROL_SIGNAL) {
        log_stopping(server);
        event = control_wait(&server->control, after_seconds(server->options.lame_duck_seconds));
    }
    control_withdraw_offer(&server->control);
    return event;
}

/* Gives connections the time to finish, but does not wait where there is none. */
static void drain(struct server *server, bool is_handed_over)
{
    struct worker_drain how = { is_handed_over, server->control.drained };
    if (is_handed_over)
        status_service_stop_accepting(server->status);
    server->control.worker_count = server->worker_count;
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_drain(server->worker[i], &how);
    (void)control_wait(&server->control, after_seconds(server->options.drain_seconds));
}

static void log_drained(struct server *server, const struct worker_drained *sum)
{
    struct log_record *record = event_log_start(&server->control_log, "drained");
    if (record == NULL)
        return;
    log_record_number(record, "finished", (int64_t)(sum->open_count - sum->closed_count));
    log_record_number(record, "closed", (int64_t)sum->closed_count);
    event_log_send(&server->control_log);
}

static void end_workers(struct server *server)
{
    struct worker_drained sum = { 0 };
    status_service_stop(server->status);
    policy_thread_stop(server->policy); /* it speaks to the workers, as does the next */
    certificate_watch_stop(server->certificate);
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_stop(server->worker[i]);
    for (uint32_t i = 0; i < server->worker_count; i++) {
        struct worker_drained drained = worker_join(server->worker[i]);
        sum.open_count += drained.open_count;
        sum.closed_count += drained.closed_count;
    }
    log_drained(server, &sum);
}

static void stop(struct server *server)
{
    status_service_stop(server->status);
    policy_thread_stop(server->policy);
    certificate_watch_stop(server->certificate);
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_free(server->worker[i]);
    policy_thread_free(server->policy);
    status_service_free(server->status);
    client_limits_free(server->limits);
    certificate_tools_release(&server->certificates);
    query_limit_free(server->query_limit);
    client_rate_free(server->dot_handshakes);
    certificate_watch_free(server->certificate);
    log_thread_stop(server->log);
    take_over_release(&server->take_over);
    listening_sockets_release(&server->sockets);
    control_release(&server->control);
}

int command_serve(const struct options *options, struct fault *fault)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        fault_what(fault, "out of memory");
        return -1;
    }
    server->options = *options;
    server->take_over.connection = -1;
    uint64_t descriptor_limit = socket_raise_descriptor_limit();
    bool is_up = start(server, descriptor_limit, fault);
    if (is_up) {
        log_started(server, descriptor_limit);
        settle(server);
        print_ready(server);
        drain(server, serve(server) == CONTROL_TAKEN_OVER);
        end_workers(server);
    }
    stop(server);
    free(server);
    return is_up ? 0 : -1;
}
