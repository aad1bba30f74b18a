/* app/worker.c - one worker: a thread, a loop, its share of the resolver and of the gate. */
#include "app/worker.h"
#include "app/existence.h"
#include "app/observer.h"
#include "base/clock.h"
#include "net/dns_channel.h"
#include "net/mailbox.h"
#include "net/poller.h"
#include "net/socket.h"
#include "resolver/resolver.h"
#include "resolver/tcp_server.h"
#include "resolver/udp_server.h"
#include "sni-gate/gate.h"
#include "upstream/upstream.h"

#include <pthread.h>
#include <stdlib.h>

enum { REPORT_EVERY_MS = 1000 };

struct worker {
    pthread_t thread;
    bool is_started;
    uv_loop_t loop;
    bool has_loop;
    struct mailbox *mailbox;
    uv_timer_t report_timer;
    bool has_report_timer;
    struct observer observer;
    struct policy_view view;
    struct resolver resolver;
    struct udp_server *udp[OPTIONS_LISTENERS_MAX];
    struct tcp_server *tcp[OPTIONS_LISTENERS_MAX];
    uint32_t dns_count;
    struct poller *poller;
    struct dns_channel *channel;
    struct existence *existence;
    struct name_cache *names;
    struct address_memory *memory;
    struct upstream upstream;
    struct gate *gate;
};

static void on_report_timer(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    observer_report(&worker->observer, clock_monotonic_ms());
}

static bool start_loop(struct worker *worker)
{
    int error;
    if (uv_loop_init(&worker->loop) < 0)
        return false;
    worker->has_loop = true;
    (void)uv_timer_init(&worker->loop, &worker->report_timer); /* always succeeds */
    worker->has_report_timer = true;
    worker->report_timer.data = worker;
    (void)uv_timer_start(&worker->report_timer, on_report_timer, REPORT_EVERY_MS, REPORT_EVERY_MS);
    worker->mailbox = mailbox_new(&worker->loop);
    worker->poller = poller_new(&worker->loop, &error);
    return worker->mailbox != NULL && worker->poller != NULL;
}

static bool start_dns(struct worker *worker, const struct endpoint *endpoint, struct fault *fault)
{
    int error, udp, tcp;
    uint32_t at = worker->dns_count++;
    udp = socket_bind_udp(endpoint, fault);
    if (udp < 0)
        return false;
    worker->udp[at] = udp_server_new(&worker->loop, udp, &worker->resolver, &error);
    tcp = worker->udp[at] != NULL ? socket_listen_tcp(endpoint, fault) : -1;
    if (tcp < 0)
        return false;
    worker->tcp[at] = tcp_server_new(&worker->loop, tcp, &worker->resolver, &error);
    return worker->tcp[at] != NULL;
}

/* The upstream DNS, which resolver and gate share. */
static bool start_channel(struct worker *worker, const struct options *options, struct fault *fault)
{
    worker->channel =
        dns_channel_new(&worker->loop, options->upstream_dns, options->upstream_dns_count, fault);
    if (worker->channel == NULL)
        return false;
    worker->names = name_cache_new(worker->channel, clock_monotonic_ms);
    worker->memory = address_memory_new(clock_monotonic_ms);
    worker->existence = worker->names != NULL ? existence_new(&worker->loop, worker->names) : NULL;
    if (worker->existence == NULL || worker->memory == NULL)
        return false;
    worker->resolver.lookup = existence_lookup(worker->existence);
    return true;
}

