/* policy/gate_address.c - which address a name is answered with. */
#include "policy/gate_address.h"
#include "policy/host_name.h"

#include <string.h>

bool gate_addresses_add(struct gate_addresses *addresses, const struct ip_address *address)
{
    bool is_v4 = address->family == 4;
    struct ip_address *list = is_v4 ? addresses->v4 : addresses->v6;
    uint32_t *count = is_v4 ? &addresses->v4_count : &addresses->v6_count;
    if (ip_address_is_unspecified(address))
        return false;
    for (uint32_t i = 0; i < *count; i++)
        if (ip_address_equal(&list[i], address))
            return true;
    if (*count == GATE_ADDRESSES_MAX)
        return false;
    list[(*count)++] = *address;
    return true;
}

static unsigned host_bits_of(const struct ip_network *range)
{
    return (range->address.family == 4 ? 32U : 128U) - range->prefix_bits;
}

bool gate_addresses_add_range(struct gate_addresses *addresses, const struct ip_network *range)
{
    if (host_bits_of(range) == 0)
        return gate_addresses_add(addresses, &range->address);
    if (ip_address_is_unspecified(&range->address) || addresses->range_count == GATE_ADDRESSES_MAX)
        return false;
    for (uint32_t i = 0; i < addresses->range_count; i++) {
        const struct ip_network *other = &addresses->range[i];
        if (ip_network_contains(other, &range->address) ||
            ip_network_contains(range, &other->address))
            return false;
    }
    addresses->range[addresses->range_count++] = *range;
    return true;
}

/* The ranges of one family. */
struct family_ranges {
    const struct ip_network *range[GATE_ADDRESSES_MAX];
    uint32_t count;
};

static struct family_ranges ranges_of(const struct gate_addresses *addresses, unsigned family)
{
    struct family_ranges found = { .count = 0 };
    for (uint32_t i = 0; i < addresses->range_count; i++)
        if (addresses->range[i].address.family == family)
            found.range[found.count++] = &addresses->range[i];
    return found;
}

bool gate_addresses_has_range(const struct gate_addresses *addresses, unsigned family)
{
    return ranges_of(addresses, family).count > 0;
}

bool gate_addresses_are_mixed(const struct gate_addresses *addresses, unsigned family)
{
    uint32_t count = family == 4 ? addresses->v4_count : addresses->v6_count;
    return count > 0 && gate_addresses_has_range(addresses, family);
}

static bool parse_word(const char *digits, uint64_t *ret_word)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t word = 0;
    for (unsigned i = 0; i < GATE_KEY_DIGITS / 2; i++) {
        const char *digit = memchr(hex, digits[i], sizeof(hex) - 1);
        if (digit == NULL)
            return false;
        word = word << 4 | (uint64_t)(digit - hex);
    }
    *ret_word = word;
    return true;
}

bool gate_key_parse(const char *text, struct gate_key *ret_key)
{
    struct gate_key key = { .is_known = true };
    if (strlen(text) != GATE_KEY_DIGITS || !parse_word(text, &key.siphash.words[0]) ||
        !parse_word(text + GATE_KEY_DIGITS / 2, &key.siphash.words[1]))
        return false;
    *ret_key = key;
    return true;
}

/* One of 2^host_bits numbers; of more than two never the first and the last, which are the
 * network's and its broadcast address (RFC 1122 3.2.1.3), or all routers' (RFC 4291 2.6.1). */
static uint64_t pick_host(uint64_t hash, unsigned host_bits)
{
    uint64_t size = host_bits < 64 ? UINT64_C(1) << host_bits : 0; /* 0: 2^64, or beyond */
    return host_bits > 1 ? 1 + hash % (size - 2) : hash & 1;
}

/* Sets the last `bits` (64 at most) of the bytes before `end` to those of `number`. */
static void set_last_bits(uint8_t *end, unsigned bits, uint64_t number)
{
    for (unsigned done = 0; done < bits; done += 8, number >>= 8) {
        unsigned mask = bits - done < 8 ? (1U << (bits - done)) - 1 : 0xff;
        end--;
        *end = (uint8_t)((*end & ~mask) | (number & mask));
    }
}

/* `hash` picks the last 64 bits, `other_hash` those before them. */
static struct ip_address pick_address(const struct ip_network *range, uint64_t hash,
                                      uint64_t other_hash)
{
    struct ip_address address = range->address;
    unsigned host_bits = host_bits_of(range);
    uint8_t *end = address.bytes + (address.family == 4 ? 4 : 16);
    set_last_bits(end, host_bits < 64 ? host_bits : 64, pick_host(hash, host_bits));
    if (host_bits > 64)
        set_last_bits(end - 8, host_bits - 64, other_hash);
    return address;
}

bool gate_address_of_name(const struct gate_addresses *addresses, const struct gate_key *key,
                          const struct host_name *name, unsigned family,
                          struct ip_address *ret_address)
{
    const struct siphash_key other_key = { { ~key->siphash.words[0], key->siphash.words[1] } };
    struct family_ranges ranges = ranges_of(addresses, family);
    uint64_t other_hash = 0;
    if (ranges.count == 0 || !key->is_known)
        return false;
    if (ranges.count > 1 || host_bits_of(ranges.range[0]) > 64)
        other_hash = siphash(&other_key, name->wire, name->size);
    *ret_address = pick_address(ranges.range[other_hash % ranges.count],
                                siphash(&key->siphash, name->wire, name->size), other_hash);
    return true;
}

static bool is_in_a_range(const struct gate_addresses *addresses, const struct ip_address *address)
{
    for (uint32_t i = 0; i < addresses->range_count; i++)
        if (ip_network_contains(&addresses->range[i], address))
            return true;
    return false;
}

enum gate_address_fit gate_address_judge(const struct gate_addresses *addresses,
                                         const struct gate_key *key, const struct host_name *name,
                                         const struct ip_address *address)
{
    struct ip_address own;
    if (addresses->range_count == 0)
        return GATE_ADDRESS_UNRANGED;
    if (!is_in_a_range(addresses, address))
        return GATE_ADDRESS_OUTSIDE;
    bool is_own = gate_address_of_name(addresses, key, name, address->family, &own) &&
                  ip_address_equal(&own, address);
    return is_own ? GATE_ADDRESS_OF_NAME : GATE_ADDRESS_OF_ANOTHER;
}
