/* app/status_health.c - the health that the status page shows. */
#include "app/status_health.h"
#include "app/log_thread.h"
#include "app/status_words.h"
#include "db/policy_file.h"
#include "net/socket.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

static void add_listener(struct status_health *health, const char *kind,
                         const struct endpoint *endpoint, const char *note)
{
    if (health->listener_count < STATUS_LISTENERS_MAX)
        health->listener[health->listener_count++] =
            (struct status_listener){ kind, status_copy_endpoint(endpoint, &health->arena), note };
}

static void fill_listeners(const struct options *options, struct status_health *health)
{
    char note[64];
    for (uint32_t i = 0; i < options->dns_listen_count; i++)
        add_listener(health, "dns", &options->dns_listen[i], "");
    for (uint32_t i = 0; i < options->dot_listen_count; i++)
        add_listener(health, "dot", &options->dot_listen[i], "DNS over TLS");
    for (uint32_t i = 0; i < options->tls_listen_count; i++) {
        const struct tls_listener *listener = &options->tls_listen[i];
        (void)snprintf(note, sizeof(note), "for port %u%s", listener->client_port,
                       listener->is_for_proxies ? ", from proxies" : "");
        add_listener(health, "tls", &listener->endpoint, arena_copy(&health->arena, note));
    }
    add_listener(health, "status", &options->status_listen, "");
}

static void fill_servers(const struct health_parts *parts, struct status_health *health)
{
    const struct dns_servers servers = dns_servers_look(&parts->servers, &health->arena);
    for (uint32_t i = 0; i < servers.count && i < STATUS_SERVERS_MAX; i++) {
        const struct dns_server *server = &servers.server[i];
        bool is_healthy = server_health_is_good(&server->health);
        health->server[health->server_count++] = (struct status_server){
            .zone = server->zone,
            .address = server->address,
            .is_healthy = is_healthy,
            .fault = is_healthy ? "" : server_fault_words(server->health.fault),
            .queries = server->health.answer_count + server->health.failures,
            .failures = server->health.failures,
            .last_answer_s = server->health.answered_ms / 1000,
            .last_failure_s = server->health.failed_ms[0] / 1000,
            .latency_us = (uint32_t)(server->health.latency_ns / 1000),
        };
    }
}

/* One entry a descriptor; that of this look itself is among them. */
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

/* Linux 6.2 and later says it by the folder's size; with ten thousand connections open, counting
 * would be most of what a scrape costs. */
uint64_t status_health_descriptors(void)
{
    struct stat folder;
    if (stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0)
        return (uint64_t)folder.st_size;
    return count_descriptors();
}

static void fill_process(const struct health_parts *parts, struct status_health *health)
{
    size_t memory_bytes = 0;
    health->version = PINHOLE_VERSION;
    health->started_s = parts->started_s;
    health->worker_count = parts->options->workers;
    health->descriptors = status_health_descriptors();
    health->descriptor_limit = socket_descriptor_limit();
    health->log_lines_dropped = log_thread_dropped(parts->log);
    if (uv_resident_set_memory(&memory_bytes) == 0)
        health->memory_bytes = memory_bytes;
}

static void fill_policy(const struct health_parts *parts, struct status_health *health)
{
    struct policy *policy = policy_feed_latest(policy_thread_feed(parts->policy));
    struct policy_state state = policy_thread_state(parts->policy);
    health->policy_version = policy_version(policy);
    health->rule_count = policy_rule_count(policy);
    policy_unref(policy);
    health->policy_loaded_s = state.loaded_s;
    health->load_fault = state.is_stale ? arena_copy(&health->arena, state.fault) : "";
    health->load_fault_s = state.is_stale ? state.stale_s : 0;
}

void status_health_fill(const struct health_parts *parts, struct status_health *health)
{
    const char *path = parts->options->db;
    struct policy_file_look look = policy_file_look(path);
    health->is_ready = parts->not_ready == NULL;
    health->not_ready = parts->not_ready != NULL ? parts->not_ready : "";
    health->database_path = path;
    health->database_fault = "";
    health->is_database_writable = policy_file_is_writable(path);
    health->database_bytes = (uint64_t)(look.size_bytes + look.log_size_bytes);
    fill_policy(parts, health);
    fill_process(parts, health);
    fill_listeners(parts->options, health);
    fill_servers(parts, health);
}
