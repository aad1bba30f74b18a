/* app/dns_servers.h - the DNS servers that workers ask, and how these answer. */
#pragma once
#include "app/options.h"
#include "net/server_health.h"
#include "status/arena.h"

struct worker;

/* Whose: borrowed. */
struct dns_servers_parts {
    const struct options *options;
    struct worker *const *workers;
    uint32_t worker_count;
};

struct dns_server {
    const char *zone;                /* its internal zone, "cluster.local"; "": every other name */
    const char *address;             /* "10.0.0.2:53" */
    struct server_health_sum health; /* of all workers */
};

/* Those of --upstream-dns first, then the zones'. All in the arena; no servers where that has no
 * room. Any thread. */
struct dns_servers {
    struct dns_server *server;
    uint32_t count;
};
struct dns_servers dns_servers_look(const struct dns_servers_parts *parts, struct arena *arena);
