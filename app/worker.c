/* app/worker.c - one worker: a thread, a loop, its share of the resolver and of the gate. */
#include "app/worker.h"
#include "app/certificate_tools.h"
#include "app/existence.h"
#include "app/observer.h"
#include "base/clock.h"
#include "base/counter.h"
#include "net/dns_channel.h"
#include "net/mailbox.h"
#include "net/poller.h"
#include "net/socket.h"
#include "resolver/resolver.h"
#include "resolver/tcp_server.h"
#include "resolver/udp_server.h"
#include "sni-gate/gate.h"
#include "tls/server_context.h"
#include "upstream/certificate_checks.h"
#include "upstream/upstream.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPORT_EVERY_MS = 1000, DRAIN_LOOK_EVERY_MS = 20 };

struct worker {
    pthread_t thread;
    bool is_started, has_ended;
    uv_loop_t loop;
    bool has_loop;
    struct mailbox *mailbox;
    uv_timer_t report_timer, drain_timer;
    bool has_timers;
    struct observer observer;
    struct policy_view view;
    struct resolver resolver;
    struct udp_server **udp; /* owned, as is the next */
    struct tcp_server **tcp; /* over TLS too */
    struct server_context_slot tls;
    struct client_rate *dot_handshakes;
    uint32_t udp_count, tcp_count;
    struct poller *poller;
    struct dns_channel *channel;
    struct existence *existence;
    struct forwarder *forwarder; /* NULL: there is no internal zone */
    struct name_cache *names;
    struct address_memory *memory;
    struct upstream upstream;
    struct certificate_checker *checker;
    struct gate *gate;
    struct worker_drain drain;
    struct worker_drained drained; /* the thread's until it was joined */
};

static void on_report_timer(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    certificate_checker_keep_up(worker->checker);
    observer_report(&worker->observer, clock_monotonic_ms());
}

static bool start_loop(struct worker *worker)
{
    int error;
    if (uv_loop_init(&worker->loop) < 0)
        return false;
    worker->has_loop = true;
    (void)uv_timer_init(&worker->loop, &worker->report_timer); /* always succeeds */
    (void)uv_timer_init(&worker->loop, &worker->drain_timer);
    worker->has_timers = true;
    worker->report_timer.data = worker->drain_timer.data = worker;
    (void)uv_timer_start(&worker->report_timer, on_report_timer, REPORT_EVERY_MS, REPORT_EVERY_MS);
    worker->mailbox = mailbox_new(&worker->loop);
    worker->poller = poller_new(&worker->loop, &error);
    return worker->mailbox != NULL && worker->poller != NULL;
}

static bool start_dot(struct worker *worker, int descriptor)
{
    int error;
    struct tcp_server *server =
        tcp_server_new(&worker->loop, descriptor, &worker->resolver, &error);
    if (server == NULL)
        return false;
    tcp_server_use_tls(server, &worker->tls, worker->dot_handshakes);
    worker->tcp[worker->tcp_count++] = server;
    return true;
}

/* Starts to read one of its sockets. */
static bool start_reading(struct worker *worker, const struct listening_socket *socket,
                          const struct options *options)
{
    int error;
    const struct tls_listener *tls = &options->tls_listen[socket->listener];
    const struct gate_listener gate = { socket->descriptor, tls->client_port, tls->is_for_proxies };
    switch (socket->use) {
    case SOCKET_USE_DNS_UDP:
        worker->udp[worker->udp_count] =
            udp_server_new(&worker->loop, socket->descriptor, &worker->resolver, &error);
        return worker->udp[worker->udp_count++] != NULL;
    case SOCKET_USE_DNS_TCP:
        worker->tcp[worker->tcp_count] =
            tcp_server_new(&worker->loop, socket->descriptor, &worker->resolver, &error);
        return worker->tcp[worker->tcp_count++] != NULL;
    case SOCKET_USE_DNS_TLS:
        return start_dot(worker, socket->descriptor);
    case SOCKET_USE_GATE:
        return gate_listen(worker->gate, &gate) == 0;
    case SOCKET_USE_NONE:
    case SOCKET_USE_STATUS: /* is the control thread's */
        break;
    }
    return false;
}

