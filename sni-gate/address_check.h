/* sni-gate/address_check.h - does a name arrive at the address of its own? Where the gate has
 * ranges of addresses, a client that asks for one name at another's address reuses what it knows of
 * the other (RFC 9113 9.1.1 lets HTTP/2 clients do so), and is turned away. */
#pragma once
#include "policy/gate_address.h"

#include <stdatomic.h>

struct policy;

/* One a gate. */
struct address_check {
    const struct gate_addresses *addresses; /* borrowed; NULL: no ranges */
    _Atomic uint64_t skipped_count;         /* written by the owner alone, read by any thread */
};

/* Where a connection arrived, as far as it was looked at. */
struct arrival_address {
    enum gate_address_fit fit;
    struct ip_address address; /* family 0: unknown, or of no interest */
};

/* False where there are no ranges: then any address is fine, and none need be found out. */
bool address_check_is_needed(const struct address_check *check);

/* Judges the `address` that a client came to. Counts what lies outside of the ranges; an address
 * that is not known (family 0) is another name's. */
struct arrival_address address_check_judge(struct address_check *check, const struct policy *policy,
                                           const struct host_name *name,
                                           const struct ip_address *address);
