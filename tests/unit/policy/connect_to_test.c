/* tests/unit/policy/connect_to_test.c - what a person types into rule.connect_to, and which of it a
 * policy still knows after edits and merges. */
#include "policies.h"
#include "policy/policy_layout.h"

#include <stdio.h>

static const struct row {
    const char *typed, *shown; /* NULL: it is refused */
    enum connect_kind kind;
} rows[] = {
    { "10.0.0.5", "10.0.0.5", CONNECT_TO_ADDRESS },
    { "10.0.0.5:8443", "10.0.0.5:8443", CONNECT_TO_ADDRESS },
    { "fd00::5", "fd00::5", CONNECT_TO_ADDRESS },
    { "FD00:0::5", "fd00::5", CONNECT_TO_ADDRESS },
    { "[fd00::5]", "fd00::5", CONNECT_TO_ADDRESS },
    { "[fd00::5]:8443", "[fd00::5]:8443", CONNECT_TO_ADDRESS },
    { "[::ffff:10.0.0.5]:1", "10.0.0.5:1", CONNECT_TO_ADDRESS },
    { "proxy.internal.example", "proxy.internal.example", CONNECT_TO_HOST },
    { "Proxy.Internal.example.:65535", "proxy.internal.example:65535", CONNECT_TO_HOST },
    { "localhost", "localhost", CONNECT_TO_HOST },
    { "", NULL, CONNECT_TO_NAME },
    { ".", NULL, CONNECT_TO_NAME },
    { ":443", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:0", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:65536", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:443:1", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:+1", NULL, CONNECT_TO_NAME },
    { "10.0.0.5:000443", NULL, CONNECT_TO_NAME },
    { "10.0.0.256", NULL, CONNECT_TO_NAME },
    { "10.0.0.5.", NULL, CONNECT_TO_NAME },
    { "0x7f.1", NULL, CONNECT_TO_NAME },
    { "[10.0.0.5]:443", NULL, CONNECT_TO_NAME },
    { "[proxy.example]:443", NULL, CONNECT_TO_NAME },
    { "[fd00::5", NULL, CONNECT_TO_NAME },
    { "fd00::5]", NULL, CONNECT_TO_NAME },
    { "[fd00::5]443", NULL, CONNECT_TO_NAME },
    { "[fd00::5]:", NULL, CONNECT_TO_NAME },
    { "[]", NULL, CONNECT_TO_NAME },
    { "fe80::1%eth0", NULL, CONNECT_TO_NAME },
    { "*.example", NULL, CONNECT_TO_NAME },
    { "https://proxy.example", NULL, CONNECT_TO_NAME },
    { "proxy.example/a", NULL, CONNECT_TO_NAME },
    { "a..example", NULL, CONNECT_TO_NAME },
    { "-a.example", NULL, CONNECT_TO_NAME },
    { "a b", NULL, CONNECT_TO_NAME },
    { "10.0.0.5\n", NULL, CONNECT_TO_NAME },
};

static void reads(void **state)
{
    const struct row *row = *state;
    char buffer[CONNECT_TO_TEXT_BYTES];
    struct text shown = text_in(buffer, sizeof(buffer));
    const char *problem = NULL;
    struct connect_to read = { .port = 7 };
    assert_int_equal(connect_to_parse(row->typed, &read, &problem), row->shown != NULL);
    if (row->shown == NULL) {
        assert_non_null(problem);
        assert_int_equal(read.kind, CONNECT_TO_NAME);
        assert_int_equal(read.port, 7);
        return;
    }
    assert_int_equal(read.kind, row->kind);
    connect_to_add_to(&read, &shown);
    assert_string_equal(shown.at, row->shown);
}

static struct compiled_rule rule_to(const char *rule, int64_t id, const char *connect_to)
{
    struct compiled_rule compiled = rule_of(rule, id);
    const char *problem;
    assert_true(connect_to_parse(connect_to, &compiled.connect_to, &problem));
    return compiled;
}

/* Where a connection to `name` goes: what its rule says, "-" where that is the name itself. */
static void assert_goes(const struct policy *policy, const char *name, const char *expected)
{
    char buffer[CONNECT_TO_TEXT_BYTES];
    struct text shown = text_in(buffer, sizeof(buffer));
    struct host_name host = name_of(name);
    struct connect_to found;
    struct verdict verdict = decide_on(policy, name, 443, 0);
    if (policy_connect_to(policy, &host, &verdict, &found))
        connect_to_add_to(&found, &shown);
    else
        text_add(&shown, "-");
    assert_string_equal(shown.at, expected);
}

static struct policy *changed(struct policy *from, struct rule_change change)
{
    struct rule_ids touched;
    struct policy *policy = policy_with_changes(from, &change, 1, policy_settings(from), &touched);
    assert_non_null(policy);
    free(touched.id);
    policy_unref(from);
    return policy;
}

static struct policy *with_rule(struct policy *from, struct compiled_rule rule)
{
    return changed(from, (struct rule_change){ rule.id, true, rule });
}

static struct policy *merged(struct policy *from)
{
    struct policy *policy = policy_merge(from);
    assert_non_null(policy);
    assert_int_equal(policy->overlay->entries.count, 0);
    policy_unref(from);
    return policy;
}

/* One rule of each kind, among others. */
static struct policy *some_policy(void)
{
    const struct compiled_rule rules[] = {
        rule_of("allow a.example", 1),
        rule_to("allow b.example", 2, "10.0.0.5:8443"),
        rule_to("allow *.c.example", 3, "proxy.example"),
        rule_of("deny d.c.example", 4),
        rule_to("allow **.example", 5, "fd00::5"),
    };
    return policy_with(rules, COUNT(rules));
}

