/* tests/unit/policy/policy_test.c - which rule decides on a name and a port. */
#include "policies.h"
#include "policy/policy.h"

#define DEEP "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."

static const struct row {
    const char *name;
    const char *rules;
    const char *host;
    uint16_t port;
    int64_t now_s;
    const char *expected; /* decision and rule */
} rows[] = {
    { "no rules", "", "a.example", 443, 0, "no_rule 0" },
    { "exact", "allow a.example", "a.example", 443, 0, "allow 1" },
    { "exact, another name", "allow a.example", "b.example", 443, 0, "no_rule 0" },
    { "exact covers nothing below", "allow a.example", "x.a.example", 443, 0, "no_rule 0" },
    { "exact covers nothing above", "allow a.example", "example", 443, 0, "parent 0" },
    { "capitals in rule and question", "allow A.Example", "a.EXAMPLE", 443, 0, "allow 1" },
    { "a name that only ends alike", "allow a.example", "ba.example", 443, 0, "no_rule 0" },
    { "a dot inside a label is no dot", "allow a.example", "a\\.example", 443, 0, "no_rule 0" },

    { "one label", "allow *.example", "a.example", 443, 0, "allow 1" },
    { "one label: not two", "allow *.example", "b.a.example", 443, 0, "no_rule 0" },
    { "one label: not the apex", "allow *.example", "example", 443, 0, "parent 0" },
    { "any depth: one", "allow **.example", "a.example", 443, 0, "allow 1" },
    { "any depth: two", "allow **.example", "b.a.example", 443, 0, "allow 1" },
    { "any depth: thirty", "allow **.example", DEEP "example", 443, 0, "allow 1" },
    { "any depth: not the apex", "allow **.example", "example", 443, 0, "parent 0" },

    { "exact before one label", "deny *.example; allow a.example", "a.example", 443, 0, "allow 2" },
    { "exact deny before one label", "allow *.example; deny a.example", "a.example", 443, 0,
      "deny_rule 2" },
    { "one label before any depth", "deny **.example; allow *.example", "a.example", 443, 0,
      "allow 2" },
    { "one label's denial before any depth", "allow **.example; deny *.example", "a.example", 443,
      0, "deny_rule 2" },
    { "past one label any depth decides", "allow **.example; deny *.example", "b.a.example", 443, 0,
      "allow 1" },
    { "longer before shorter", "deny **.example; allow **.a.example", "b.a.example", 443, 0,
      "allow 2" },
    { "longer denial before shorter", "allow **.example; deny **.a.example", "b.a.example", 443, 0,
      "deny_rule 2" },
    { "longer any depth before shorter one label", "deny *.a.example; allow **.b.a.example",
      "c.b.a.example", 443, 0, "allow 2" },
    { "one label of the longer name", "allow **.example; deny *.a.example", "b.a.example", 443, 0,
      "deny_rule 2" },
    { "beside the longer name", "allow **.example; deny **.a.example", "b.c.example", 443, 0,
      "allow 1" },

    { "deny among equals", "allow a.example; deny a.example", "a.example", 443, 0, "deny_rule 2" },
    { "deny among equals, first", "deny a.example; allow a.example", "a.example", 443, 0,
      "deny_rule 1" },
    { "deny among equal wildcards", "allow *.example; deny *.example", "a.example", 443, 0,
      "deny_rule 2" },
    { "lowest id of two", "allow a.example; allow a.example", "a.example", 443, 0, "allow 1" },
    { "lowest id of three denials", "allow a.example; deny a.example; deny a.example", "a.example",
      443, 0, "deny_rule 2" },

    { "another port", "allow a.example", "a.example", 8443, 0, "other_port 0" },
    { "its port", "allow a.example:8443", "a.example", 8443, 0, "allow 1" },
    { "a port without a listener", "allow a.example:22", "a.example", 22, 0, "allow 1" },
    { "port 0", "allow a.example", "a.example", 0, 0, "other_port 0" },
    { "a denial on another port", "allow a.example; deny a.example:8443", "a.example", 443, 0,
      "allow 1" },
    { "the less specific name has the port", "deny a.example; allow *.example:8443", "a.example",
      8443, 0, "allow 2" },

    { "before it expires", "allow a.example @2000", "a.example", 443, 1999, "allow 1" },
    { "when it expires", "allow a.example @2000", "a.example", 443, 2000, "no_rule 0" },
    { "a denial expires", "deny a.example @2000; allow a.example", "a.example", 443, 2000,
      "allow 2" },
    { "a denial has not expired", "deny a.example @2000; allow a.example", "a.example", 443, 1999,
      "deny_rule 1" },
    { "expired, the wildcard decides", "allow a.example @2000; deny *.example", "a.example", 443,
      2000, "deny_rule 2" },
    { "expired, the next id decides", "allow a.example @2000; allow a.example", "a.example", 443,
      2000, "allow 2" },
    { "never expires", "allow a.example", "a.example", 443, INT64_MAX - 1, "allow 1" },

    { "an underscore that a rule names", "allow _a.example", "_a.example", 443, 0, "allow 1" },
    { "no wildcard for an underscore", "allow *.example; allow **.example", "_a.example", 443, 0,
      "no_rule 0" },
    { "no wildcard for an inner underscore", "allow **.example", "b.a_a.example", 443, 0,
      "no_rule 0" },
    { "a wildcard in front of an underscore", "allow *._tcp.example", "a._tcp.example", 443, 0,
      "allow 1" },
    { "the wildcard's own labels are plain", "allow **.example; allow **.a_a.example",
      "b.a_a.example", 443, 0, "allow 2" },
    { "no wildcard for a space", "allow **.example", "a b.example", 443, 0, "no_rule 0" },
    { "no wildcard for a star", "allow **.example", "*.example", 443, 0, "no_rule 0" },
    { "no wildcard for a high byte", "allow **.example", "\xc3\xbc.example", 443, 0, "no_rule 0" },
    { "no wildcard for an escape", "allow **.example", "a.\x1b[2J.example", 443, 0, "no_rule 0" },
    { "no wildcard for a leading hyphen", "allow **.example", "-a.example", 443, 0, "no_rule 0" },
    { "no wildcard for a trailing hyphen", "allow **.example", "a-.example", 443, 0, "no_rule 0" },
    { "an inner hyphen is fine", "allow **.example", "a-a.example", 443, 0, "allow 1" },
    { "digits are fine", "allow *.example", "0.example", 443, 0, "allow 1" },
    { "an odd label is denied, but not by a rule", "allow a.example; deny **.example", "_a.example",
      443, 0, "no_rule 0" },
    { "the root", "allow **.example; allow *.com", "", 443, 0, "no_rule 0" },
};

