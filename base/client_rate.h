/* base/client_rate.h - how often each client came in this second, across all threads.
 * Clients are counted in two rows of counters, at places that a keyed hash of the address gives; a
 * client's count is the lesser of its two, so it is never too low, and too high only where others
 * share both places. Memory is fixed, whoever comes. An IPv6 client is its /64: a host may have all
 * of that. Any thread; no locks. */
#pragma once
#include "base/address.h"

struct client_rate;

/* NULL when out of memory. */
struct client_rate *client_rate_new(void);
/* NULL is fine. */
void client_rate_free(struct client_rate *rate);

/* Counts one time more, in the second `now_s` of any one clock; returns how many came before it in
 * that second. */
uint32_t client_rate_count(struct client_rate *rate, const struct ip_address *client,
                           int64_t now_s);
