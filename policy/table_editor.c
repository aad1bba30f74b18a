/* policy/table_editor.c - adding rules to a table and taking them out, with the counts of allowed
 * names below each name kept right. */
#include "policy/policy_layout.h"

#include <stdlib.h>

struct compiled_rule name_table_compiled_rule(const struct name_table *table,
                                              const struct table_rule *rule)
{
    return (struct compiled_rule){ .id = rule->id,
                                   .expires_at = rule->expires_at,
                                   .name = name_table_name(table, rule->node),
                                   .pattern = (enum pattern_kind)rule->pattern,
                                   .action = (enum rule_action)rule->action,
                                   .port = rule->port,
                                   .group = rule->group,
                                   .connect_to = name_table_connect_to(table, rule->id),
                                   .requirement = name_table_requirement(table, rule->id) };
}

bool name_table_copy_node(struct name_table *to, uint32_t to_node, const struct name_table *from,
                          uint32_t node)
{
    uint32_t at = from->nodes[node].first_below;
    for (; at != TABLE_NONE; at = from->belows[at].next)
        if (!name_table_count_below(to, to_node, from->belows[at].group,
                                    (int)from->belows[at].count))
            return false;
    for (at = from->nodes[node].first_rule; at != TABLE_NONE; at = from->rules[at].next) {
        struct table_rule rule = from->rules[at];
        rule.node = to_node;
        struct connect_to connect_to = name_table_connect_to(from, rule.id);
        if (!name_table_add_rule(to, &rule) ||
            !name_table_add_connect_to(to, rule.id, &connect_to) ||
            !name_table_add_requirement(to, rule.id, name_table_requirement(from, rule.id)))
            return false;
    }
    return true;
}

/* The node of the suffix with label `skips` first, made if need be. `name_at`: where the suffix
 * stands in `names`. */
static uint32_t reach_suffix(struct table_editor *editor, const struct host_name *name,
                             const struct name_hashes *hashes, unsigned skips, uint32_t name_at)
{
    const uint8_t *wire = name->wire + hashes->at[skips];
    size_t size = (size_t)name->size - hashes->at[skips];
    uint64_t hash = hashes->hash[skips];
    uint32_t node = name_table_find(editor->table, wire, size, hash);
    if (node == TABLE_NONE) {
        if (name_at == TABLE_NONE)
            name_at = name_table_add_name(editor->table, wire, size);
        node = name_at != TABLE_NONE ? name_table_add_node(editor->table, name_at, size, hash)
                                     : TABLE_NONE;
        if (node == TABLE_NONE)
            return TABLE_NONE;
        uint32_t beneath_node = editor->beneath != NULL
                                    ? name_table_find(editor->beneath, wire, size, hash)
                                    : TABLE_NONE;
        if (beneath_node != TABLE_NONE &&
            !name_table_copy_node(editor->table, node, editor->beneath, beneath_node))
            return TABLE_NONE;
    }
    editor->table->nodes[node].changed_at = editor->version;
    return node;
}

/* What a node's rules of one group add to that group's counts above it. A denial by another group
 * is not looked at: at worst a parent of nothing is answered NODATA. */
struct contribution {
    uint32_t group;
    int exact;    /* its own name is allowed: counts for its ancestors */
    int wildcard; /* names below it are: counts for itself too */
};

/* Some port with a listener is allowed, and denied by no rule of the group. */
static bool allows(const struct table_editor *editor, uint32_t node, enum pattern_kind pattern,
                   uint32_t group)
{
    const struct name_table *table = editor->table;
    for (uint32_t i = 0; i < editor->ports->count; i++) {
        bool is_allowed = false, is_denied = false;
        for (uint32_t at = table->nodes[node].first_rule; at != TABLE_NONE;
             at = table->rules[at].next) {
            const struct table_rule *rule = &table->rules[at];
            if (rule->group != group || !table_rule_covers(rule, pattern) ||
                rule->port != editor->ports->port[i])
                continue;
            is_allowed = is_allowed || rule->action == RULE_ALLOW;
            is_denied = is_denied || rule->action == RULE_DENY;
        }
        if (is_allowed && !is_denied)
            return true;
    }
    return false;
}

