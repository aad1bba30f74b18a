/* app/status_source.c - what the status page shows, gathered from where it is. */
#include "app/status_source.h"
#include "app/worker.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/policy_file.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static const char *write_endpoint(const struct endpoint *endpoint, struct arena *arena)
{
    char buffer[80];
    struct text text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(endpoint, &text);
    return arena_copy(arena, buffer);
}

static void add_listener(struct status_health *health, const char *kind,
                         const struct endpoint *endpoint, const char *note)
{
    if (health->listener_count < STATUS_LISTENERS_MAX)
        health->listener[health->listener_count++] =
            (struct status_listener){ kind, write_endpoint(endpoint, &health->arena), note };
}

static void fill_listeners(const struct options *options, struct status_health *health)
{
    char note[64];
    for (uint32_t i = 0; i < options->dns_listen_count; i++)
        add_listener(health, "dns", &options->dns_listen[i], "");
    for (uint32_t i = 0; i < options->tls_listen_count; i++) {
        const struct tls_listener *listener = &options->tls_listen[i];
        (void)snprintf(note, sizeof(note), "for port %u%s", listener->client_port,
                       listener->is_for_proxies ? ", from proxies" : "");
        add_listener(health, "tls", &listener->endpoint, arena_copy(&health->arena, note));
    }
    add_listener(health, "status", &options->status_listen, "");
    for (uint32_t i = 0; i < options->upstream_dns_count; i++)
        health->server[health->server_count++] = (struct status_server){
            .zone = "",
            .address = write_endpoint(&options->upstream_dns[i], &health->arena),
            .is_healthy = true,
            .fault = "",
        };
}

/* One a descriptor; those of this look itself are among them. */
static uint64_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static void fill_process(struct status_gatherer *gatherer, struct status_health *health)
{
    size_t memory_bytes = 0;
    health->version = PINHOLE_VERSION;
    health->started_s = gatherer->started_s;
    health->worker_count = gatherer->parts.options->workers;
    health->descriptors = count_descriptors();
    health->descriptor_limit = socket_descriptor_limit();
    if (uv_resident_set_memory(&memory_bytes) == 0)
        health->memory_bytes = memory_bytes;
}

static void fill_policy(struct status_gatherer *gatherer, struct status_health *health)
{
    struct policy *policy = policy_feed_latest(gatherer->parts.feed);
    health->policy_version = policy_version(policy);
    health->rule_count = policy_rule_count(policy);
    policy_unref(policy);
    if (health->policy_version != gatherer->version_seen) {
        gatherer->version_seen = health->policy_version;
        gatherer->version_seen_s = clock_realtime_s();
    }
    health->policy_loaded_s = gatherer->version_seen_s;
}

static const char *not_ready(void *context)
{
    const struct status_gatherer *gatherer = context;
    return atomic_load(gatherer->parts.is_ready) ? NULL : "draining";
}

static void fill_health(struct status_gatherer *gatherer, struct status_health *health)
{
    const char *path = gatherer->parts.options->db;
    struct policy_file_look look = policy_file_look(path);
    const char *why_not = not_ready(gatherer);
    health->is_ready = why_not == NULL;
    health->not_ready = why_not != NULL ? why_not : "";
    health->load_fault = "";
    health->database_path = path;
    health->database_fault = "";
    health->is_database_writable = policy_file_is_writable(path);
    health->database_bytes = (uint64_t)(look.size_bytes + look.log_size_bytes);
    fill_policy(gatherer, health);
    fill_process(gatherer, health);
    fill_listeners(gatherer->parts.options, health);
}

/* Each query counts once by its transport and once by what became of it: two families, so that each
 * of them can be summed. */
