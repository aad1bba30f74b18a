/* policy/policy_layout.h - what a policy is made of. Private to policy/. */
#pragma once
#include "policy/name_table.h"
#include "policy/policy.h"
#include "policy/provider.h"

struct policy {
    atomic_uint references;
    uint64_t version;
    struct settings settings;
    struct policy_ports ports;
    struct name_table *base; /* owns a reference; shared by the policies that came of one build */
    struct name_table *overlay; /* owns a reference; its names hide the base's */
    uint64_t rule_count;
    struct client_groups *groups;         /* owns a reference */
    struct provider_catalogue *providers; /* owns a reference; NULL: none is known */
    struct requirement *unchecked;        /* owned: of what no rule decides */
};

/* A policy on these tables and groups, whose references it takes over (also on failure). NULL when
 * out of memory, or where one of them is NULL. */
struct policy *policy_on_tables(struct name_table *base, struct name_table *overlay,
                                struct client_groups *groups, const struct policy_ports *ports);

/* Changes one table, while nobody else sees it. `beneath` is the base under an overlay: a node that
 * the overlay lacks is first copied from there. NULL where the table is itself a base. */
struct table_editor {
    struct name_table *table;
    const struct name_table *beneath;
    const struct policy_ports *ports;
    uint32_t version;
    int64_t rules_added; /* less those taken out */
};

/* Follows a name, which is not the root, and adds what the table lacks of it; all of the path
 * counts as changed. False when out of memory. */
bool table_editor_reach(struct table_editor *editor, const struct host_name *name,
                        const struct name_hashes *hashes, struct name_path *ret_path);

/* Both keep the counts of allowed names below each ancestor. False when out of memory: then the
 * table is of no use any more. Taking out a rule that is not there changes nothing; *ret_node is
 * the rule's node in the table, or TABLE_NONE. */
bool table_editor_add(struct table_editor *editor, const struct compiled_rule *rule,
                      uint32_t *ret_node);
/* The same where the hashes of the rule's name are known. */
bool table_editor_add_hashed(struct table_editor *editor, const struct compiled_rule *rule,
                             const struct name_hashes *hashes, uint32_t *ret_node);
bool table_editor_remove(struct table_editor *editor, int64_t rule_id, uint32_t *ret_node);

/* Adds rules and counts of another table's node to `to_node`, which has none. False when out of
 * memory. */
bool name_table_copy_node(struct name_table *to, uint32_t to_node, const struct name_table *from,
                          uint32_t node);

/* The rule as it was compiled; its requirement is borrowed from the table. */
struct compiled_rule name_table_compiled_rule(const struct name_table *table,
                                              const struct table_rule *rule);
