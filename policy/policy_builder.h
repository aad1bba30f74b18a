/* policy/policy_builder.h - how policies come to be: whole from all rules, or from a policy and a
 * few changes. One thread calls it, and a load of many rules has one more at work (rule_placer.h);
 * what it returns may be read by all. */
#pragma once
#include "policy/policy.h"

struct policy_builder;

/* A builder of a policy with no rule yet. NULL when out of memory. */
struct policy_builder *policy_builder_new(const struct policy_ports *ports);
/* The groups that the policy's clients belong to; a reference is taken. Without it there is only
 * 'any'. */
void policy_builder_set_groups(struct policy_builder *builder, struct client_groups *groups);
/* The catalogue, for what a denial says; a reference is taken. */
void policy_builder_set_providers(struct policy_builder *builder,
                                  struct provider_catalogue *providers);
/* Adds one rule in force, and takes a reference to what it demands; ids must rise. False when out
 * of memory: then only free is left to do. */
bool policy_builder_add(struct policy_builder *builder, const struct compiled_rule *rule);
/* The finished policy, which the caller owns; NULL when out of memory. Takes over (and frees) the
 * builder. */
struct policy *policy_builder_finish(struct policy_builder *builder,
                                     const struct settings *settings, uint64_t version);
/* NULL is fine. */
void policy_builder_free(struct policy_builder *builder);

/* The policy that denies everything. NULL when out of memory. */
struct policy *policy_deny_all(const struct policy_ports *ports);

/* One rule that was added, altered, or (without a rule) taken away. */
struct rule_change {
    int64_t id;                /* not 0 */
    bool is_in_force;          /* false: the rule is gone, or does not compile */
    struct compiled_rule rule; /* where in force; its id is the same. Owns its requirement */
};

/* The ids whose state may have changed though they were not edited: rules that share a name with a
 * change. Owned by the caller; free with free(). */
struct rule_ids {
    int64_t *id;
    size_t count;
};

/* `from` with `changes` applied, sharing its base. The caller owns the result; NULL when out of
 * memory.
 * `*ret_touched` holds the ids of `changes` and of the rules that share their names. Cost: the
 * overlay's size, not the base's. */
struct policy *policy_with_changes(const struct policy *from, const struct rule_change *changes,
                                   size_t count, const struct settings *settings,
                                   struct rule_ids *ret_touched);

/* Gives other groups to a policy that nobody else sees yet; a reference is taken. Rules know groups
 * by their ids, so those of a group that came or went must be among the changes. */
void policy_set_groups(struct policy *policy, struct client_groups *groups);

/* True when the overlay has grown enough that policy_merge() is worth its while. */
bool policy_wants_merge(const struct policy *policy);
/* The same policy with all its rules in the base. Slow: meant for a thread in the background, and
 * safe there because `from` never changes (the caller holds a reference). NULL when out of memory.
 */
struct policy *policy_merge(const struct policy *from);
/* True when one came of the other by changes, or both of a third: they have the same base. */
bool policy_shares_base(const struct policy *left, const struct policy *right);
/* `latest`, which came of `merged`'s source by changes alone, on `merged`'s base, with the groups
 * of `latest`. NULL when out of memory. */
struct policy *policy_rebase(const struct policy *latest, const struct policy *merged);
