/* policy/gate_collision.h - which names share an address in the gate's ranges, by the chance of the
 * hash. Pure. */
#pragma once
#include "policy/gate_address.h"
#include "policy/policy.h"

/* Told once of each name that shares its address; those of one address come one after the other, by
 * the age of their rules. Both are borrowed for the call. */
typedef void (*gate_collision_fn)(void *context, const struct ip_address *address,
                                  const struct host_name *name);

/* Looks at every name that a rule allows exactly at `now_s` (Unix seconds): what a wildcard matches
 * can't be counted up. False when out of memory. */
bool gate_collisions_find(const struct policy *policy, const struct gate_addresses *addresses,
                          int64_t now_s, gate_collision_fn report, void *context);
