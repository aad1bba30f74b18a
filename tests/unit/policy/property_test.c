/* tests/unit/policy/property_test.c - random policies decide as the reference does, be they built
 * whole, edited, merged or moved to a merged base. */
#include "random_policies.h"

/* A policy that is edited, and what it should be. */
struct edited {
    struct dice dice;
    struct reference reference; /* in the order of the ids; one place for each */
    struct policy *policy;      /* owns a reference, as of the next one */
    struct policy *merged;      /* of an earlier state of `policy`, while it is merged; else NULL */
};

static void build_whole(const uint64_t *seed, bool has_groups)
{
    struct dice dice = { *seed };
    for (int round = 0; round < 10; round++) {
        struct reference reference = { .count = 1 + dice_below(&dice, REFERENCE_RULES_MAX) };
        if (has_groups)
            random_networks(&dice, &reference);
        for (size_t i = 0; i < reference.count; i++)
            reference.rules[i] =
                random_rule(&dice, &reference, (int64_t)i - 20 + (i >= 20)); /* not 0 */
        struct policy *policy = reference_build(&reference);
        check_policy(policy, &reference, &dice, 200);
        policy_unref(policy);
    }
}

static void built_whole(void **state)
{
    build_whole(*state, false);
}

static void built_whole_for_groups(void **state)
{
    build_whole(*state, true);
}

static bool contains(const struct rule_ids *ids, int64_t id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->id[i] == id)
            return true;
    return false;
}

/* Whoever shares the name that `rule` has or had is among the touched. */
static void check_touched(const struct edited *edited, const struct reference_rule *rule,
                          const struct rule_ids *touched)
{
    assert_true(contains(touched, rule->id));
    for (size_t i = 0; i < edited->reference.count && rule->is_in_force; i++) {
        const struct reference_rule *other = &edited->reference.rules[i];
        if (other->is_in_force && strcmp(other->name, rule->name) == 0)
            assert_true(contains(touched, other->id));
    }
}

enum { BATCH_MAX = 12 };

static void edit(struct edited *edited)
{
    struct rule_change changes[BATCH_MAX];
    struct reference_rule seen[2 * BATCH_MAX]; /* before and after each change */
    size_t count = dice_below(&edited->dice, BATCH_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        struct reference_rule *rule =
            &edited->reference.rules[dice_below(&edited->dice, (uint32_t)edited->reference.count)];
        seen[2 * i] = *rule;
        if (dice_below(&edited->dice, 5) < 3)
            *rule = random_rule(&edited->dice, &edited->reference, rule->id);
        else
            rule->is_in_force = false;
        seen[2 * i + 1] = *rule;
        changes[i] = (struct rule_change){ .id = rule->id, .is_in_force = rule->is_in_force };
        if (rule->is_in_force)
            changes[i].rule = reference_compile(rule);
    }
    struct rule_ids touched;
    uint64_t version = policy_version(edited->policy);
    struct policy *next = policy_with_changes(edited->policy, changes, count,
                                              policy_settings(edited->policy), &touched);
    assert_non_null(next);
    for (size_t i = 0; i < count; i++)
        if (changes[i].is_in_force)
            compiled_rule_release(&changes[i].rule);
    assert_true(policy_version(next) > version);
    for (size_t i = 0; i < 2 * count; i++)
        check_touched(edited, &seen[i], &touched);
    for (size_t i = 1; i < touched.count; i++)
        assert_true(touched.id[i - 1] < touched.id[i]);
    free(touched.id);
    policy_unref(edited->policy);
    edited->policy = next;
}

/* The edit that comes with the last one: other networks for the same groups. */
static void edit_networks(struct edited *edited)
{
    random_networks(&edited->dice, &edited->reference);
    struct client_groups *groups = reference_groups(&edited->reference);
    policy_set_groups(edited->policy, groups);
    client_groups_unref(groups);
}

/* Begins a merge, or ends the one that was begun some edits ago. */
static void merge_or_rebase(struct edited *edited)
{
    if (edited->merged == NULL) {
        edited->merged = policy_merge(edited->policy);
        assert_non_null(edited->merged);
        check_policy(edited->merged, &edited->reference, &edited->dice, 20);
        return;
    }
    struct policy *rebased = policy_rebase(edited->policy, edited->merged);
    assert_non_null(rebased);
    assert_true(policy_version(rebased) >= policy_version(edited->policy));
    policy_unref(edited->policy);
    edited->merged = policy_unref(edited->merged);
    edited->policy = rebased;
}

static void check_shadowed_as(const struct policy *policy, const struct policy *whole,
                              const struct reference *reference)
{
    for (size_t i = 0; i < reference->count; i++) {
        if (!reference->rules[i].is_in_force)
            continue;
        struct compiled_rule rule = reference_compile(&reference->rules[i]);
        int64_t by_id = 0, expected_id = 0;
        assert_int_equal(policy_is_shadowed(policy, &rule, &by_id),
                         policy_is_shadowed(whole, &rule, &expected_id));
        assert_int_equal(by_id, expected_id);
        compiled_rule_release(&rule);
    }
}

static void edit_merge_and_rebase(const uint64_t *seed, bool has_groups)
{
    struct edited edited = { .dice = { *seed }, .reference.count = 60 };
    if (has_groups)
        random_networks(&edited.dice, &edited.reference);
    for (size_t i = 0; i < edited.reference.count; i++) {
        edited.reference.rules[i] =
            random_rule(&edited.dice, &edited.reference, (int64_t)i - 20 + (i >= 20));
        edited.reference.rules[i].is_in_force = dice_below(&edited.dice, 3) > 0;
    }
    edited.policy = reference_build(&edited.reference);
    for (int step = 0; step < 120; step++) {
        edit(&edited);
        if (has_groups && dice_below(&edited.dice, 4) == 0)
            edit_networks(&edited);
        check_policy(edited.policy, &edited.reference, &edited.dice, 12);
        if (dice_below(&edited.dice, 4) == 0) {
            merge_or_rebase(&edited);
            check_policy(edited.policy, &edited.reference, &edited.dice, 12);
        }
    }
    struct policy *whole = reference_build(&edited.reference);
    check_shadowed_as(edited.policy, whole, &edited.reference);
    policy_unref(whole);
    policy_unref(edited.policy);
    policy_unref(edited.merged);
}

static void edited_merged_and_rebased(void **state)
{
    edit_merge_and_rebase(*state, false);
}

static void edited_merged_and_rebased_for_groups(void **state)
{
    edit_merge_and_rebase(*state, true);
}

int main(void)
{
    static const uint64_t seeds[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    static const struct {
        const char *name;
        void (*test)(void **state);
    } kinds[] = {
        { "built whole", built_whole },
        { "built whole for groups", built_whole_for_groups },
        { "edited and merged", edited_merged_and_rebased },
        { "edited and merged for groups", edited_merged_and_rebased_for_groups },
    };
    char names[COUNT(kinds) * COUNT(seeds)][48];
    struct tests tests = { .count = 0 };
    for (size_t kind = 0; kind < COUNT(kinds); kind++)
        for (size_t i = 0; i < COUNT(seeds); i++) {
            char *name = names[kind * COUNT(seeds) + i];
            (void)snprintf(name, sizeof(names[0]), "%s, seed %u", kinds[kind].name,
                           (unsigned)seeds[i]);
            tests_add_row(&tests, name, &seeds[i], kinds[kind].test);
        }
    return tests_run(&tests, "policy_property");
}