static bool start_gate(struct worker *worker, const struct worker_setup *setup, struct fault *fault)
{
    const struct options *options = setup->options;
    worker->upstream = (struct upstream){ .loop = &worker->loop,
                                          .poller = worker->poller,
                                          .names = worker->names,
                                          .memory = worker->memory,
                                          .view = &worker->view,
                                          .own = setup->own,
                                          .own_count = setup->own_count,
                                          .descriptor_limit = socket_descriptor_limit(),
                                          .own_range = options->gate_addresses.range,
                                          .own_range_count = options->gate_addresses.range_count };
    struct gate_parts parts = { .loop = &worker->loop,
                                .poller = worker->poller,
                                .upstream = &worker->upstream,
                                .view = &worker->view,
                                .addresses = &options->gate_addresses,
                                .limits = setup->limits,
                                .proxies = options->proxies,
                                .proxy_count = options->proxy_count,
                                .sink = { &worker->observer, observer_connection_ended } };
    worker->gate = gate_new(&parts);
    for (uint32_t i = 0; worker->gate != NULL && i < options->tls_listen_count; i++) {
        const struct tls_listener *tls = &options->tls_listen[i];
        struct gate_listener listener = { .descriptor = socket_listen_tcp(&tls->endpoint, fault),
                                          .port = tls->client_port,
                                          .is_for_proxies = tls->is_for_proxies };
        if (listener.descriptor < 0 || gate_listen(worker->gate, &listener) < 0)
            return false;
    }
    return worker->gate != NULL;
}

struct worker *worker_new(const struct worker_setup *setup, uint32_t index, struct fault *fault)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    fault_what(fault, "can't start a worker: out of memory or descriptors");
    if (worker == NULL)
        return NULL;
    policy_view_init(&worker->view, setup->feed);
    struct observer_parts parts = { .log = setup->log,
                                    .ring = index,
                                    .record = setup->record,
                                    .ports = options_ports(setup->options) };
    bool is_up = observer_init(&worker->observer, &parts) && start_loop(worker);
    resolver_init(&worker->resolver, &worker->view, &setup->options->gate_addresses,
                  (struct resolver_sink){ &worker->observer, observer_query_denied });
    is_up = is_up && start_channel(worker, setup->options, fault);
    for (uint32_t i = 0; is_up && i < setup->options->dns_listen_count; i++)
        is_up = start_dns(worker, &setup->options->dns_listen[i], fault);
    if (is_up && start_gate(worker, setup, fault))
        return worker;
    worker_free(worker);
    return NULL;
}

/* Ends everything on the loop, which then runs out of handles. */
static void end_everything(void *context)
{
    struct worker *worker = context;
    for (uint32_t i = 0; i < worker->dns_count; i++) {
        udp_server_free(worker->udp[i]);
        tcp_server_free(worker->tcp[i]);
    }
    gate_free(worker->gate);
    existence_free(worker->existence);
    name_cache_free(worker->names);
    address_memory_free(worker->memory);
    dns_channel_free(worker->channel);
    poller_free(worker->poller);
    mailbox_free(worker->mailbox);
    if (worker->has_report_timer)
        uv_close((uv_handle_t *)&worker->report_timer, NULL);
}

static void *run(void *context)
{
    struct worker *worker = context;
    (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
    observer_report(&worker->observer, INT64_MAX);
    return NULL;
}

bool worker_start(struct worker *worker, struct fault *fault)
{
    worker->is_started = pthread_create(&worker->thread, NULL, run, worker) == 0;
    if (!worker->is_started)
        fault_what(fault, "can't start a thread");
    return worker->is_started;
}

static void judge_again(void *context)
{
    struct worker *worker = context;
    gate_policy_changed(worker->gate);
}

void worker_policy_changed(struct worker *worker)
{
    (void)mailbox_post(worker->mailbox, judge_again, worker); /* or the gate sees it by itself */
}

void worker_stop(struct worker *worker)
{
    if (!mailbox_post(worker->mailbox, end_everything, worker))
        abort(); /* out of memory: the process is about to end, and must not hang instead */
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->is_started)
        (void)pthread_join(worker->thread, NULL);
    else
        end_everything(worker);
    if (worker->has_loop) {
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop); /* nothing is left on it */
    }
    policy_view_release(&worker->view);
    observer_release(&worker->observer);
    free(worker);
}