static void decides_as_expected(void **state)
{
    const struct row *row = *state;
    struct policy *policy = policy_of(row->rules);
    struct verdict verdict = decide_on(policy, row->host, row->port, row->now_s);
    char buffer[64];
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), row->expected);
    policy_unref(policy);
}

/* A client may ask for a name of 127 labels. */
static void the_deepest_name(void **state)
{
    (void)state;
    char name[HOST_NAME_TEXT_MAX + 1];
    for (size_t i = 0; i < HOST_NAME_TEXT_MAX; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    name[HOST_NAME_TEXT_MAX] = '\0';
    struct policy *policy = policy_of("allow **.a");
    struct verdict verdict = decide_on(policy, name, 443, 0);
    assert_int_equal(verdict.rule_id, 1);
    assert_int_equal(verdict.pattern_skips, 126);
    policy_unref(policy);
}

static const struct pattern_row {
    const char *name, *rules, *host, *expected;
} pattern_rows[] = {
    { "pattern: exact", "allow a.example", "a.example", "a.example" },
    { "pattern: one label", "allow *.example", "a.example", "*.example" },
    { "pattern: any depth", "allow **.example", "c.b.a.example", "**.example" },
    { "pattern: of the deny rule", "allow **.example; deny *.a.example", "b.a.example",
      "*.a.example" },
    { "pattern: no rule", "", "a.example", "" },
};

static void names_its_pattern(void **state)
{
    const struct pattern_row *row = *state;
    struct policy *policy = policy_of(row->rules);
    struct host_name host = name_of(row->host);
    struct verdict verdict = decide_on(policy, row->host, 443, 0);
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    verdict_add_pattern(&verdict, &host, &text);
    assert_string_equal(buffer, row->expected);
    policy_unref(policy);
}

static void the_first_policy_denies_all(void **state)
{
    (void)state;
    struct policy *policy = policy_deny_all(&test_ports);
    assert_non_null(policy);
    assert_int_equal(policy_version(policy), 0);
    assert_int_equal(policy_rule_count(policy), 0);
    assert_int_equal(policy_settings(policy)->answer_ttl_s, settings_default().answer_ttl_s);
    assert_int_equal(decide_on(policy, "a.example", 443, 0).decision, DECISION_DENY);
    assert_int_equal(look_up(policy, "a.example", 0).reason, REASON_NO_RULE);
    assert_ptr_equal(policy_ref(policy), policy);
    assert_null(policy_unref(policy));
    assert_int_equal(policy_version(policy), 0); /* still there: one reference is left */
    assert_null(policy_unref(policy));
    assert_null(policy_unref(NULL));
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, decides_as_expected);
    TESTS_ADD_TABLE(&tests, pattern_rows, names_its_pattern);
    tests_add_row(&tests, "the deepest name", NULL, the_deepest_name);
    tests_add_row(&tests, "the first policy denies all", NULL, the_first_policy_denies_all);
    return tests_run(&tests, "policy");
}
