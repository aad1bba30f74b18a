/* base/client_rate.c - how often each client came in this second. */
#include "base/client_rate.h"

#include "base/siphash.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ROWS = 2, PLACES = 1 << 14 };

struct client_rate {
    struct siphash_key key;
    _Atomic uint64_t
        places[ROWS][PLACES]; /* the second in the upper half, the count in the lower */
};

struct client_rate *client_rate_new(void)
{
    struct client_rate *rate = calloc(1, sizeof(*rate));
    if (rate != NULL)
        rate->key = siphash_key_random();
    return rate;
}

void client_rate_free(struct client_rate *rate)
{
    free(rate);
}

static uint32_t count_at(_Atomic uint64_t *place, int64_t now_s)
{
    uint64_t second = (uint64_t)now_s << 32;
    uint64_t seen = atomic_load_explicit(place, memory_order_relaxed), next;
    do
        next = seen >> 32 == second >> 32 ? seen + 1 : second + 1;
    while (!atomic_compare_exchange_weak_explicit(place, &seen, next, memory_order_relaxed,
                                                  memory_order_relaxed));
    return (uint32_t)next - 1;
}

uint32_t client_rate_count(struct client_rate *rate, const struct ip_address *client, int64_t now_s)
{
    enum { NETWORK_BYTES = 8 };
    uint64_t hash = siphash(&rate->key, client->bytes, client->family == 4 ? 4 : NETWORK_BYTES) ^
                    client->family;
    uint32_t first = count_at(&rate->places[0][(uint32_t)hash % PLACES], now_s);
    uint32_t second = count_at(&rate->places[1][(uint32_t)(hash >> 32) % PLACES], now_s);
    return first < second ? first : second;
}
