/* policy/name_table.h - names to rules: the table inside a policy. Private to policy/.
 * Each name (a "node") has a first label, a parent, a list of rules and a count of the allowed
 * names below it. A name is followed from its last label to its first, each step a look into a hash
 * table; the hash covers all labels up to there, with a key of the table, and a hit always
 * compares parent and label. Where the table has a name it has all names above. Changed by one
 * thread while it is built; read by all, without a lock, once its policy is published. */
#pragma once
#include "policy/client_group.h"
#include "policy/name_hash.h"
#include "policy/name_slots.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/table_entries.h"

#include <stdatomic.h>

/* Where a rule sends its connections; `host_size` 0: to `address`. */
struct table_connect {
    int64_t rule_id;
    uint32_t host_at; /* in `bytes` */
    uint16_t port;
    uint8_t host_size;
    struct ip_address address;
};

/* What a rule demands of its server, where that is not what most do. */
struct table_requirement {
    int64_t rule_id;
    struct requirement *requirement; /* owns a reference; never NULL */
};

/* Allowed patterns for names below a node, of one group. */
struct table_below {
    uint32_t group;
    uint32_t count;
    uint32_t next; /* in the node's list; TABLE_NONE ends it */
};

/* Does the rule decide for names of this kind? PATTERN_SUBTREE does for all. */
static inline bool table_rule_covers(const struct table_rule *rule, enum pattern_kind pattern)
{
    return rule->pattern == pattern || rule->pattern == PATTERN_SUBTREE;
}

struct name_table {
    atomic_uint references;
    struct name_hash_key key;
    struct name_slots slots;
    struct table_entries entries; /* a parent before its children */
    uint8_t *bytes;               /* labels too long for an entry, and hosts to connect to */
    size_t bytes_size, bytes_capacity;
    uint32_t rule_count, dead_rule_count; /* the dead are among them */
    struct table_below *belows;
    uint32_t below_count, below_capacity;
    struct table_connect *connects; /* of the rules that have one, in the order of their ids */
    uint32_t connect_count, connect_capacity;
    struct table_requirement *requirements; /* likewise */
    uint32_t requirement_count, requirement_capacity;
};

static inline struct table_node *name_table_node(const struct name_table *table, uint32_t node)
{
    return &table->entries.at[node].node;
}

static inline struct table_rule *name_table_rule(const struct name_table *table, uint32_t rule)
{
    return &table->entries.at[rule].rule;
}

/* Does the entry stand for a name? */
static inline bool name_table_has_name(const struct name_table *table, uint32_t entry)
{
    return name_table_node(table, entry)->label[0] > 0;
}

/* The first entry from `entry` on that has a rule; TABLE_NONE: there is none. */
uint32_t name_table_next_rule(const struct name_table *table, uint32_t entry);

/* An empty table. NULL when out of memory. */
struct name_table *name_table_new(const struct name_hash_key *key);
/* A copy that may be changed. NULL when out of memory. */
struct name_table *name_table_copy(const struct name_table *table);
struct name_table *name_table_ref(struct name_table *table);
/* NULL is fine; returns NULL. */
struct name_table *name_table_unref(struct name_table *table);
/* Gives memory back that growing left over. */
void name_table_trim(struct name_table *table);

/* The node of a label below `parent` (TABLE_NONE: the root), or TABLE_NONE. `label` is as in wire
 * format, `hash` that of the suffix which it begins. */
uint32_t name_table_find_child(const struct name_table *table, uint32_t parent,
                               const uint8_t *label, uint32_t hash);
/* Adds one that is not there, without rules. TABLE_NONE when out of memory. */
uint32_t name_table_add_child(struct name_table *table, uint32_t parent, const uint8_t *label,
                              uint32_t hash);
/* The node of a name, or TABLE_NONE. */
uint32_t name_table_find(const struct name_table *table, const struct host_name *name);

/* Asks the memory for every slot that name_table_follow() may look at, so that a large table's
 * cache misses overlap. `count`: the name's labels. */
void name_table_prefetch(const struct name_table *table, const struct name_hashes *hashes,
                         unsigned count);
/* Some time later: asks for the names that those slots lead to. */
void name_table_prefetch_names(const struct name_table *table, const struct name_hashes *hashes,
                               unsigned count);
/* Again later: the id of a rule of the longest of those names; 0: it has none. A guess, as no label
 * is compared. */
int64_t name_table_guess_rule(const struct name_table *table, const struct name_hashes *hashes,
                              unsigned count);

/* The nodes of a name's suffixes, the longest that the table knows first. */
struct name_path {
    unsigned first; /* how many labels it leaves out; label_count: not even the last one is known */
    uint32_t node[HOST_NAME_LABELS_MAX]; /* set from `first` on */
};
void name_table_follow(const struct name_table *table, const struct host_name *name,
                       const struct name_hashes *hashes, struct name_path *ret_path);

/* Appends to `bytes`; returns where, or TABLE_NONE when out of memory. */
uint32_t name_table_add_bytes(struct name_table *table, const uint8_t *bytes, size_t size);
/* Adds a rule to its node's list. False when out of memory. */
bool name_table_add_rule(struct name_table *table, const struct table_rule *rule);
/* Takes a rule out of its node's list, and forgets where it sends connections and what it demands.
 */
void name_table_remove_rule(struct name_table *table, uint32_t rule);

/* Says where a rule of the table, of which that was not said before, sends its connections. False
 * when out of memory. */
bool name_table_add_connect_to(struct name_table *table, int64_t rule_id,
                               const struct connect_to *connect_to);
void name_table_remove_connect_to(struct name_table *table, int64_t rule_id);
/* Of a rule that is in this table: one that another table hides may have an older one here. */
struct connect_to name_table_connect_to(const struct name_table *table, int64_t rule_id);

/* Says what a rule of the table, of which that was not said before, demands of its server; a
 * reference is taken. NULL: what most do. False when out of memory. */
bool name_table_add_requirement(struct name_table *table, int64_t rule_id,
                                struct requirement *requirement);
void name_table_remove_requirement(struct name_table *table, int64_t rule_id);
/* As with name_table_connect_to(); borrowed, as long as the table has the rule. */
struct requirement *name_table_requirement(const struct name_table *table, int64_t rule_id);
/* For name_table_copy() and name_table_unref(). `to` has none yet; false when out of memory. */
bool name_table_copy_requirements(struct name_table *to, const struct name_table *from);
void name_table_release_requirements(struct name_table *table);

/* What a rule must fit to decide. */
struct rule_match {
    enum pattern_kind pattern;
    uint16_t port;
    int64_t now_s;
    const struct client *client;
};

/* The rule that decides at `node`: deny before allow, then the group that fits the client more
 * closely, then the stricter check, then the lowest id. NULL: none. */
const struct table_rule *name_table_winner(const struct name_table *table, uint32_t node,
                                           const struct rule_match *match);

/* Adds `more` (or less) to the count of allowed patterns below `node` of one group; those of its
 * own wildcards are not counted. False when out of memory. */
bool name_table_count_below(struct name_table *table, uint32_t node, uint32_t group, int more);
/* Some port of `ports` is allowed to one group by the node's rules of that pattern, and denied by
 * none of the group's. */
bool name_table_allows(const struct name_table *table, uint32_t node, enum pattern_kind pattern,
                       uint32_t group, const struct policy_ports *ports);
/* True when a group of the client's has an allowed name below `node`, if only by a wildcard. */
bool name_table_has_below(const struct name_table *table, uint32_t node,
                          const struct client *client, const struct policy_ports *ports);

/* The name of a node. */
struct host_name name_table_name(const struct name_table *table, uint32_t node);
