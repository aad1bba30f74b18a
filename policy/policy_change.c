/* policy/policy_change.c - a policy from another and a few changes, and the overlay folded back
 * into the base. */
#include "policy/policy_builder.h"
#include "policy/policy_layout.h"

#include <stdlib.h>

/* An overlay past either is folded into the base: copying it for each edit must stay cheap. */
enum { OVERLAY_NAMES_MAX = 8192, OVERLAY_DEAD_RULES_MAX = 8192 };

static bool append_id(struct rule_ids *ids, size_t *capacity, int64_t id)
{
    if (ids->count == *capacity) {
        size_t grown = *capacity > 0 ? *capacity * 2 : 64;
        int64_t *moved = realloc(ids->id, grown * sizeof(*moved));
        if (moved == NULL)
            return false;
        ids->id = moved;
        *capacity = grown;
    }
    ids->id[ids->count++] = id;
    return true;
}

static bool append_node(struct rule_ids *ids, size_t *capacity, const struct name_table *table,
                        uint32_t node)
{
    uint32_t at = node != TABLE_NONE ? name_table_node(table, node)->first_rule : TABLE_NONE;
    for (; at != TABLE_NONE; at = name_table_rule(table, at)->next)
        if (!append_id(ids, capacity, name_table_rule(table, at)->id))
            return false;
    return true;
}

static bool apply_change(struct table_editor *editor, const struct rule_change *change,
                         struct rule_ids *touched, size_t *capacity)
{
    uint32_t old_node, new_node = TABLE_NONE;
    if (!table_editor_remove(editor, change->id, &old_node))
        return false;
    if (change->is_in_force && !table_editor_add(editor, &change->rule, &new_node))
        return false;
    return append_id(touched, capacity, change->id) &&
           append_node(touched, capacity, editor->table, old_node) &&
           (new_node == old_node || append_node(touched, capacity, editor->table, new_node));
}

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void sort_and_drop_doubles(struct rule_ids *ids)
{
    size_t kept = 0;
    if (ids->count == 0)
        return;
    qsort(ids->id, ids->count, sizeof(*ids->id), compare_ids);
    for (size_t i = 1; i < ids->count; i++)
        if (ids->id[i] != ids->id[kept])
            ids->id[++kept] = ids->id[i];
    ids->count = kept + 1;
}

/* Marks the nodes of the base that the overlay hides. NULL when out of memory. */
static bool *hidden_nodes(const struct policy *policy)
{
    const struct name_table *base = policy->base, *overlay = policy->overlay;
    bool *is_hidden = calloc((size_t)base->entries.count + 1, sizeof(*is_hidden));
    for (uint32_t i = 0; is_hidden != NULL && i < overlay->entries.count; i++) {
        if (!name_table_has_name(overlay, i))
            continue;
        struct host_name name = name_table_name(overlay, i);
        uint32_t node = name_table_find(base, &name);
        if (node != TABLE_NONE)
            is_hidden[node] = true;
    }
    return is_hidden;
}

struct policy *policy_with_changes(const struct policy *from, const struct rule_change *changes,
                                   size_t count, const struct settings *settings,
                                   struct rule_ids *ret_touched)
{
    struct rule_ids touched = { 0 };
    size_t capacity = 0;
    struct policy *policy =
        policy_on_tables(name_table_ref(from->base), name_table_copy(from->overlay),
                         client_groups_ref(from->groups), &from->ports);
    if (policy == NULL)
        return NULL;
    policy->providers = provider_catalogue_ref(from->providers);
    policy->version = from->version + 1;
    policy->settings = *settings;

    struct table_editor editor = { policy->overlay, policy->base, &policy->ports,
                                   (uint32_t)policy->version, 0 };
    for (size_t i = 0; i < count; i++) {
        if (!apply_change(&editor, &changes[i], &touched, &capacity)) {
            free(touched.id);
            return policy_unref(policy);
        }
    }
    policy->rule_count = (uint64_t)((int64_t)from->rule_count + editor.rules_added);
    sort_and_drop_doubles(&touched);
    *ret_touched = touched;
    return policy;
}

void policy_set_groups(struct policy *policy, struct client_groups *groups)
{
    struct client_groups *superseded = policy->groups;
    policy->groups = client_groups_ref(groups);
    client_groups_unref(superseded);
}

bool policy_wants_merge(const struct policy *policy)
{
    return policy->overlay->slots.taken > OVERLAY_NAMES_MAX ||
           policy->overlay->dead_rule_count > OVERLAY_DEAD_RULES_MAX;
}

static int compare_rules(const void *left, const void *right)
{
    int64_t a = ((const struct table_rule *)left)->id, b = ((const struct table_rule *)right)->id;
    return (a > b) - (a < b);
}

/* The overlay's rules in the order of their ids, without those taken out. NULL when out of memory.
 */
