/* app/gate_ranges.h - what commands say of the gate's ranges of addresses. */
#pragma once
#include "app/options.h"

/* False with a fault where a range was given, but the policy file has no key to pick addresses
 * with. */
bool gate_ranges_have_key(const struct options *options, const struct policy *policy,
                          struct fault *fault);

/* Prints which names share an address; nothing without a range. As JSON, it is a member with a
 * comma before it. False when out of memory. */
bool gate_ranges_print_collisions(const struct options *options, const struct policy *policy,
                                  struct fault *fault);
