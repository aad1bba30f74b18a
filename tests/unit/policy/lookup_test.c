/* tests/unit/policy/lookup_test.c - which names a client may learn, and which exist as parents of
 * such (RFC 8020). */
#include "policies.h"
#include "policy/name_hash.h"
#include "policy/policy.h"
#include "policy/policy_builder.h"

/* The ports with a listener are 443 and 8443. */
static const struct row {
    const char *name;
    const char *rules;
    const char *host;
    const char *expected;
} rows[] = {
    { "allowed", "allow a.example", "a.example", "allow 1" },
    { "allowed on another listener's port", "allow a.example:8443", "a.example", "allow 1" },
    { "allowed where no listener is", "allow a.example:22", "a.example", "other_port 0" },
    { "denied on one port, allowed on another", "deny a.example; allow a.example:8443", "a.example",
      "allow 2" },
    { "denied by a rule", "deny a.example", "a.example", "deny_rule 1" },
    { "denied by a rule on the second port", "deny a.example:8443", "a.example", "deny_rule 1" },
    { "denied where no listener is", "deny a.example:22", "a.example", "no_rule 0" },
    { "no rule", "allow a.example", "b.example", "no_rule 0" },

    { "the root of nothing", "", "", "parent 0" },
    { "the root", "allow a.example", "", "parent 0" },
    { "a parent", "allow b.a.example", "a.example", "parent 0" },
    { "a parent's parent", "allow b.a.example", "example", "parent 0" },
    { "a parent with an underscore", "allow b._a.example", "_a.example", "parent 0" },
    { "a child is none", "allow b.a.example", "c.b.a.example", "no_rule 0" },
    { "a sibling is none", "allow b.a.example", "c.a.example", "no_rule 0" },
    { "a name that ends alike is none", "allow b.a.example", "ba.example", "no_rule 0" },
    { "the apex of one label", "allow *.a.example", "a.example", "parent 0" },
    { "above the apex of one label", "allow *.a.example", "example", "parent 0" },
    { "the apex of any depth", "allow **.a.example", "a.example", "parent 0" },
    { "above the apex of any depth", "allow **.a.example", "example", "parent 0" },
    { "below one label", "allow *.a.example", "c.b.a.example", "no_rule 0" },
    { "a parent that is allowed itself", "allow a.example; allow b.a.example", "a.example",
      "allow 1" },
    { "a parent that a rule denies", "deny a.example; allow b.a.example", "a.example", "parent 1" },
    { "a parent that a wildcard denies", "deny **.example; allow c.b.a.example", "b.a.example",
      "parent 1" },

    { "only denied names below", "deny b.a.example", "a.example", "no_rule 0" },
    { "a denial of an equal name cancels", "allow b.a.example; deny b.a.example", "a.example",
      "no_rule 0" },
    { "a denial of an equal wildcard cancels", "allow *.a.example; deny *.a.example", "a.example",
      "no_rule 0" },
    { "a denial on another port does not", "allow b.a.example; deny b.a.example:8443", "a.example",
      "parent 0" },
    { "denied on one port, a parent on another",
      "allow b.a.example; deny b.a.example; allow b.a.example:8443", "a.example", "parent 0" },
    { "below, only a port without a listener", "allow b.a.example:22", "a.example", "no_rule 0" },
    { "a wildcard, only without a listener", "allow **.a.example:22", "a.example", "no_rule 0" },
    { "one of two below is denied", "allow b.a.example; deny b.a.example; allow c.a.example",
      "a.example", "parent 0" },
    { "one label denied, any depth allowed", "allow **.a.example; deny *.a.example", "a.example",
      "parent 0" },
    { "any depth denied, one label allowed", "deny **.a.example; allow *.a.example", "a.example",
      "parent 0" },

    { "denied itself, any depth allows below it", "allow **.example; deny a.example", "a.example",
      "parent 2" },
    { "denied as one label, any depth allows below it", "allow **.example; deny *.example",
      "a.example", "parent 2" },
    { "denied with all below it", "allow **.example; deny a.example; deny **.a.example",
      "a.example", "deny_rule 2" },
    { "denied on the way down", "allow **.example; deny **.a.example", "b.a.example",
      "deny_rule 2" },
    { "one label below is denied, two are not",
      "allow **.example; deny a.example; deny *.a.example", "a.example", "parent 2" },
    { "any depth stands for no underscore on the way", "allow **.example", "_a.example",
      "no_rule 0" },
    { "any depth, only without a listener", "allow **.example:22; deny a.example", "a.example",
      "deny_rule 2" },
};

