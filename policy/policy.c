/* policy/policy.c - the questions asked of the compiled rules. */
#include "policy/policy.h"
#include "policy/policy_layout.h"

#include <stdlib.h>
#include <string.h>

/* A node in whichever table decides for its name. */
struct place {
    const struct name_table *table;
    uint32_t node;
};

/* Where the suffix that begins with label `skips` is decided; its node is TABLE_NONE where nothing
 * is known. */
static struct place find_suffix(const struct policy *policy, const struct host_name *name,
                                const struct name_hashes *hashes, unsigned skips)
{
    const uint8_t *wire = name->wire + hashes->at[skips];
    size_t size = (size_t)name->size - hashes->at[skips];
    if (policy->overlay->node_count > 0) {
        uint32_t node = name_table_find(policy->overlay, wire, size, hashes->hash[skips]);
        if (node != TABLE_NONE)
            return (struct place){ policy->overlay, node };
    }
    return (struct place){ policy->base,
                           name_table_find(policy->base, wire, size, hashes->hash[skips]) };
}

static struct verdict verdict_of(const struct table_rule *rule, unsigned skips)
{
    bool is_allow = rule->action == RULE_ALLOW;
    enum pattern_kind pattern = (enum pattern_kind)rule->pattern;
    if (pattern == PATTERN_SUBTREE) /* it is shown as what decided here */
        pattern = skips == 0 ? PATTERN_EXACT : PATTERN_ANY_DEPTH;
    return (struct verdict){ .decision = is_allow ? DECISION_ALLOW : DECISION_DENY,
                             .reason = is_allow ? REASON_ALLOWED : REASON_DENY_RULE,
                             .rule_id = rule->id,
                             .pattern = pattern,
                             .pattern_skips = (uint8_t)skips };
}

/* The rule at `place` that decides for a name with `skips` labels in front of it. */
static const struct table_rule *winner_at(struct place place, unsigned skips, uint16_t port,
                                          int64_t now_s)
{
    if (skips == 0)
        return name_table_winner(place.table, place.node, PATTERN_EXACT, port, now_s);
    const struct table_rule *rule = NULL;
    if (skips == 1)
        rule = name_table_winner(place.table, place.node, PATTERN_ONE_LABEL, port, now_s);
    return rule != NULL
               ? rule
               : name_table_winner(place.table, place.node, PATTERN_ANY_DEPTH, port, now_s);
}

/* May a name with `skips` labels in front of `place` be reached on some port? */
static bool allows_on_some_port(struct place place, unsigned skips, int64_t now_s)
{
    const struct name_table *table = place.table;
    for (uint32_t at = table->nodes[place.node].first_rule; at != TABLE_NONE;
         at = table->rules[at].next) {
        const struct table_rule *rule = &table->rules[at];
        bool covers = skips == 0 ? table_rule_covers(rule, PATTERN_EXACT)
                                 : table_rule_covers(rule, PATTERN_ANY_DEPTH) ||
                                       (skips == 1 && table_rule_covers(rule, PATTERN_ONE_LABEL));
        if (covers && rule->action == RULE_ALLOW && rule->expires_at > now_s)
            return true;
    }
    return false;
}

/* The most specific name wins: the whole name, then its suffixes from the longest to the shortest.
 */
static struct verdict decide(const struct policy *policy, const struct host_name *name,
                             const struct name_hashes *hashes, uint16_t port, int64_t now_s)
{
    struct verdict denial = { .decision = DECISION_DENY, .reason = REASON_NO_RULE };
    for (unsigned skips = 0; skips < name->label_count; skips++) {
        if (skips > name->plain_labels)
            break; /* a wildcard stands for letters, digits and hyphens alone */
        struct place place = find_suffix(policy, name, hashes, skips);
        if (place.node == TABLE_NONE)
            continue;
        const struct table_rule *rule = winner_at(place, skips, port, now_s);
        if (rule != NULL)
            return verdict_of(rule, skips);
        if (allows_on_some_port(place, skips, now_s))
            denial.reason = REASON_OTHER_PORT;
    }
    return denial;
}

/* Asks the memory for every slot that decide() may look at, so that a large table's cache misses
 * overlap. */
static void prefetch(const struct name_table *table, const struct host_name *name,
                     const struct name_hashes *hashes)
{
    for (unsigned skips = 0; skips < name->label_count; skips++)
        __builtin_prefetch(&table->slots[(uint32_t)hashes->hash[skips] & table->slot_mask]);
}

