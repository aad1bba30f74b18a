/* app/command_serve.c - pinhole serve: claims the sockets, starts the threads, waits for a signal,
 * stops them. */
#include "app/commands.h"
#include "app/gate_ranges.h"
#include "app/listeners.h"
#include "app/log_thread.h"
#include "app/policy_thread.h"
#include "app/worker.h"
#include "base/text.h"
#include "net/socket.h"
#include "sni-gate/client_limits.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Everything that runs, in the order in which it was started. */
struct server {
    struct options options; /* with real ports */
    struct own_endpoints own;
    struct log_thread *log;
    struct event_log control_log;
    struct policy_thread *policy;
    struct worker *worker[OPTIONS_WORKERS_MAX];
    uint32_t worker_count;
    struct client_limits *limits;
    sigset_t stop_signals;
};

/* Rings of the log: one a worker, then one each for the other threads that log. */
enum { RING_CONTROL, RING_POLICY, RING_RECORD, OTHER_RINGS };

/* On the policy thread. */
static void on_policy_published(void *context)
{
    struct server *server = context;
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_policy_changed(server->worker[i]);
}

static bool start_workers(struct server *server, struct fault *fault)
{
    struct worker_setup setup = { .options = &server->options,
                                  .feed = policy_thread_feed(server->policy),
                                  .log = server->log,
                                  .record = policy_thread_record(server->policy),
                                  .own = server->own.endpoint,
                                  .own_count = server->own.count,
                                  .limits = server->limits };
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

static bool has_gate_key(const struct server *server, struct fault *fault)
{
    struct policy *policy = policy_feed_latest(policy_thread_feed(server->policy));
    bool has_key = gate_ranges_have_key(&server->options, policy, fault);
    policy_unref(policy);
    return has_key;
}

static bool start(struct server *server, struct fault *fault)
{
    uint32_t workers = server->options.workers;
    if (!listeners_claim(&server->options, fault) ||
        !listeners_check_upstream(&server->options, fault))
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
    return server->policy != NULL && has_gate_key(server, fault) && start_workers(server, fault) &&
           policy_thread_start(server->policy, fault);
}

/* Workers that were never started are freed all the same. */
static void stop(struct server *server)
{
    policy_thread_stop(server->policy);
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_stop(server->worker[i]);
    for (uint32_t i = 0; i < server->worker_count; i++)
        worker_free(server->worker[i]);
    policy_thread_free(server->policy);
    client_limits_free(server->limits);
    log_thread_stop(server->log);
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
    for (uint32_t i = 0; i < options->tls_listen_count; i++) {
        text_add(&text, " tls ");
        endpoint_add_to(&options->tls_listen[i].endpoint, &text);
        text_add_format(&text, "=%u%s,", options->tls_listen[i].client_port,
                        options->tls_listen[i].is_for_proxies ? ",proxy" : "");
    }
    struct policy *policy = policy_feed_latest(policy_thread_feed(server->policy));
    text_add_format(&text, " %llu rules from %s\n", (unsigned long long)policy_rule_count(policy),
                    options->db);
    policy_unref(policy);
    (void)fputs(text.at, stdout); /* whoever closed standard output does not want to know */
    (void)fflush(stdout);
}

static void on_second_signal(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

/* Blocks the signals that stop the process, in every thread to come; nothing dies of a closed pipe.
 */
static void block_signals(struct server *server)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&server->stop_signals);
    (void)sigaddset(&server->stop_signals, SIGTERM);
    (void)sigaddset(&server->stop_signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &server->stop_signals, NULL);
}

static void wait_for_signal(struct server *server)
{
    struct sigaction action = { .sa_handler = on_second_signal };
    int signal_number = 0;
    (void)sigwait(&server->stop_signals, &signal_number);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)pthread_sigmask(SIG_UNBLOCK, &server->stop_signals, NULL);
    struct log_record *record = event_log_start(&server->control_log, "stopping");
    if (record != NULL) {
        log_record_text(record, "signal", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
        event_log_send(&server->control_log);
    }
}

/* A connection through the gate takes two descriptors; the rest of the process needs some. */
static uint32_t connections_for(uint64_t descriptor_limit, uint32_t workers)
{
    const uint64_t others = 64 + 16 * (uint64_t)workers;
    uint64_t most = descriptor_limit > others ? (descriptor_limit - others) / 2 : 0;
    return most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
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

int command_serve(const struct options *options, struct fault *fault)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        fault_what(fault, "out of memory");
        return -1;
    }
    server->options = *options;
    block_signals(server);
    fault_what(fault, "out of memory");
    uint64_t descriptor_limit = socket_raise_descriptor_limit();
    server->limits = client_limits_new(connections_for(descriptor_limit, options->workers));
    bool is_up = server->limits != NULL && start(server, fault);
    if (is_up) {
        log_started(server, descriptor_limit);
        print_ready(server);
        wait_for_signal(server);
    }
    stop(server);
    free(server);
    return is_up ? 0 : -1;
}