static bool start_reading_all(struct worker *worker, const struct worker_setup *setup,
                              uint32_t index)
{
    const struct listening_sockets *sockets = setup->sockets;
    bool is_up = true;
    worker->udp = calloc(sockets->count, sizeof(struct udp_server *));
    worker->tcp = calloc(sockets->count, sizeof(struct tcp_server *));
    if (worker->udp == NULL || worker->tcp == NULL)
        return false;
    for (uint32_t i = 0; is_up && i < sockets->count; i++)
        if (sockets->socket[i].worker == index)
            is_up = start_reading(worker, &sockets->socket[i], setup->options);
    return is_up;
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

static bool start_forwarder(struct worker *worker, const struct options *options,
                            struct fault *fault)
{
    struct forwarder_parts parts = { .loop = &worker->loop,
                                     .zones = &options->zones,
                                     .context = &worker->observer,
                                     .server_changed = observer_zone_server_changed };
    if (options->zones.count == 0)
        return true;
    worker->forwarder = forwarder_new(&parts, fault);
    worker->resolver.zones = &options->zones;
    worker->resolver.forwarder = worker->forwarder;
    return worker->forwarder != NULL;
}

static bool start_gate(struct worker *worker, const struct worker_setup *setup)
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
    const struct certificate_checker_parts checker = {
        .tools = { .upstream = &worker->upstream,
                   .tls_client = setup->certificates->tls_client,
                   .trust_store = setup->certificates->trust_store,
                   .realtime_s = clock_realtime_s,
                   .deadline_ms = PROBE_MS },
        .board = setup->certificates->board,
        .mailbox = worker->mailbox,
        .monotonic_ms = clock_monotonic_ms,
        .sink = { .context = &worker->observer,
                  .certificate_checked = observer_certificate_checked },
    };
    worker->checker = certificate_checker_new(&checker);
    if (worker->checker == NULL)
        return false;
    struct gate_parts parts = { .loop = &worker->loop,
                                .poller = worker->poller,
                                .upstream = &worker->upstream,
                                .checker = worker->checker,
                                .trust_store = setup->certificates->trust_store,
                                .view = &worker->view,
                                .addresses = &options->gate_addresses,
                                .limits = setup->limits,
                                .proxies = options->proxies,
                                .proxy_count = options->proxy_count,
                                .sink = { &worker->observer, observer_connection_ended,
                                          observer_connection_opened } };
    worker->gate = gate_new(&parts);
    return worker->gate != NULL;
}

struct worker *worker_new(const struct worker_setup *setup, uint32_t index, struct fault *fault)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    fault_what(fault, "can't start a worker: out of memory or descriptors");
    if (worker == NULL)
        return NULL;
    policy_view_init(&worker->view, setup->feed);
    server_context_slot_init(&worker->tls, setup->tls);
    worker->dot_handshakes = setup->dot_handshakes;
    struct observer_parts parts = { .log = setup->log,
                                    .ring = index,
                                    .record = setup->record,
                                    .ports = options_ports(setup->options),
                                    .view = &worker->view };
    bool is_up = observer_init(&worker->observer, &parts) && start_loop(worker);
    resolver_init(&worker->resolver, &worker->view, &setup->options->gate_addresses,
                  (struct resolver_sink){ &worker->observer, observer_query_denied,
                                          observer_rule_decided, observer_rule_expected });
    worker->resolver.identity = &setup->options->identity;
    worker->resolver.limit = setup->query_limit;
    if (is_up && start_channel(worker, setup->options, fault) &&
        start_forwarder(worker, setup->options, fault) && start_gate(worker, setup) &&
        start_reading_all(worker, setup, index))
        return worker;
    worker_free(worker);
    return NULL;
}

static void end_udp(struct worker *worker)
{
    for (uint32_t i = 0; i < worker->udp_count; i++)
        udp_server_free(worker->udp[i]);
    worker->udp_count = 0;
}

/* Ends everything on the loop, which then runs out of handles. */
static void end_everything(void *context)
{
    struct worker *worker = context;
    end_udp(worker);
    for (uint32_t i = 0; i < worker->tcp_count; i++)
        tcp_server_free(worker->tcp[i]);
    worker->drained.closed_count = worker->gate != NULL ? gate_connection_count(worker->gate) : 0;
    gate_free(worker->gate);
    certificate_checker_free(worker->checker);
    forwarder_free(worker->forwarder);
    existence_free(worker->existence);
    name_cache_free(worker->names);
    address_memory_free(worker->memory);
    dns_channel_free(worker->channel);
    poller_free(worker->poller);
    mailbox_free(worker->mailbox);
    if (worker->has_timers) {
        uv_close((uv_handle_t *)&worker->report_timer, NULL);
        uv_close((uv_handle_t *)&worker->drain_timer, NULL);
    }
}

/* Draining */

static bool has_connections(const struct worker *worker)
{
    size_t count = gate_connection_count(worker->gate);
    for (uint32_t i = 0; i < worker->tcp_count; i++)
        count += tcp_server_connection_count(worker->tcp[i]);
    return count > 0;
}

/* A look now and then is cheaper than being told of each connection's end by all who have some. */
static void look_whether_drained(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    const uint64_t one = 1;
    if (worker->drain.is_handed_over && worker->resolver.waiting_count == 0)
        end_udp(worker); /* no late answer has to leave from there */
    else if (worker->drain.is_handed_over)
        return;
    if (has_connections(worker))
        return;
    (void)uv_timer_stop(timer);
    if (write(worker->drain.drained, &one, sizeof(one)) < 0)
        abort(); /* an eventfd takes any such number */
}

static void start_draining(void *context)
{
    struct worker *worker = context;
    for (uint32_t i = 0; i < worker->tcp_count; i++)
        tcp_server_stop_accepting(worker->tcp[i], !worker->drain.is_handed_over);
    for (uint32_t i = 0; worker->drain.is_handed_over && i < worker->udp_count; i++)
        udp_server_stop_reading(worker->udp[i]);
    if (worker->drain.is_handed_over)
        gate_stop(worker->gate);
    else
        gate_accept_last(worker->gate);
    worker->drained.open_count = gate_connection_count(worker->gate);
    (void)uv_timer_start(&worker->drain_timer, look_whether_drained, 0, DRAIN_LOOK_EVERY_MS);
}

