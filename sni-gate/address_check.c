/* sni-gate/address_check.c - does a name arrive at the address of its own? */
#include "sni-gate/address_check.h"
#include "policy/policy.h"

static void count_skipped(struct address_check *check)
{
    uint64_t count = atomic_load_explicit(&check->skipped_count, memory_order_relaxed);
    atomic_store_explicit(&check->skipped_count, count + 1, memory_order_relaxed);
}

bool address_check_is_needed(const struct address_check *check)
{
    return check->addresses != NULL && check->addresses->range_count > 0;
}

struct arrival_address address_check_judge(struct address_check *check, const struct policy *policy,
                                           const struct host_name *name,
                                           const struct ip_address *address)
{
    struct arrival_address arrival = { .fit = GATE_ADDRESS_UNRANGED };
    if (!address_check_is_needed(check))
        return arrival;
    arrival.address = *address;
    arrival.fit = GATE_ADDRESS_OF_ANOTHER;
    if (address->family == 0)
        return arrival;
    arrival.fit =
        gate_address_judge(check->addresses, &policy_settings(policy)->gate_key, name, address);
    if (arrival.fit == GATE_ADDRESS_OUTSIDE)
        count_skipped(check);
    return arrival;
}
