/* policy/rule_placer.h - puts rules into a table, many of them on a thread of its own: reading a
 * rule takes as long as finding its place, and both can go on at once. Private to policy/. */
#pragma once
#include "policy/name_table.h"
#include "policy/policy.h"

struct compiled_rule;
struct rule_placer;

/* `table` and `ports` are borrowed until the end, and the table is the placer's alone. NULL when
 * out of memory. */
struct rule_placer *rule_placer_new(struct name_table *table, const struct policy_ports *ports);
/* Adds one rule, and takes a reference to what it demands. False when out of memory: then only the
 * end is left to do. */
bool rule_placer_add(struct rule_placer *placer, const struct compiled_rule *rule);
/* Waits until all rules have their places, and frees the placer; NULL is fine. False when memory
 * ran out: then the table is of no use. */
bool rule_placer_end(struct rule_placer *placer);
