/* policy/gate_collision.c - which names share an address in the gate's ranges. */
#include "policy/gate_collision.h"
#include "policy/policy_layout.h"

#include <stdlib.h>
#include <string.h>

/* A name and its address. */
struct candidate {
    struct ip_address address;
    uint32_t node;
    const struct name_table *table;
};

static bool is_allowed_exactly(const struct name_table *table, uint32_t node, int64_t now_s)
{
    for (uint32_t at = name_table_node(table, node)->first_rule; at != TABLE_NONE;
         at = name_table_rule(table, at)->next) {
        const struct table_rule *rule = name_table_rule(table, at);
        if (rule->action == RULE_ALLOW && rule->expires_at > now_s &&
            table_rule_covers(rule, PATTERN_EXACT))
            return true;
    }
    return false;
}

static bool is_hidden(const struct policy *policy, const struct name_table *table,
                      const struct host_name *name)
{
    if (table == policy->overlay || policy->overlay->entries.count == 0)
        return false;
    return name_table_find(policy->overlay, name) != TABLE_NONE;
}

/* Adds the names of one table to `candidates`, which has room for them; returns how many are in
 * there now. */
static size_t add_table(const struct policy *policy, const struct gate_addresses *addresses,
                        const struct name_table *table, int64_t now_s, struct candidate *candidates)
{
    static const unsigned families[] = { 4, 6 };
    size_t count = 0;
    for (uint32_t node = 0; node < table->entries.count; node++) {
        if (!is_allowed_exactly(table, node, now_s))
            continue;
        struct host_name name = name_table_name(table, node);
        if (is_hidden(policy, table, &name))
            continue;
        for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
            candidates[count].node = node;
            candidates[count].table = table;
            count += gate_address_of_name(addresses, &policy->settings.gate_key, &name, families[i],
                                          &candidates[count].address);
        }
    }
    return count;
}

static int compare_addresses(const struct ip_address *left, const struct ip_address *right)
{
    if (left->family != right->family)
        return left->family < right->family ? -1 : 1;
    return memcmp(left->bytes, right->bytes, sizeof(left->bytes));
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_addresses(&a->address, &b->address);
    return order != 0 ? order : (a->node > b->node) - (a->node < b->node);
}

static void report_shared(const struct candidate *candidates, size_t count,
                          gate_collision_fn report, void *context)
{
    for (size_t i = 0; i < count; i++) {
        const struct ip_address *address = &candidates[i].address;
        bool is_shared = (i > 0 && ip_address_equal(address, &candidates[i - 1].address)) ||
                         (i + 1 < count && ip_address_equal(address, &candidates[i + 1].address));
        if (!is_shared)
            continue;
        struct host_name name = name_table_name(candidates[i].table, candidates[i].node);
        report(context, address, &name);
    }
}

bool gate_collisions_find(const struct policy *policy, const struct gate_addresses *addresses,
                          int64_t now_s, gate_collision_fn report, void *context)
{
    size_t room = 2 * ((size_t)policy->base->entries.count + policy->overlay->entries.count);
    struct candidate *candidates = calloc(room + 1, sizeof(*candidates));
    if (candidates == NULL)
        return false;
    size_t count = add_table(policy, addresses, policy->base, now_s, candidates);
    count += add_table(policy, addresses, policy->overlay, now_s, candidates + count);
    qsort(candidates, count, sizeof(*candidates), compare_candidates);
    report_shared(candidates, count, report, context);
    free(candidates);
    return true;
}
