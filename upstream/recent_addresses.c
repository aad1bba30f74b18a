/* upstream/recent_addresses.c - the addresses that a name had lately. */
#include "upstream/recent_addresses.h"

static bool is_recent(const struct recent_addresses *recent, uint32_t at, int64_t now_ms)
{
    return now_ms - recent->list[at].seen_ms < RECENT_ADDRESSES_MS;
}

void recent_addresses_note(struct recent_addresses *recent, const struct ip_address *address,
                           int64_t seen_ms)
{
    uint32_t at = 0;
    while (at < recent->count && !ip_address_equal(&recent->list[at].address, address))
        at++;
    for (uint32_t i = 0; at == RECENT_ADDRESSES_MAX && i < RECENT_ADDRESSES_MAX; i++)
        if (!is_recent(recent, i, seen_ms))
            at = i;
    if (at == RECENT_ADDRESSES_MAX)
        return;
    recent->list[at].address = *address;
    recent->list[at].seen_ms = seen_ms;
    if (at == recent->count)
        recent->count++;
}

static bool is_among(const struct ip_address *addresses, uint32_t count,
                     const struct ip_address *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (ip_address_equal(&addresses[i], wanted))
            return true;
    return false;
}

uint32_t recent_addresses_get(const struct recent_addresses *recent, int64_t now_ms,
                              const struct ip_address *current, uint32_t count,
                              struct ip_address ret_addresses[RECENT_ADDRESSES_MAX])
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < recent->count; i++)
        if (is_recent(recent, i, now_ms) && !is_among(current, count, &recent->list[i].address))
            ret_addresses[found++] = recent->list[i].address;
    return found;
}
