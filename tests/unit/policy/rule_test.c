/* tests/unit/policy/rule_test.c - what becomes of a row of the `rule` table. */
#include "policy/rule.h"
#include "unit.h"

enum { NOW_S = 1000000 };

#define DISABLED "The rule is disabled; set enabled = 1 to put it in force."
#define UNKNOWN                                                                                    \
    "example.com has no host name for a path, as far as the table provider knows: a path is "      \
    "encrypted, so only the whole host can be allowed. An object store of your own with a host "   \
    "for each bucket can be added to that table."
#define BROAD   "Denies more than was typed: example.com and every host below it. "
#define EXPIRED "The rule's expires_at has passed."

static const struct row {
    const char *name;
    struct rule_row row; /* id 7 and the size of the target are filled in */
    enum rule_state state;
    const char *hostname, *reason;
    enum rule_action action; /* of a rule in force */
} rows[] = {
    { "an allow",
      { .target = "API.example.com", .action = "allow", .enabled = 1 },
      RULE_STATE_ACTIVE,
      "api.example.com",
      "",
      RULE_ALLOW },
    { "a deny",
      { .target = "*.example.com:8443", .action = "deny", .enabled = 1 },
      RULE_STATE_ACTIVE,
      "*.example.com:8443",
      "",
      RULE_DENY },
    { "an unknown action denies",
      { .target = "a.example", .action = "Allow", .enabled = 1 },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_DENY },
    { "no action denies",
      { .target = "a.example", .action = "", .enabled = 1 },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_DENY },
    { "disabled",
      { .target = "a.example", .action = "allow", .enabled = 0 },
      RULE_STATE_DISABLED,
      "a.example",
      DISABLED,
      RULE_DENY },
    { "a disabled deny",
      { .target = "a.example", .action = "deny", .enabled = 0 },
      RULE_STATE_DISABLED,
      "a.example",
      DISABLED,
      RULE_DENY },
    { "half enabled does not allow",
      { .target = "a.example", .action = "allow", .enabled = 2 },
      RULE_STATE_DISABLED,
      "a.example",
      DISABLED,
      RULE_DENY },
    { "half enabled denies",
      { .target = "a.example", .action = "deny", .enabled = -1 },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_DENY },
    { "expires in a second",
      { .target = "a.example",
        .action = "allow",
        .enabled = 1,
        .has_expiry = true,
        .expires_at = NOW_S + 1 },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_ALLOW },
    { "expires now",
      { .target = "a.example",
        .action = "allow",
        .enabled = 1,
        .has_expiry = true,
        .expires_at = NOW_S },
      RULE_STATE_EXPIRED,
      "a.example",
      EXPIRED,
      RULE_DENY },
    { "expired before 1970",
      { .target = "a.example",
        .action = "deny",
        .enabled = 1,
        .has_expiry = true,
        .expires_at = INT64_MIN },
      RULE_STATE_EXPIRED,
      "a.example",
      EXPIRED,
      RULE_DENY },
    { "no expiry, whatever the column holds",
      { .target = "a.example", .action = "allow", .enabled = 1, .expires_at = 1 },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_ALLOW },
    { "disabled goes before expired",
      { .target = "a.example", .action = "allow", .has_expiry = true, .expires_at = 1 },
      RULE_STATE_DISABLED,
      "a.example",
      DISABLED,
      RULE_DENY },
    { "a mistake in the target",
      { .target = "a..example", .action = "allow", .enabled = 1 },
      RULE_STATE_INVALID,
      "",
      "The host name has an empty label: a dot at its start, or two dots in a row.",
      RULE_DENY },
    { "a mistake shows though it is disabled",
      { .target = "", .action = "allow", .enabled = 0 },
      RULE_STATE_INVALID,
      "",
      "The target is empty; type a host name, as in api.example.com.",
      RULE_DENY },
    { "a path that nobody knows",
      { .target = "example.com:8443/a", .action = "allow", .enabled = 1 },
      RULE_STATE_REFUSED,
      "",
      UNKNOWN " To allow the whole host, that is everything on that host, type: UPDATE rule SET "
              "target = 'example.com:8443' WHERE id = 7;",
      RULE_DENY },
    { "widen does not help it",
      { .target = "https://example.com/a", .action = "allow", .enabled = 1, .widen = 1 },
      RULE_STATE_REFUSED,
      "",
      UNKNOWN " To allow the whole host, that is everything on that host, type: UPDATE rule SET "
              "target = 'example.com' WHERE id = 7;",
      RULE_DENY },
    { "a deny covers all it could mean",
      { .target = "https://example.com/a", .action = "deny", .enabled = 1 },
      RULE_STATE_WIDENED,
      "example.com, **.example.com",
      BROAD UNKNOWN,
      RULE_DENY },
    { "a deny of what is no URL",
      { .target = "https://me@Example.com/?q", .action = "deny", .enabled = 1 },
      RULE_STATE_WIDENED,
      "example.com, **.example.com",
      BROAD "The target holds a user name (user@host); type the host alone.",
      RULE_DENY },
    { "a deny of another scheme",
      { .target = "http://example.com:8443\\x", .action = "deny", .enabled = 1 },
      RULE_STATE_WIDENED,
      "example.com, **.example.com:8443",
      BROAD "Plain http:// has no server name to check; use https:// or the host alone.",
      RULE_DENY },
    { "a deny without a name",
      { .target = "https://192.0.2.1/a", .action = "deny", .enabled = 1 },
      RULE_STATE_INVALID,
      "",
      "The target is an IP address; rules allow names, because the gate looks up a name's address "
      "itself.",
      RULE_DENY },
    { "a disabled deny of a path",
      { .target = "https://example.com/a", .action = "deny", .enabled = 0 },
      RULE_STATE_DISABLED,
      "example.com, **.example.com",
      DISABLED,
      RULE_DENY },
    { "connects elsewhere",
      { .target = "a.example", .action = "allow", .enabled = 1, .connect_to = "[fd00::5]:8443" },
      RULE_STATE_ACTIVE,
      "a.example",
      "Connects to [fd00::5]:8443.",
      RULE_ALLOW },
    { "connects nowhere",
      { .target = "a.example", .action = "allow", .enabled = 1, .connect_to = "" },
      RULE_STATE_INVALID,
      "",
      "The connect_to can't be read; type an address or a host, as in 10.0.0.5:8443 or "
      "proxy.internal.example, or NULL for the name itself.",
      RULE_DENY },
    { "connects to a bad port, and is disabled",
      { .target = "a.example", .action = "allow", .connect_to = "10.0.0.5:x" },
      RULE_STATE_INVALID,
      "",
      "The port in connect_to is not a number from 1 to 65535.",
      RULE_DENY },
    { "a deny connects nowhere, and denies",
      { .target = "a.example", .action = "deny", .enabled = 1, .connect_to = "" },
      RULE_STATE_ACTIVE,
      "a.example",
      "",
      RULE_DENY },
};