static void deciding_rule_says_it(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    assert_goes(policy, "a.example", "-");
    assert_goes(policy, "b.example", "10.0.0.5:8443");
    assert_goes(policy, "x.c.example", "proxy.example");
    assert_goes(policy, "d.c.example", "-"); /* denied */
    assert_goes(policy, "x.y.example", "fd00::5");
    assert_goes(policy, "elsewhere.test", "-");
    policy_unref(policy);
}

/* What would be denied and passes goes where the name leads. */
static void observed_name_goes_to_itself(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    struct host_name host = name_of("b.example");
    struct verdict verdict = decide_on(policy, "b.example", 443, 0);
    struct connect_to found;
    assert_true(policy_connect_to(policy, &host, &verdict, &found));
    verdict.reason = REASON_OBSERVED;
    assert_false(policy_connect_to(policy, &host, &verdict, &found));
    policy_unref(policy);
}

/* An overlay's rule hides what the base says of the same id. */
static void edit_is_followed(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    policy = with_rule(policy, rule_to("allow b.example", 2, "10.0.0.6"));
    assert_goes(policy, "b.example", "10.0.0.6");
    policy = with_rule(policy, rule_of("allow b.example", 2));
    assert_goes(policy, "b.example", "-");
    policy = with_rule(policy, rule_to("allow a.example", 1, "proxy.example:1"));
    assert_goes(policy, "a.example", "proxy.example:1");
    policy = with_rule(policy, rule_to("allow e.example", 2, "10.0.0.7"));
    assert_goes(policy, "e.example", "10.0.0.7");
    assert_goes(policy, "b.example", "fd00::5"); /* by rule 5 now */
    policy = changed(policy, (struct rule_change){ .id = 5 });
    assert_goes(policy, "x.y.example", "-");
    policy = merged(policy);
    assert_goes(policy, "a.example", "proxy.example:1");
    assert_goes(policy, "e.example", "10.0.0.7");
    assert_goes(policy, "x.c.example", "proxy.example");
    assert_goes(policy, "x.y.example", "-");
    assert_int_equal(policy->base->connect_count, 3);
    policy_unref(policy);
}

/* The neighbours of an edited rule come along into the overlay, and so do those above it. */
static void neighbour_keeps_its_own(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    policy = with_rule(policy, rule_of("allow b.example:8443", 9));
    assert_goes(policy, "b.example", "10.0.0.5:8443");
    assert_int_equal(policy->overlay->connect_count, 2);
    policy_unref(policy);
}

static void edit_during_a_merge_is_kept(void **state)
{
    (void)state;
    struct policy *policy = some_policy();
    policy = with_rule(policy, rule_to("allow f.example", 6, "10.0.0.8"));
    struct policy *base = policy_merge(policy);
    assert_non_null(base);
    policy = with_rule(policy, rule_to("allow a.example", 1, "other.example"));
    policy = with_rule(policy, rule_of("allow b.example", 2));
    struct policy *rebased = policy_rebase(policy, base);
    assert_non_null(rebased);
    policy_unref(base);
    policy_unref(policy);
    assert_goes(rebased, "a.example", "other.example");
    assert_goes(rebased, "b.example", "-");
    assert_goes(rebased, "f.example", "10.0.0.8");
    assert_goes(rebased, "x.c.example", "proxy.example");
    policy_unref(rebased);
}

/* Edits in any order leave a table that finds each. */
static void many_in_any_order(void **state)
{
    enum { RULES = 200, STEP = 77 }; /* no common divisor */
    (void)state;
    char line[32], address[32], name[32];
    struct policy *policy = policy_of("allow a.example");
    for (int i = 0; i < RULES; i++) {
        int at = i * STEP % RULES;
        (void)snprintf(line, sizeof(line), "allow n%d.example", at);
        (void)snprintf(address, sizeof(address), "10.0.0.%d", at);
        policy = with_rule(policy, rule_to(line, at + 2, address));
    }
    for (int turn = 0; turn < 2; turn++, policy = merged(policy))
        for (int i = 0; i < RULES; i++) {
            (void)snprintf(name, sizeof(name), "n%d.example", i);
            (void)snprintf(address, sizeof(address), "10.0.0.%d", i);
            assert_goes(policy, name, address);
        }
    policy_unref(policy);
}

static void costs_other_rules_nothing(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct table_rule), 32);
    assert_int_equal(sizeof(struct table_connect), 32);
    struct policy *policy = policy_of("allow a.example; allow b.example");
    assert_null(policy->base->connects);
    policy_unref(policy);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    for (size_t i = 0; i < COUNT(rows); i++)
        tests_add_row(&tests, rows[i].typed[0] != '\0' ? rows[i].typed : "nothing", &rows[i],
                      reads);
    tests_add_row(&tests, "the deciding rule says it", NULL, deciding_rule_says_it);
    tests_add_row(&tests, "an observed name", NULL, observed_name_goes_to_itself);
    tests_add_row(&tests, "an edit is followed", NULL, edit_is_followed);
    tests_add_row(&tests, "a neighbour keeps its own", NULL, neighbour_keeps_its_own);
    tests_add_row(&tests, "an edit during a merge", NULL, edit_during_a_merge_is_kept);
    tests_add_row(&tests, "many in any order", NULL, many_in_any_order);
    tests_add_row(&tests, "costs other rules nothing", NULL, costs_other_rules_nothing);
    return tests_run(&tests, "connect_to");
}