static void is_looked_up_as_expected(void **state)
{
    const struct row *row = *state;
    struct policy *policy = policy_of(row->rules);
    struct verdict verdict = look_up(policy, row->host, 0);
    char buffer[64];
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), row->expected);
    policy_unref(policy);
}

static void expiry_is_seen_at_once(void **state)
{
    (void)state;
    struct policy *policy = policy_of("allow a.example @2000");
    assert_int_equal(look_up(policy, "a.example", 1999).decision, DECISION_ALLOW);
    assert_int_equal(look_up(policy, "a.example", 2000).decision, DECISION_DENY);
    policy_unref(policy);
}

/* Hashes that were made ahead are only a shortcut: with those of another policy, whose names may
 * have other hashes, the answer is the same. */
static void what_was_looked_ahead_changes_nothing(void **state)
{
    (void)state;
    struct policy *other = policy_of("deny a.example; allow b.example");
    struct policy *policy = policy_of("allow a.example; allow *.a.example; deny b.example");
    const struct policy *const looked_at[] = { policy, other };
    const char *const hosts[] = { "a.example", "x.a.example", "b.example", "example", "c.example" };
    const char *const expected[] = { "allow 1", "allow 2", "deny_rule 3", "parent 0", "no_rule 0" };
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        for (size_t j = 0; j < sizeof(looked_at) / sizeof(looked_at[0]); j++) {
            char buffer[64];
            struct name_hashes hashes;
            struct host_name name = name_of(hosts[i]);
            struct policy_question question = { .name = &name, .hashes = &hashes };
            policy_look_ahead(looked_at[j], &name, &hashes);
            policy_look_closer(policy, &name, &hashes);
            struct verdict verdict = policy_decide_lookup(policy, &question, 0);
            assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), expected[i]);
        }
    policy_unref(policy);
    policy_unref(other);
}

/* The same, with policies that came of it: one has its base, the other a base of its own. */
static void what_was_looked_ahead_serves_what_came_of_it(void **state)
{
    (void)state;
    const struct rule_change gone = { .id = 1 };
    struct rule_ids touched;
    struct policy *policy = policy_of("allow a.example; allow b.example");
    struct policy *edited =
        policy_with_changes(policy, &gone, 1, policy_settings(policy), &touched);
    assert_non_null(edited);
    free(touched.id);
    struct policy *merged = policy_merge(edited);
    assert_non_null(merged);
    struct policy *const policies[] = { policy, edited, merged };
    const char *const expected[] = { "allow 1", "no_rule 0", "no_rule 0" };
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        char buffer[64];
        struct name_hashes hashes;
        struct host_name name = name_of("a.example");
        struct policy_question question = { .name = &name, .hashes = &hashes };
        policy_look_ahead(policy, &name, &hashes);
        policy_look_closer(policies[i], &name, &hashes);
        struct verdict verdict = policy_decide_lookup(policies[i], &question, 0);
        assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), expected[i]);
        name = name_of("b.example");
        policy_look_ahead(policy, &name, &hashes);
        assert_int_equal(policy_decide_lookup(policies[i], &question, 0).rule_id, 2);
    }
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
        policy_unref(policies[i]);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_looked_up_as_expected);
    tests_add_row(&tests, "expiry is seen at once", NULL, expiry_is_seen_at_once);
    tests_add_row(&tests, "what was looked ahead changes nothing", NULL,
                  what_was_looked_ahead_changes_nothing);
    tests_add_row(&tests, "what was looked ahead serves what came of it", NULL,
                  what_was_looked_ahead_serves_what_came_of_it);
    return tests_run(&tests, "lookup");
}