static struct table_rule *sorted_overlay_rules(const struct name_table *overlay,
                                               uint32_t *ret_count)
{
    struct table_rule *rules = calloc((size_t)overlay->rule_count + 1, sizeof(*rules));
    uint32_t count = 0;
    if (rules == NULL)
        return NULL;
    for (uint32_t i = 0; i < overlay->entries.count; i++)
        if (name_table_rule(overlay, i)->id != 0)
            rules[count++] = *name_table_rule(overlay, i);
    qsort(rules, count, sizeof(*rules), compare_rules);
    *ret_count = count;
    return rules;
}

/* Adds the rules of both tables to the builder in the order of their ids. */
static bool add_all_rules(const struct policy *from, const bool *is_hidden,
                          const struct table_rule *overlay_rules, uint32_t overlay_count,
                          struct policy_builder *builder)
{
    const struct name_table *base = from->base, *overlay = from->overlay;
    uint32_t of_base = 0, of_overlay = 0;
    while ((of_base = name_table_next_rule(base, of_base)) != TABLE_NONE ||
           of_overlay < overlay_count) {
        const struct table_rule *left =
            of_base != TABLE_NONE ? name_table_rule(base, of_base) : NULL;
        const struct table_rule *right =
            of_overlay < overlay_count ? &overlay_rules[of_overlay] : NULL;
        bool is_from_base = right == NULL || (left != NULL && left->id < right->id);
        struct compiled_rule rule = is_from_base ? name_table_compiled_rule(base, left)
                                                 : name_table_compiled_rule(overlay, right);
        of_base += is_from_base;
        of_overlay += !is_from_base;
        if (is_from_base && is_hidden[left->node])
            continue;
        if (!policy_builder_add(builder, &rule))
            return false;
    }
    return true;
}

struct policy *policy_merge(const struct policy *from)
{
    struct policy *merged = NULL;
    bool *is_hidden = hidden_nodes(from);
    uint32_t overlay_count = 0;
    struct table_rule *overlay_rules = sorted_overlay_rules(from->overlay, &overlay_count);
    struct policy_builder *builder = policy_builder_new(&from->ports);
    if (builder != NULL) {
        policy_builder_set_groups(builder, from->groups);
        policy_builder_set_providers(builder, from->providers);
    }
    if (is_hidden != NULL && overlay_rules != NULL && builder != NULL &&
        add_all_rules(from, is_hidden, overlay_rules, overlay_count, builder)) {
        merged = policy_builder_finish(builder, &from->settings, from->version);
        builder = NULL;
    }
    policy_builder_free(builder);
    free(overlay_rules);
    free(is_hidden);
    return merged;
}

/* Copies one node of `from` below `parent`, with its rules and its counts. TABLE_NONE when out of
 * memory. */
static uint32_t copy_node(struct name_table *to, uint32_t parent, const struct name_table *from,
                          uint32_t node)
{
    struct host_name name = name_table_name(from, node);
    struct name_hashes hashes;
    name_hashes_compute(&to->key, &name, &hashes);
    uint32_t copy = name_table_add_child(to, parent, name.wire, hashes.hash[0]);
    if (copy == TABLE_NONE)
        return TABLE_NONE;
    name_table_node(to, copy)->changed_at = name_table_node(from, node)->changed_at;
    return name_table_copy_node(to, copy, from, node) ? copy : TABLE_NONE;
}

/* Copies the nodes that changed after `version`. What is above such a node is among them; if it
 * were not, the node would have no place. */
static bool copy_newer_nodes(struct name_table *to, const struct name_table *from, uint32_t version)
{
    uint32_t *copy_of = calloc((size_t)from->entries.count + 1, sizeof(*copy_of));
    bool is_whole = copy_of != NULL;
    for (uint32_t i = 0; is_whole && i < from->entries.count; i++) {
        uint32_t parent = name_table_node(from, i)->parent;
        copy_of[i] = TABLE_NONE;
        if (!name_table_has_name(from, i) || name_table_node(from, i)->changed_at <= version)
            continue;
        if (parent == TABLE_NONE)
            copy_of[i] = copy_node(to, TABLE_NONE, from, i);
        else if (copy_of[parent] != TABLE_NONE)
            copy_of[i] = copy_node(to, copy_of[parent], from, i);
        is_whole = copy_of[i] != TABLE_NONE;
    }
    free(copy_of);
    return is_whole;
}

bool policy_shares_base(const struct policy *left, const struct policy *right)
{
    return left->base == right->base;
}

struct policy *policy_rebase(const struct policy *latest, const struct policy *merged)
{
    struct policy *policy =
        policy_on_tables(name_table_ref(merged->base), name_table_new(&merged->base->key),
                         client_groups_ref(latest->groups), &latest->ports);
    if (policy == NULL)
        return NULL;
    policy->providers = provider_catalogue_ref(latest->providers);
    policy->version = latest->version;
    policy->settings = latest->settings;
    policy->rule_count = latest->rule_count;
    bool is_whole = copy_newer_nodes(policy->overlay, latest->overlay, (uint32_t)merged->version);
    return is_whole ? policy : policy_unref(policy);
}
