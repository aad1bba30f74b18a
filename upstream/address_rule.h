/* upstream/address_rule.h - which addresses are fit to be dialled.
 * A name that is allowed may still resolve to an address inside the operator's network, by mistake
 * or by malice (DNS rebinding). So the address that connect() would get is judged, whatever name it
 * came from. Pure, but for asking whether an address is this machine's where Pinhole listens on a
 * wildcard. */
#pragma once
#include "base/address.h"

struct settings;

/* Every outcome: constant, word in logs and JSON (stable), sentence's end ("the address is ...").
 * Zero refuses. */
#define ADDRESS_FITNESS_LIST(FITNESS)                                                              \
    FITNESS(UNKNOWN, "unknown", "no address at all")                                               \
    FITNESS(UNSPECIFIED, "unspecified", "the unspecified address")                                 \
    FITNESS(LOOPBACK, "loopback", "a loopback address")                                            \
    FITNESS(PRIVATE, "private", "private (RFC 1918)")                                              \
    FITNESS(SHARED, "shared", "shared by a carrier's NAT (RFC 6598)")                              \
    FITNESS(UNIQUE_LOCAL, "unique_local", "unique-local (RFC 4193)")                               \
    FITNESS(DOCUMENTATION, "documentation", "reserved for documentation")                          \
    FITNESS(RESERVED, "reserved", "reserved for special purposes (RFC 6890)")                      \
    FITNESS(LINK_LOCAL, "link_local", "link-local, where metadata services live")                  \
    FITNESS(METADATA, "metadata", "a cloud's metadata service")                                    \
    FITNESS(MULTICAST, "multicast", "a multicast address")                                         \
    FITNESS(BROADCAST, "broadcast", "the broadcast address")                                       \
    FITNESS(OWN_SOCKET, "own_socket", "one of Pinhole's own sockets")                              \
    FITNESS(FIT, "fit", "fit to be dialled")

#define ADDRESS_FITNESS_CONSTANT(constant, word, sentence) ADDRESS_##constant,
enum address_fitness { ADDRESS_FITNESS_LIST(ADDRESS_FITNESS_CONSTANT) ADDRESS_FITNESS_COUNT };
#undef ADDRESS_FITNESS_CONSTANT

/* What an address is judged by; borrows everything. */
struct address_rule {
    const struct settings *settings;
    const struct endpoint *own; /* Pinhole's listening sockets, wildcards as they were bound */
    uint32_t own_count;
    const struct ip_network *own_range; /* all of it is Pinhole's, at any port */
    uint32_t own_range_count;
    bool is_typed; /* the address stands in a rule's connect_to, so it needs no network */
};

/* ADDRESS_FIT if `endpoint` may be dialled. `allowed_private_networks` opens an address that lies
 * in one of them itself, and a rule one that was typed there; neither ever opens link-local,
 * metadata, multicast, unspecified and broadcast addresses nor Pinhole's own sockets, not even
 * where an IPv6 address merely carries such an IPv4 address. */
enum address_fitness address_rule_judge(const struct address_rule *rule,
                                        const struct endpoint *endpoint);

/* Literals. */
const char *address_fitness_word(enum address_fitness fitness);
const char *address_fitness_sentence(enum address_fitness fitness);