static void fill_dns_metrics(const struct worker_counts *counts, struct status_metrics *metrics)
{
    static const char *const transports[] = {
        [RESOLVER_QUERIES_UDP] = "udp", [RESOLVER_QUERIES_TCP] = "tcp"
    };
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_queries_total",
                          "DNS queries by transport.");
    for (int i = RESOLVER_QUERIES_UDP; i <= RESOLVER_QUERIES_TCP; i++)
        status_sample_label(status_metrics_sample(metrics, (double)counts->resolver[i]),
                            "transport", transports[i]);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_dns_outcomes_total",
                          "What became of DNS queries, and of connections that bring them.");
    for (int i = RESOLVER_QUERIES_TCP + 1; i < RESOLVER_COUNTER_COUNT; i++)
        status_sample_label(status_metrics_sample(metrics, (double)counts->resolver[i]), "outcome",
                            resolver_counter_word((enum resolver_counter)i));
}

static void fill_gate_metrics(const struct worker_counts *counts, struct status_metrics *metrics)
{
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gate_unchecked_addresses_total",
                          "Connections that arrived at an address outside of all ranges.");
    (void)status_metrics_sample(metrics, (double)counts->unchecked_addresses);
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gate_ech_hellos_total",
                          "Allowed names whose ClientHello had encrypted_client_hello.");
    (void)status_metrics_sample(metrics, (double)counts->hellos_with_ech);
}

static void fill_metrics(struct status_gatherer *gatherer, struct status_metrics *metrics)
{
    struct worker_counts counts = { 0 };
    struct policy *policy = policy_feed_latest(gatherer->parts.feed);
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_policy_version",
                          "Rises with every policy that was loaded.");
    (void)status_metrics_sample(metrics, (double)policy_version(policy));
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_rules", "Rules in force.");
    (void)status_metrics_sample(metrics, (double)policy_rule_count(policy));
    status_metrics_family(metrics, STATUS_GAUGE, "pinhole_ready",
                          "1 while new clients are welcome, as /readyz says.");
    (void)status_metrics_sample(metrics, atomic_load(gatherer->parts.is_ready));
    policy_unref(policy);
    for (uint32_t i = 0; i < gatherer->parts.worker_count; i++)
        worker_add_counts(gatherer->parts.workers[i], &counts);
    fill_dns_metrics(&counts, metrics);
    fill_gate_metrics(&counts, metrics);
}

/* On the record thread. */
static void read_tables(void *context, struct database *database, const struct fault *fault)
{
    struct status_gatherer *gatherer = context;
    status_tables_fill(gatherer->request, &gatherer->states, database, fault);
    (void)uv_async_send(&gatherer->is_read); /* fails for a handle of another kind alone */
}

static void answer(struct status_gatherer *gatherer)
{
    struct status_request *request = gatherer->request;
    gatherer->request = NULL;
    if (request != NULL)
        status_answer(request);
}

static void on_read(uv_async_t *is_read)
{
    answer(is_read->data);
}

static void gather(void *context, struct status_request *request)
{
    struct status_gatherer *gatherer = context;
    struct status_data *data = request->data;
    unsigned parts = request->query.parts;
    gatherer->request = request;
    if ((parts & STATUS_HEALTH) != 0)
        fill_health(gatherer, &data->health);
    if ((parts & STATUS_METRICS) != 0)
        fill_metrics(gatherer, &data->metrics);
    data->traffic.missing = data->connections.missing = data->decisions.missing =
        data->explanation.missing = "nothing gathers it yet";
    if ((parts & (STATUS_HEALTH | STATUS_RULES | STATUS_DENIED)) == 0) {
        answer(gatherer);
        return;
    }
    gatherer->reading = (struct record_reading){ .act = read_tables, .context = gatherer };
    record_thread_read(gatherer->parts.record, &gatherer->reading);
}

int status_gatherer_init(struct status_gatherer *gatherer, uv_loop_t *loop,
                         const struct status_gatherer_parts *parts)
{
    *gatherer = (struct status_gatherer){ .parts = *parts, .started_s = clock_realtime_s() };
    int error = uv_async_init(loop, &gatherer->is_read, on_read);
    gatherer->is_read.data = gatherer;
    return error;
}

void status_gatherer_end(struct status_gatherer *gatherer)
{
    answer(gatherer); /* it was read: the record thread has seen to that */
    uv_close((uv_handle_t *)&gatherer->is_read, NULL);
}

struct status_source status_gatherer_source(struct status_gatherer *gatherer)
{
    return (struct status_source){ gatherer, gather, not_ready };
}
