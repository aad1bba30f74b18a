/* sni-gate/client_limits.h - how many connections there are, in all and from each client, across
 * all workers.
 * Clients are counted in two rows of counters, at places that a keyed hash of the address gives; a
 * client's count is the lesser of its two, so it is never too low, and too high only where others
 * share both places. Memory is fixed, whoever comes. An IPv6 client is its /64: a host may have all
 * of that. Any thread; no locks. */
#pragma once
#include "base/address.h"
#include "policy/verdict.h"

#include <stdbool.h>

struct client_limits;

/* What holds at the moment; 0: no limit. */
struct limit_terms {
    uint32_t connections, connections_per_client;
    uint32_t handshakes_per_client; /* a second */
    int64_t now_s;                  /* of any clock that never goes back */
};

/* `most`: connections that there are descriptors for. NULL when out of memory. */
struct client_limits *client_limits_new(uint32_t most);
/* NULL is fine. */
void client_limits_free(struct client_limits *limits);

/* Counts one connection more. REASON_ALLOWED, or why it may not be: then it is not counted. */
enum reason client_limits_enter(struct client_limits *limits, const struct ip_address *client,
                                const struct limit_terms *terms);
/* Takes back what was counted. */
void client_limits_leave(struct client_limits *limits, const struct ip_address *client);

/* Connections that there may be under these terms. */
uint32_t client_limits_most(const struct client_limits *limits, const struct limit_terms *terms);
/* Connections that there are. */
uint32_t client_limits_count(const struct client_limits *limits);
