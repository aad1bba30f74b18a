/* sni-gate/client_limits.c - how many connections there are, in all and from each client. */
#include "sni-gate/client_limits.h"
#include "base/client_rate.h"
#include "base/siphash.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ROWS = 2, PLACES = 1 << 14 };

struct client_limits {
    uint32_t most;
    struct siphash_key key;
    _Atomic uint32_t connections;
    _Atomic uint32_t of_client[ROWS][PLACES];
    struct client_rate *handshakes; /* owned */
};

/* A client's place in each row. */
struct places {
    uint32_t at[ROWS];
};

struct client_limits *client_limits_new(uint32_t most)
{
    struct client_limits *limits = calloc(1, sizeof(*limits));
    if (limits == NULL)
        return NULL;
    limits->most = most;
    limits->key = siphash_key_random();
    limits->handshakes = client_rate_new();
    if (limits->handshakes != NULL)
        return limits;
    free(limits);
    return NULL;
}

void client_limits_free(struct client_limits *limits)
{
    if (limits == NULL)
        return;
    client_rate_free(limits->handshakes);
    free(limits);
}

static struct places places_of(const struct client_limits *limits, const struct ip_address *client)
{
    enum { NETWORK_BYTES = 8 };
    uint64_t hash = siphash(&limits->key, client->bytes, client->family == 4 ? 4 : NETWORK_BYTES) ^
                    client->family;
    return (struct places){ { (uint32_t)hash % PLACES, (uint32_t)(hash >> 32) % PLACES } };
}

static uint32_t limit_of_client(uint32_t most, const struct limit_terms *terms)
{
    return terms->connections_per_client > 0 ? terms->connections_per_client : most;
}

uint32_t client_limits_most(const struct client_limits *limits, const struct limit_terms *terms)
{
    return terms->connections > 0 && terms->connections < limits->most ? terms->connections
                                                                       : limits->most;
}

uint32_t client_limits_count(const struct client_limits *limits)
{
    return atomic_load_explicit(&limits->connections, memory_order_relaxed);
}

static bool is_too_fast(struct client_limits *limits, const struct ip_address *client,
                        const struct limit_terms *terms)
{
    return terms->handshakes_per_client > 0 &&
           client_rate_count(limits->handshakes, client, terms->now_s) >=
               terms->handshakes_per_client;
}

/* Each is counted first and then judged, so that two at once can't both take the last place. */
static uint32_t count_connection(struct client_limits *limits, const struct places *places)
{
    uint32_t least = UINT32_MAX;
    for (int row = 0; row < ROWS; row++) {
        uint32_t count = atomic_fetch_add_explicit(&limits->of_client[row][places->at[row]], 1,
                                                   memory_order_relaxed);
        least = count < least ? count : least;
    }
    return least;
}

enum reason client_limits_enter(struct client_limits *limits, const struct ip_address *client,
                                const struct limit_terms *terms)
{
    struct places places = places_of(limits, client);
    uint32_t most = client_limits_most(limits, terms);
    if (is_too_fast(limits, client, terms))
        return REASON_TOO_MANY_HANDSHAKES;
    uint32_t all = atomic_fetch_add_explicit(&limits->connections, 1, memory_order_relaxed);
    uint32_t of_client = count_connection(limits, &places);
    if (all < most && of_client < limit_of_client(most, terms))
        return REASON_ALLOWED;
    client_limits_leave(limits, client);
    return all >= most ? REASON_TOO_MANY_CONNECTIONS : REASON_TOO_MANY_OF_CLIENT;
}

void client_limits_leave(struct client_limits *limits, const struct ip_address *client)
{
    struct places places = places_of(limits, client);
    atomic_fetch_sub_explicit(&limits->connections, 1, memory_order_relaxed);
    for (int row = 0; row < ROWS; row++)
        atomic_fetch_sub_explicit(&limits->of_client[row][places.at[row]], 1, memory_order_relaxed);
}
