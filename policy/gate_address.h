/* policy/gate_address.h - which address a name is answered with, so that its clients come to the
 * gate.
 *
 * A family has either addresses, all of which every name is answered with, or ranges: then each
 * name is answered with one address of its own, which a keyed hash picks. Nothing is stored, so
 * whoever has the ranges and the key agrees, and an address must never be picked in another way.
 * Two names may share an address by chance (gate_collision.h finds them). Pure. */
#pragma once
#include "base/address.h"
#include "base/siphash.h"

struct host_name;

/* As many of a family as keep a UDP answer within 512 bytes whatever the name: 12 + 259 (question)
 * + 8 * 28 + 11 (OPT); with a cookie (28) a name has 237 bytes for that. As many ranges in all. */
enum { GATE_ADDRESSES_MAX = 8 };

struct gate_addresses {
    struct ip_address v4[GATE_ADDRESSES_MAX], v6[GATE_ADDRESSES_MAX];
    uint32_t v4_count, v6_count;
    struct ip_network range[GATE_ADDRESSES_MAX]; /* of either family, none inside another */
    uint32_t range_count;
};

/* Adds one; one that is there already is no error. False when its family is full or it is
 * unspecified. */
bool gate_addresses_add(struct gate_addresses *addresses, const struct ip_address *address);

/* Adds a range, or the address where the network is but one. False when there are too many, when it
 * overlaps another range, and when it holds the unspecified address. */
bool gate_addresses_add_range(struct gate_addresses *addresses, const struct ip_network *range);

/* True when `family` (4 or 6) has addresses and ranges: then it is not clear what is meant. */
bool gate_addresses_are_mixed(const struct gate_addresses *addresses, unsigned family);

/* True when `family` has a range. */
bool gate_addresses_has_range(const struct gate_addresses *addresses, unsigned family);

/* The key of a policy file. Zero is unknown: then names have no address in a range. */
struct gate_key {
    bool is_known;
    struct siphash_key siphash;
};

enum { GATE_KEY_DIGITS = 32 };

/* Reads 32 hex digits in lower case. False leaves `*ret_key` untouched. */
bool gate_key_parse(const char *text, struct gate_key *ret_key);

/* The one address of `family` that `name` has in the ranges. False where it has none: there is no
 * range, or no key. */
bool gate_address_of_name(const struct gate_addresses *addresses, const struct gate_key *key,
                          const struct host_name *name, unsigned family,
                          struct ip_address *ret_address);

/* How an address that a client came to fits the name that it asks for. Zero refuses. */
enum gate_address_fit {
    GATE_ADDRESS_OF_ANOTHER = 0, /* in a range, and not the name's */
    GATE_ADDRESS_OUTSIDE,        /* of all ranges: something on the way translates addresses */
    GATE_ADDRESS_OF_NAME,
    GATE_ADDRESS_UNRANGED, /* there is no range at all, so any address is fine */
};

enum gate_address_fit gate_address_judge(const struct gate_addresses *addresses,
                                         const struct gate_key *key, const struct host_name *name,
                                         const struct ip_address *address);