void worker_drain(struct worker *worker, const struct worker_drain *how)
{
    worker->drain = *how; /* the thread has it by the letter */
    if (!mailbox_post(worker->mailbox, start_draining, worker))
        abort(); /* as worker_stop() */
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

void worker_use_certificate(struct worker *worker, struct server_context *tls)
{
    server_context_slot_put(&worker->tls, tls);
}

static void add_gate_counts(const struct worker *worker, struct worker_counts *sum)
{
    const struct activity *activity = &worker->observer.activity;
    const struct gate_times *times = gate_times(worker->gate);
    struct relay_bytes bytes = gate_bytes(worker->gate);
    for (int i = 0; i < REASON_COUNT; i++)
        sum->connections[i] += counter_read(&activity->connections[i]);
    for (int i = 0; i < GATE_END_COUNT; i++)
        sum->ends[i] += counter_read(&activity->ends[i]);
    sum->bytes_up += bytes.up;
    sum->bytes_down += bytes.down;
    sum->live_connections += gate_connection_count(worker->gate);
    sum->unchecked_addresses += gate_unchecked_address_count(worker->gate);
    sum->hellos_with_ech += gate_ech_count(worker->gate);
    sum->rule_uses_left_out += rule_counters_left_out(activity->rules);
    histogram_add_to(&times->decision, &sum->decision);
    histogram_add_to(&times->connect, &sum->connect);
    histogram_add_to(&activity->probe, &sum->probe);
}

static void add_name_counts(const struct worker *worker, struct worker_counts *sum)
{
    struct name_cache_times times = name_cache_times(worker->names);
    for (int i = 0; i < NAME_CACHE_COUNTERS; i++)
        sum->names[i] += name_cache_count(worker->names, (enum name_cache_counter)i);
    if (times.answered_s > sum->name_times.answered_s)
        sum->name_times.answered_s = times.answered_s;
    if (times.failed_s > sum->name_times.failed_s)
        sum->name_times.failed_s = times.failed_s;
}

void worker_add_counts(const struct worker *worker, struct worker_counts *sum)
{
    for (int i = 0; i < RESOLVER_COUNTER_COUNT; i++)
        sum->resolver[i] += resolver_counter_read(&worker->resolver, (enum resolver_counter)i);
    for (int i = 0; i < CERTIFICATE_COUNTERS; i++)
        sum->certificates[i] +=
            certificate_checker_count(worker->checker, (enum certificate_counter)i);
    add_name_counts(worker, sum);
    add_gate_counts(worker, sum);
}

void worker_add_upstream_health(const struct worker *worker, uint32_t server,
                                struct server_health_sum *sum)
{
    server_health_add_to(dns_channel_health(worker->channel, server), sum);
}

void worker_add_zone_health(const struct worker *worker, uint32_t zone, uint32_t server,
                            struct server_health_sum *sum)
{
    server_health_add_to(forwarder_health(worker->forwarder, zone, server), sum);
}

const struct rule_counters *worker_rules(const struct worker *worker)
{
    return worker->observer.activity.rules;
}

/* Looking at what only the worker may read */

static void look_at_connection(void *context, const struct gate_connection *connection)
{
    struct worker_look *look = context;
    look->connection(look->context, connection);
}

static void look_on(void *context)
{
    struct worker_look *look = context;
    struct worker *worker = look->worker;
    bool has_more = look->connection != NULL && !atomic_load(look->is_abandoned) &&
                    gate_walk_some(worker->gate, look_at_connection, look);
    if (!has_more || !mailbox_post(worker->mailbox, look_on, look))
        look->done(look);
}

static void look_first(void *context)
{
    struct worker_look *look = context;
    struct worker *worker = look->worker;
    if (look->ret_recent != NULL)
        *look->ret_recent = worker->observer.activity.recent;
    if (look->connection != NULL)
        gate_walk_begin(worker->gate);
    look_on(look);
}

bool worker_look(struct worker *worker, struct worker_look *look)
{
    look->worker = worker;
    return mailbox_post(worker->mailbox, look_first, look);
}

void worker_stop(struct worker *worker)
{
    if (!mailbox_post(worker->mailbox, end_everything, worker))
        abort(); /* out of memory: the process is about to end, and must not hang instead */
}

struct worker_drained worker_join(struct worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
    worker->has_ended = true;
    return worker->drained;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    if (!worker->is_started)
        end_everything(worker);
    else if (!worker->has_ended) {
        worker_stop(worker);
        (void)worker_join(worker);
    }
    if (worker->has_loop) {
        (void)uv_run(&worker->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&worker->loop); /* nothing is left on it */
    }
    policy_view_release(&worker->view);
    server_context_slot_release(&worker->tls);
    observer_release(&worker->observer);
    free(worker->udp);
    free(worker->tcp);
    free(worker);
}