struct verdict policy_decide(const struct policy *policy, const struct policy_question *question,
                             uint16_t port, int64_t now_s)
{
    struct name_hashes hashes;
    name_hashes_compute(&policy->base->key, question->name, &hashes);
    prefetch(policy->base, question->name, &hashes);
    return decide(policy, question->name, &hashes, port, now_s);
}

/* May a name below this one be reached on `port` by a wildcard of this name's or of one above it? A
 * denial of the name alone, or of "*." above it, leaves what "**." allows below. */
static bool wildcard_allows_below(const struct policy *policy, const struct host_name *name,
                                  const struct name_hashes *hashes, uint16_t port, int64_t now_s)
{
    for (unsigned skips = 0; skips < name->label_count && skips <= name->plain_labels; skips++) {
        struct place place = find_suffix(policy, name, hashes, skips);
        if (place.node == TABLE_NONE)
            continue;
        const struct table_rule *rule =
            name_table_winner(place.table, place.node, PATTERN_ANY_DEPTH, port, now_s);
        if (rule != NULL)
            return rule->action == RULE_ALLOW;
    }
    return false;
}

/* RFC 8020: a name above an allowed one exists. */
static bool is_parent(const struct policy *policy, const struct host_name *name,
                      const struct name_hashes *hashes, int64_t now_s)
{
    struct place place = find_suffix(policy, name, hashes, 0);
    if (place.node != TABLE_NONE && place.table->nodes[place.node].below > 0)
        return true;
    for (uint32_t i = 0; i < policy->ports.count; i++)
        if (wildcard_allows_below(policy, name, hashes, policy->ports.port[i], now_s))
            return true;
    return false;
}

struct verdict policy_decide_lookup(const struct policy *policy,
                                    const struct policy_question *question, int64_t now_s)
{
    struct name_hashes hashes;
    struct verdict denial = { .decision = DECISION_DENY, .reason = REASON_NO_RULE };
    if (question->name->label_count == 0) { /* the root is a parent of every name */
        denial.reason = REASON_PARENT;
        return denial;
    }
    name_hashes_compute(&policy->base->key, question->name, &hashes);
    prefetch(policy->base, question->name, &hashes);
    for (uint32_t i = 0; i < policy->ports.count; i++) {
        struct verdict verdict =
            decide(policy, question->name, &hashes, policy->ports.port[i], now_s);
        if (verdict.decision == DECISION_ALLOW)
            return verdict;
        if (verdict.rule_id != 0 || denial.rule_id == 0)
            denial = verdict;
    }
    if (is_parent(policy, question->name, &hashes, now_s))
        denial.reason = REASON_PARENT;
    return denial;
}

const struct settings *policy_settings(const struct policy *policy)
{
    return &policy->settings;
}

uint64_t policy_version(const struct policy *policy)
{
    return policy->version;
}

uint64_t policy_rule_count(const struct policy *policy)
{
    return policy->rule_count;
}

bool policy_is_shadowed(const struct policy *policy, const struct compiled_rule *rule,
                        int64_t *ret_by_id)
{
    struct name_hashes hashes;
    name_hashes_compute(&policy->base->key, &rule->name, &hashes);
    struct place place = find_suffix(policy, &rule->name, &hashes, 0);
    if (place.node == TABLE_NONE)
        return false;
    const struct table_rule *winner =
        name_table_winner(place.table, place.node, rule->pattern, rule->port, INT64_MIN);
    if (winner == NULL || winner->id == rule->id)
        return false;
    *ret_by_id = winner->id;
    return true;
}

struct policy *policy_on_tables(struct name_table *base, struct name_table *overlay,
                                const struct policy_ports *ports)
{
    struct policy *policy = base != NULL && overlay != NULL ? calloc(1, sizeof(*policy)) : NULL;
    if (policy == NULL) {
        name_table_unref(base);
        name_table_unref(overlay);
        return NULL;
    }
    policy->base = base;
    policy->overlay = overlay;
    policy->ports = *ports;
    policy->settings = settings_default();
    atomic_init(&policy->references, 1);
    return policy;
}

struct policy *policy_ref(struct policy *policy)
{
    atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
    return policy;
}

struct policy *policy_unref(struct policy *policy)
{
    if (policy == NULL ||
        atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    name_table_unref(policy->base);
    name_table_unref(policy->overlay);
    free(policy);
    return NULL;
}
