/* upstream/recent_addresses.h - the addresses that a name had lately, beside those that it has.
 * Providers answer with a few of many addresses, and with others each few seconds; one that a name
 * had a minute ago serves as well as long as its certificate is known to be good. Bounded: while it
 * is full of what is still recent, others are not taken in, so that those that were used stay.
 * Belongs to one worker's loop. */
#pragma once
#include "base/address.h"

/* Clouds give an address to the next customer some time after a name has lost it. */
enum { RECENT_ADDRESSES_MAX = 16, RECENT_ADDRESSES_MS = 300 * 1000 };

/* All zero: empty. */
struct recent_addresses {
    uint32_t count;
    struct {
        struct ip_address address;
        int64_t seen_ms;
    } list[RECENT_ADDRESSES_MAX];
};

/* The name had `address` until `seen_ms`. */
void recent_addresses_note(struct recent_addresses *recent, const struct ip_address *address,
                           int64_t seen_ms);

/* Those of the last minutes but for the `count` of `current`; returns their number. */
uint32_t recent_addresses_get(const struct recent_addresses *recent, int64_t now_ms,
                              const struct ip_address *current, uint32_t count,
                              struct ip_address ret_addresses[RECENT_ADDRESSES_MAX]);