static struct contribution contribution_of(const struct table_editor *editor, uint32_t node,
                                           uint32_t group)
{
    return (struct contribution){
        .group = group,
        .exact = allows(editor, node, PATTERN_EXACT, group),
        .wildcard = allows(editor, node, PATTERN_ONE_LABEL, group) ||
                    allows(editor, node, PATTERN_ANY_DEPTH, group),
    };
}

/* Adds the difference since `before` to the counts of the node and its ancestors. */
static bool spread(struct table_editor *editor, const struct host_name *name,
                   const struct name_hashes *hashes, uint32_t node, struct contribution before)
{
    struct contribution now = contribution_of(editor, node, before.group);
    int wildcard = now.wildcard - before.wildcard, exact = now.exact - before.exact;
    uint32_t name_at = editor->table->nodes[node].name_at;
    if (wildcard != 0 && !name_table_count_below(editor->table, node, before.group, wildcard))
        return false;
    for (unsigned skips = 1; skips < name->label_count && wildcard + exact != 0; skips++) {
        uint32_t ancestor = reach_suffix(editor, name, hashes, skips, name_at + hashes->at[skips]);
        if (ancestor == TABLE_NONE ||
            !name_table_count_below(editor->table, ancestor, before.group, wildcard + exact))
            return false;
    }
    return true;
}

bool table_editor_add(struct table_editor *editor, const struct compiled_rule *rule,
                      uint32_t *ret_node)
{
    struct name_hashes hashes;
    name_hashes_compute(&editor->table->key, &rule->name, &hashes);
    uint32_t node = reach_suffix(editor, &rule->name, &hashes, 0, TABLE_NONE);
    if (node == TABLE_NONE)
        return false;
    struct contribution before = contribution_of(editor, node, rule->group);
    struct table_rule added = { .id = rule->id,
                                .expires_at = rule->expires_at,
                                .node = node,
                                .port = rule->port,
                                .pattern = (uint8_t)rule->pattern,
                                .action = rule->action & 1u,
                                .looseness = requirement_looseness(rule->requirement) & 3u,
                                .group = rule->group };
    *ret_node = node;
    editor->rules_added++;
    return name_table_add_rule(editor->table, &added) &&
           name_table_add_connect_to(editor->table, rule->id, &rule->connect_to) &&
           name_table_add_requirement(editor->table, rule->id, rule->requirement) &&
           spread(editor, &rule->name, &hashes, node, before);
}

static uint32_t find_in_list(const struct name_table *table, uint32_t node, int64_t rule_id)
{
    uint32_t at = table->nodes[node].first_rule;
    while (at != TABLE_NONE && table->rules[at].id != rule_id)
        at = table->rules[at].next;
    return at;
}

/* A base's rules stand in the order of their ids, an overlay's in the order of their edits. */
static const struct table_rule *find_by_id(const struct table_editor *editor, int64_t rule_id,
                                           bool *ret_is_beneath)
{
    const struct name_table *table = editor->table, *beneath = editor->beneath;
    *ret_is_beneath = false;
    for (uint32_t i = 0; i < table->rule_count; i++)
        if (table->rules[i].id == rule_id)
            return &table->rules[i];
    *ret_is_beneath = true;
    uint32_t low = 0, high = beneath != NULL ? beneath->rule_count : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (beneath->rules[middle].id < rule_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found =
        beneath != NULL && low < beneath->rule_count && beneath->rules[low].id == rule_id;
    return is_found ? &beneath->rules[low] : NULL;
}

bool table_editor_remove(struct table_editor *editor, int64_t rule_id, uint32_t *ret_node)
{
    bool is_beneath;
    const struct table_rule *found = find_by_id(editor, rule_id, &is_beneath);
    *ret_node = TABLE_NONE;
    if (found == NULL)
        return true;
    struct host_name name =
        name_table_name(is_beneath ? editor->beneath : editor->table, found->node);
    struct name_hashes hashes;
    name_hashes_compute(&editor->table->key, &name, &hashes);
    uint32_t node = reach_suffix(editor, &name, &hashes, 0, TABLE_NONE);
    if (node == TABLE_NONE)
        return false;
    *ret_node = node;
    uint32_t rule = find_in_list(editor->table, node, rule_id);
    if (rule == TABLE_NONE)
        return true; /* the overlay hid it before */
    struct contribution before = contribution_of(editor, node, editor->table->rules[rule].group);
    name_table_remove_rule(editor->table, rule);
    editor->rules_added--;
    return spread(editor, &name, &hashes, node, before);
}
