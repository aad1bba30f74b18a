/* policy/table_entries.h - where a table of names keeps its names and its rules. Private to
 * policy/. A question reads of a large table what no cache holds any more, so what it needs of a
 * name stands together, in one line of the cache: its first label, and the rule that it was added
 * for. */
#pragma once
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#define TABLE_NONE UINT32_MAX /* no node, no rule */

enum { TABLE_LABEL_ROOM = 16 };

/* A name: a node in the tree of labels. */
struct table_node {
    uint32_t parent; /* TABLE_NONE: the root */
    uint32_t first_rule;
    uint32_t first_below;
    uint32_t changed_at; /* the version of the policy that changed it last; 0 in a base */
    /* Its size and its bytes; of a label too long for that its size, and in the last four bytes
     * where it is in the table's `bytes`. Size 0: the entry is no name's, but of a rule alone. */
    uint8_t label[TABLE_LABEL_ROOM];
};

struct table_rule {
    int64_t id; /* 0: none, or taken out */
    int64_t expires_at;
    uint32_t node; /* TABLE_NONE: there never was one here */
    uint32_t next; /* in the node's list; TABLE_NONE ends it */
    uint16_t port;
    uint8_t pattern;       /* enum pattern_kind */
    uint8_t action : 4;    /* enum rule_action */
    uint8_t looseness : 4; /* requirement_looseness() of an allow */
    uint32_t group;
};

/* A name and the rule that it was added for, or one of them. Those of a base with a rule are in the
 * order of the rules' ids. */
struct table_entry {
    alignas(64) struct table_node node;
    struct table_rule rule;
};

struct table_entries {
    struct table_entry *at; /* owned; whole pages */
    uint32_t count, capacity;
};

/* An entry without name and rule. TABLE_NONE when out of memory. */
uint32_t table_entries_add(struct table_entries *entries);
/* False when out of memory; then there is nothing to release. */
bool table_entries_copy(struct table_entries *copy, const struct table_entries *from);
/* Gives memory back that growing left over. */
void table_entries_trim(struct table_entries *entries);
void table_entries_release(struct table_entries *entries);