static const struct rule_context context = { .now_s = NOW_S };

static const struct compiled_rule untouched = { .id = -1, .port = 9 };

static void becomes_as_expected(void **state)
{
    const struct row *row = *state;
    struct rule_row input = row->row;
    struct compiled_rule rule = untouched;
    struct rule_outcome outcome;
    memset(&outcome, 0x55, sizeof(outcome));
    input.id = 7;
    input.clients = input.clients != NULL ? input.clients : "any";
    input.target_size = strlen(input.target);
    bool is_active = row->state == RULE_STATE_ACTIVE || row->state == RULE_STATE_WIDENED;
    assert_int_equal(rule_compile(&input, &context, &rule, &outcome), is_active);
    assert_int_equal(outcome.state, row->state);
    assert_string_equal(outcome.hostname, row->hostname);
    assert_string_equal(outcome.reason, row->reason);
    if (!is_active) {
        assert_memory_equal(&rule, &untouched, sizeof(rule));
        return;
    }
    assert_int_equal(rule.id, 7);
    assert_int_equal(rule.action, row->action);
    assert_true(rule.expires_at == (input.has_expiry ? input.expires_at : RULE_NEVER_EXPIRES));
}

/* What reads "a.example" up to the NUL says something else behind it. */
static void nul_in_the_target(void **state)
{
    (void)state;
    struct rule_row row = { .id = 1,
                            .target = "a.example\0.evil",
                            .target_size = 15,
                            .action = "allow",
                            .enabled = 1,
                            .clients = "any" };
    struct compiled_rule rule = untouched;
    struct rule_outcome outcome;
    assert_false(rule_compile(&row, &context, &rule, &outcome));
    assert_int_equal(outcome.state, RULE_STATE_INVALID);
    assert_string_equal(outcome.reason, "The target contains a NUL character; type it anew.");
}

static void no_id(void **state)
{
    (void)state;
    struct rule_row row = {
        .target = "a.example", .target_size = 9, .action = "allow", .enabled = 1, .clients = "any"
    };
    struct compiled_rule rule = untouched;
    struct rule_outcome outcome;
    assert_false(rule_compile(&row, &context, &rule, &outcome));
    assert_int_equal(outcome.state, RULE_STATE_INVALID);
    assert_string_equal(outcome.reason,
                        "The rule's id is 0, which stands for no rule; give it another.");
}

static void words_of_the_states(void **state)
{
    (void)state;
    assert_string_equal(rule_state_word(RULE_STATE_INVALID), "invalid");
    assert_string_equal(rule_state_word(RULE_STATE_REFUSED), "refused");
    assert_string_equal(rule_state_word(RULE_STATE_DISABLED), "disabled");
    assert_string_equal(rule_state_word(RULE_STATE_EXPIRED), "expired");
    assert_string_equal(rule_state_word(RULE_STATE_SHADOWED), "shadowed");
    assert_string_equal(rule_state_word(RULE_STATE_WIDENED), "widened");
    assert_string_equal(rule_state_word(RULE_STATE_ACTIVE), "active");
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, becomes_as_expected);
    tests_add_row(&tests, "NUL in the target", NULL, nul_in_the_target);
    tests_add_row(&tests, "no id", NULL, no_id);
    tests_add_row(&tests, "words of the states", NULL, words_of_the_states);
    return tests_run(&tests, "rule");
}
