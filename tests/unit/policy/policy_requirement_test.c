/* tests/unit/policy/policy_requirement_test.c - what the rule that decides demands, in policies
 * built whole, changed, and merged. */
#include "policies.h"
#include "policy/policy_layout.h"

static struct compiled_rule rule_that_demands(const char *rule, int64_t id, uint8_t pin)
{
    struct compiled_rule compiled = rule_of(rule, id);
    const struct required_pin required = { { { pin } }, true, PIN_NEVER_EXPIRES };
    compiled.requirement = pin > 0 ? requirement_new(VERIFY_CHAIN, &required, 1)
                                   : requirement_new(VERIFY_NONE, NULL, 0);
    return compiled;
}

/* The first byte of the pin; 0: 'none'; -1: what most demand. */
static int demand_of(const struct policy *policy, const char *name)
{
    struct host_name host = name_of(name);
    struct verdict verdict = decide_on(policy, name, 443, 0);
    struct requirement *requirement = policy_requirement(policy, &host, &verdict);
    uint32_t count;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    if (requirement == NULL)
        return -1;
    return count > 0 ? pins[0].spki.sha256[0] : 0;
}

static struct policy *some_policy(void)
{
    struct compiled_rule rules[] = {
        rule_of("allow a.example", 1),
        rule_that_demands("allow b.example", 2, 7),
        rule_that_demands("allow *.c.example", 3, 0),
        rule_of("deny d.c.example", 4),
        rule_that_demands("allow **.example", 5, 9),
    };
    struct policy *policy = policy_with(rules, COUNT(rules));
    for (size_t i = 0; i < COUNT(rules); i++)
        compiled_rule_release(&rules[i]);
    return policy;
}

static struct policy *changed(struct policy *from, struct rule_change change)
{
    struct rule_ids touched;
    struct policy *policy = policy_with_changes(from, &change, 1, policy_settings(from), &touched);
    assert_non_null(policy);
    free(touched.id);
    compiled_rule_release(&change.rule);
    policy_unref(from);
    return policy;
}

static struct policy *merged(struct policy *from)
{
    struct policy *policy = policy_merge(from);
    assert_non_null(policy);
    policy_unref(from);
    return policy;
}

static void deciding_rule_says_it(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    assert_int_equal(demand_of(policy, "a.example"), -1);
    assert_int_equal(demand_of(policy, "b.example"), 7);
    assert_int_equal(demand_of(policy, "x.c.example"), 0);
    assert_int_equal(demand_of(policy, "d.c.example"), -1); /* denied */
    assert_int_equal(demand_of(policy, "x.y.example"), 9);
    assert_int_equal(demand_of(policy, "elsewhere.test"), -1);
    policy_unref(policy);
}

static void changes_are_seen_and_merged(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    policy = changed(policy,
                     (struct rule_change){ 1, true, rule_that_demands("allow a.example", 1, 3) });
    policy = changed(policy, (struct rule_change){ 2, true, rule_of("allow b.example", 2) });
    for (int round = 0; round < 2; round++) {
        assert_int_equal(demand_of(policy, "a.example"), 3);
        assert_int_equal(demand_of(policy, "b.example"), -1); /* though the base has another */
        assert_int_equal(demand_of(policy, "x.c.example"), 0);
        policy = merged(policy);
    }
    policy = changed(policy, (struct rule_change){ .id = 1 });
    assert_int_equal(demand_of(policy, "a.example"), 9);
    policy_unref(policy);
}

static void rebased_policy_keeps_them(void **state)
{
    (void)state;
    struct policy *policy = some_policy(), *base = policy_merge(policy);
    policy = changed(policy,
                     (struct rule_change){ 1, true, rule_that_demands("allow a.example", 1, 3) });
    struct policy *rebased = policy_rebase(policy, base);
    assert_int_equal(demand_of(rebased, "a.example"), 3);
    assert_int_equal(demand_of(rebased, "b.example"), 7);
    policy_unref(rebased);
    policy_unref(base);
    policy_unref(policy);
}

static void observed_name_is_not_checked(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    struct host_name host = name_of("elsewhere.test");
    struct verdict verdict = { .decision = DECISION_ALLOW, .reason = REASON_OBSERVED };
    assert_int_equal(requirement_mode(policy_requirement(policy, &host, &verdict)), VERIFY_NONE);
    policy_unref(policy);
}

static void the_stricter_shadows(void **state)
{
    (void)state;
    struct compiled_rule rules[] = {
        rule_of("allow a.example", 1),
        rule_that_demands("allow a.example", 2, 7),
        rule_that_demands("allow a.example", 3, 0),
        rule_that_demands("allow a.example", 4, 8),
    };
    const int64_t expected[] = { 2, 0, 2, 2 };
    struct policy *policy = policy_with(rules, COUNT(rules));
    assert_int_equal(decide_on(policy, "a.example", 443, 0).rule_id, 2);
    assert_int_equal(demand_of(policy, "a.example"), 7);
    for (size_t i = 0; i < COUNT(rules); i++) {
        int64_t by_id = 0;
        assert_int_equal(policy_is_shadowed(policy, &rules[i], &by_id), expected[i] != 0);
        assert_int_equal(by_id, expected[i]);
        compiled_rule_release(&rules[i]);
    }
    policy_unref(policy);
}

static void a_rule_stays_small(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct table_rule), 32);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    tests_add_row(&tests, "the deciding rule says it", NULL, deciding_rule_says_it);
    tests_add_row(&tests, "changes, merged", NULL, changes_are_seen_and_merged);
    tests_add_row(&tests, "rebased", NULL, rebased_policy_keeps_them);
    tests_add_row(&tests, "an observed name", NULL, observed_name_is_not_checked);
    tests_add_row(&tests, "the stricter shadows", NULL, the_stricter_shadows);
    tests_add_row(&tests, "a rule stays small", NULL, a_rule_stays_small);
    return tests_run(&tests, "policy_requirement");
}
