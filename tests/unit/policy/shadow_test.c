/* tests/unit/policy/shadow_test.c - rules that another rule makes useless. */
#include "policies.h"
#include "policy/policy.h"

static const struct row {
    const char *name;
    const char *rules;
    int64_t expected[4]; /* which rule shadows rule 1, 2, ...; 0: none */
} rows[] = {
    { "one rule", "allow a.example", { 0 } },
    { "the same twice", "allow a.example; allow a.example", { 0, 1 } },
    { "deny shadows allow", "allow a.example; deny a.example", { 2, 0 } },
    { "the first deny shadows", "allow a.example; deny a.example; deny a.example", { 2, 0, 2 } },
    { "capitals and a final dot are the same", "deny a.example; allow A.EXAMPLE.", { 0, 1 } },
    { "another port is another rule", "allow a.example; deny a.example:8443", { 0, 0 } },
    { "a wildcard does not shadow a name", "deny *.example; allow a.example", { 0, 0 } },
    { "wildcards of two kinds", "deny **.example; allow *.example; allow example", { 0, 0, 0 } },
    { "equal wildcards", "allow **.example:8443; deny **.example:8443", { 2, 0 } },
};

static void is_shadowed_as_expected(void **state)
{
    const struct row *row = *state;
    struct policy *policy = policy_of(row->rules);
    const char *at = row->rules;
    for (size_t i = 0; *at != '\0'; i++) {
        struct compiled_rule rule = rule_take(&at, (int64_t)i + 1);
        int64_t by_id = 0;
        assert_int_equal(policy_is_shadowed(policy, &rule, &by_id), row->expected[i] != 0);
        assert_int_equal(by_id, row->expected[i]);
    }
    policy_unref(policy);
}

static void a_rule_of_no_policy(void **state)
{
    (void)state;
    struct policy *policy = policy_of("allow b.a.example");
    struct compiled_rule elsewhere = rule_of("allow c.example", 9),
                         parent = rule_of("deny a.example", 9);
    int64_t by_id = 7;
    assert_false(policy_is_shadowed(policy, &elsewhere, &by_id));
    assert_false(policy_is_shadowed(policy, &parent, &by_id));
    assert_int_equal(by_id, 7); /* untouched */
    policy_unref(policy);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_shadowed_as_expected);
    tests_add_row(&tests, "a rule of no policy", NULL, a_rule_of_no_policy);
    return tests_run(&tests, "shadow");
}
