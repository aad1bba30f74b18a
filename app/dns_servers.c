/* app/dns_servers.c - the DNS servers that workers ask, and how these answer. */
#include "app/dns_servers.h"
#include "app/status_words.h"
#include "app/worker.h"
#include "base/text.h"

static const char *write_zone(const struct zone *zone, struct arena *arena)
{
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(&zone->name, &text);
    return arena_copy(arena, buffer);
}

static uint32_t count_servers(const struct options *options)
{
    uint32_t count = options->upstream_dns_count;
    for (uint32_t i = 0; i < options->zones.count; i++)
        count += options->zones.zone[i].server_count;
    return count;
}

static void add_zone(const struct dns_servers_parts *parts, uint32_t index, struct arena *arena,
                     struct dns_servers *servers)
{
    const struct zone *zone = &parts->options->zones.zone[index];
    const char *name = write_zone(zone, arena);
    for (uint32_t i = 0; i < zone->server_count; i++) {
        struct dns_server *server = &servers->server[servers->count++];
        server->zone = name;
        server->address = status_copy_endpoint(&zone->server[i], arena);
        for (uint32_t k = 0; k < parts->worker_count; k++)
            worker_add_zone_health(parts->workers[k], index, i, &server->health);
    }
}

struct dns_servers dns_servers_look(const struct dns_servers_parts *parts, struct arena *arena)
{
    const struct options *options = parts->options;
    struct dns_servers servers = { 0 };
    servers.server = arena_take(arena, count_servers(options) * sizeof(*servers.server));
    if (servers.server == NULL)
        return servers;
    for (uint32_t i = 0; i < options->upstream_dns_count; i++) {
        struct dns_server *server = &servers.server[servers.count++];
        server->zone = "";
        server->address = status_copy_endpoint(&options->upstream_dns[i], arena);
        for (uint32_t k = 0; k < parts->worker_count; k++)
            worker_add_upstream_health(parts->workers[k], i, &server->health);
    }
    for (uint32_t i = 0; i < options->zones.count; i++)
        add_zone(parts, i, arena, &servers);
    return servers;
}
