/* policy/table_editor.c - adding rules to a table and taking them out, with the counts of allowed
 * names below each name kept right. */
#include "policy/policy_layout.h"

#include <assert.h>
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
    uint32_t at = name_table_node(from, node)->first_below;
    for (; at != TABLE_NONE; at = from->belows[at].next)
        if (!name_table_count_below(to, to_node, from->belows[at].group,
                                    (int)from->belows[at].count))
            return false;
    for (at = name_table_node(from, node)->first_rule; at != TABLE_NONE;
         at = name_table_rule(from, at)->next) {
        struct table_rule rule = *name_table_rule(from, at);
        rule.node = to_node;
        struct connect_to connect_to = name_table_connect_to(from, rule.id);
        if (!name_table_add_rule(to, &rule) ||
            !name_table_add_connect_to(to, rule.id, &connect_to) ||
            !name_table_add_requirement(to, rule.id, name_table_requirement(from, rule.id)))
            return false;
    }
    return true;
}

/* A node for a label that the table lacks, with what the table beneath has there. */
static uint32_t add_node(struct table_editor *editor, uint32_t parent, const uint8_t *label,
                         uint32_t hash, uint32_t beneath_node)
{
    uint32_t node = name_table_add_child(editor->table, parent, label, hash);
    if (node != TABLE_NONE && beneath_node != TABLE_NONE &&
        !name_table_copy_node(editor->table, node, editor->beneath, beneath_node))
        return TABLE_NONE;
    return node;
}

bool table_editor_reach(struct table_editor *editor, const struct host_name *name,
                        const struct name_hashes *hashes, struct name_path *ret_path)
{
    struct name_path beneath;
    uint32_t node = TABLE_NONE;
    beneath.first = name->label_count;
    name_table_follow(editor->table, name, hashes, ret_path);
    if (editor->beneath != NULL && ret_path->first > 0)
        name_table_follow(editor->beneath, name, hashes, &beneath);
    if (ret_path->first < name->label_count)
        node = ret_path->node[ret_path->first];
    while (ret_path->first > 0) {
        unsigned at = ret_path->first - 1;
        node = add_node(editor, node, name->wire + hashes->at[at], hashes->hash[at],
                        at >= beneath.first ? beneath.node[at] : TABLE_NONE);
        if (node == TABLE_NONE)
            return false;
        ret_path->node[at] = node;
        ret_path->first = at;
    }
    for (unsigned i = 0; i < name->label_count; i++)
        name_table_node(editor->table, ret_path->node[i])->changed_at = editor->version;
    return true;
}

/* What a node's rules of one group add to that group's counts above it. A denial by another group
 * is not looked at: at worst a parent of nothing is answered NODATA. */
struct contribution {
    uint32_t group;
    int count; /* its own name is allowed: 1; names below it are: 1 more */
};

static struct contribution contribution_of(const struct table_editor *editor, uint32_t node,
                                           uint32_t group)
{
    const struct name_table *table = editor->table;
    const struct policy_ports *ports = editor->ports;
    if (name_table_node(table, node)->first_rule == TABLE_NONE)
        return (struct contribution){ .group = group };
    bool is_allowed = name_table_allows(table, node, PATTERN_EXACT, group, ports);
    bool is_allowed_below = name_table_allows(table, node, PATTERN_ONE_LABEL, group, ports) ||
                            name_table_allows(table, node, PATTERN_ANY_DEPTH, group, ports);
    return (struct contribution){ group, is_allowed + is_allowed_below };
}

/* Adds the difference since `before` to the counts of the ancestors of the path's first node. */
static bool spread(struct table_editor *editor, const struct host_name *name,
                   const struct name_path *path, struct contribution before)
{
    int more = contribution_of(editor, path->node[0], before.group).count - before.count;
    for (unsigned i = 1; i < name->label_count && more != 0; i++)
        if (!name_table_count_below(editor->table, path->node[i], before.group, more))
            return false;
    return true;
}

bool table_editor_add(struct table_editor *editor, const struct compiled_rule *rule,
                      uint32_t *ret_node)
{
    struct name_hashes hashes;
    name_hashes_compute(&editor->table->key, &rule->name, &hashes);
    return table_editor_add_hashed(editor, rule, &hashes, ret_node);
}

bool table_editor_add_hashed(struct table_editor *editor, const struct compiled_rule *rule,
                             const struct name_hashes *hashes, uint32_t *ret_node)
{
    struct name_path path;
    if (!table_editor_reach(editor, &rule->name, hashes, &path))
        return false;
    uint32_t node = path.node[0];
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
           spread(editor, &rule->name, &path, before);
}

static uint32_t find_in_list(const struct name_table *table, uint32_t node, int64_t rule_id)
{
    uint32_t at = name_table_node(table, node)->first_rule;
    while (at != TABLE_NONE && name_table_rule(table, at)->id != rule_id)
        at = name_table_rule(table, at)->next;
    return at;
}

/* A base's rules stand in the order of their ids. */
static uint32_t find_in_base(const struct name_table *base, int64_t rule_id)
{
    uint32_t low = 0, high = base->entries.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, at = name_table_next_rule(base, middle);
        if (at >= high || name_table_rule(base, at)->id > rule_id)
            high = middle;
        else if (name_table_rule(base, at)->id < rule_id)
            low = at + 1;
        else
            return at;
    }
    return TABLE_NONE;
}

/* An overlay's rules stand in the order of their edits. */
static uint32_t find_in_overlay(const struct name_table *overlay, int64_t rule_id)
{
    for (uint32_t at = 0; at < overlay->entries.count; at++)
        if (name_table_rule(overlay, at)->id == rule_id)
            return at;
    return TABLE_NONE;
}

/* The name that a rule is of; false: there is no such rule. */
static bool find_name(const struct table_editor *editor, int64_t rule_id,
                      struct host_name *ret_name)
{
    assert(rule_id != 0); /* which stands for no rule */
    const struct name_table *table = editor->table;
    uint32_t at = find_in_overlay(table, rule_id);
    if (at == TABLE_NONE && editor->beneath != NULL) {
        table = editor->beneath;
        at = find_in_base(table, rule_id);
    }
    if (at != TABLE_NONE)
        *ret_name = name_table_name(table, name_table_rule(table, at)->node);
    return at != TABLE_NONE;
}

bool table_editor_remove(struct table_editor *editor, int64_t rule_id, uint32_t *ret_node)
{
    struct host_name name;
    struct name_hashes hashes;
    struct name_path path;
    *ret_node = TABLE_NONE;
    if (!find_name(editor, rule_id, &name))
        return true;
    name_hashes_compute(&editor->table->key, &name, &hashes);
    if (!table_editor_reach(editor, &name, &hashes, &path))
        return false;
    uint32_t node = path.node[0];
    *ret_node = node;
    uint32_t rule = find_in_list(editor->table, node, rule_id);
    if (rule == TABLE_NONE)
        return true; /* the overlay hid it before */
    struct contribution before =
        contribution_of(editor, node, name_table_rule(editor->table, rule)->group);
    name_table_remove_rule(editor->table, rule);
    editor->rules_added--;
    return spread(editor, &name, &path, before);
}
