/* tests/unit/policy/lookup_test.c - which names a client may learn, and which exist as parents of
 * such (RFC 8020). */
#include "policies.h"
#include "policy/policy.h"

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

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_looked_up_as_expected);
    tests_add_row(&tests, "expiry is seen at once", NULL, expiry_is_seen_at_once);
    return tests_run(&tests, "lookup");
}
