/* tests/unit/policy/rule_requirement_test.c - what a rule's verify and pins become. */
#include "base/text.h"
#include "policy/rule.h"
#include "unit.h"

enum { NOW_S = 1000000, PIN_ROWS_MAX = REQUIRED_PINS_MAX + 1 };

#define PIN_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PIN_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="

static const struct row {
    const char *name;
    const char *action, *verify; /* NULL: 'allow' and 'chain' */
    struct pin_row pins[2];
    bool is_refused;
    const char *demands; /* of a rule in force */
    const char *reason;  /* a part of it; NULL: there is none */
} rows[] = {
    { .name = "the default", .demands = "chain" },
    { .name = "chain with a pin",
      .pins = { { PIN_A, "enforce", false, 0 } },
      .demands = "chain with 1 pin" },
    { .name = "chain with two pins",
      .verify = "chain",
      .pins = { { PIN_A, "enforce", false, 0 }, { PIN_B, "enforce", true, NOW_S + 1 } },
      .demands = "chain with 2 pins" },
    { .name = "one of two has expired",
      .pins = { { PIN_A, "enforce", false, 0 }, { PIN_B, "enforce", true, NOW_S } },
      .demands = "chain with 1 pin" },
    { .name = "a pin that reports", .pins = { { PIN_A, "report", false, 0 } }, .demands = "chain" },
    { .name = "all have expired",
      .pins = { { PIN_A, "enforce", true, NOW_S }, { PIN_B, "report", false, 0 } },
      .demands = "chain with expired pins",
      .reason = "All enforcing pins of the rule have expired, so every connection is refused; pin "
                "anew, or type UPDATE pin SET expires_at = NULL WHERE rule_id = 7;" },
    { .name = "pin-only",
      .verify = "pin-only",
      .pins = { { PIN_A, "enforce", false, 0 } },
      .demands = "pin-only with 1 pin" },
    { .name = "pin-only without a pin",
      .verify = "pin-only",
      .is_refused = true,
      .reason = "INSERT INTO pin (rule_id, spki_sha256) VALUES (7, '...');" },
    { .name = "pin-only with one that reports",
      .verify = "pin-only",
      .pins = { { PIN_A, "report", false, 0 } },
      .is_refused = true,
      .reason = "needs a pin that is enforced" },
    { .name = "pin-only with an expired one",
      .verify = "pin-only",
      .pins = { { PIN_A, "enforce", true, NOW_S } },
      .is_refused = true,
      .reason = "UPDATE pin SET expires_at = NULL WHERE rule_id = 7;" },
    { .name = "none", .verify = "none", .demands = "none" },
    { .name = "none with a pin",
      .verify = "none",
      .pins = { { PIN_A, "enforce", false, 0 } },
      .is_refused = true,
      .reason = "UPDATE rule SET verify = 'chain' WHERE id = 7; or DELETE FROM pin WHERE rule_id = "
                "7;" },
    { .name = "none with a pin that reports",
      .verify = "none",
      .pins = { { PIN_A, "report", false, 0 } },
      .is_refused = true,
      .reason = "checks nothing" },
    { .name = "verify in capitals",
      .verify = "Chain",
      .is_refused = true,
      .reason = "UPDATE rule SET verify = 'chain' WHERE id = 7;" },
    { .name = "no verify", .verify = "", .is_refused = true, .reason = "none that is known" },
    { .name = "a pin too short",
      .pins = { { "AAAA", "enforce", false, 0 } },
      .is_refused = true,
      .reason = "SELECT * FROM pin WHERE rule_id = 7;" },
    { .name = "a pin too long",
      .pins = { { PIN_A "=", "enforce", false, 0 } },
      .is_refused = true,
      .reason = "can't be read" },
    { .name = "a pin of an unknown mode beside a good one",
      .pins = { { PIN_A, "enforce", false, 0 }, { PIN_B, "enforced", false, 0 } },
      .is_refused = true,
      .reason = "can't be read" },
    { .name = "a pin without a mode",
      .pins = { { PIN_A, "", false, 0 }, { PIN_B, "enforce", false, 0 } },
      .is_refused = true,
      .reason = "can't be read" },
    { .name = "a deny with a pin",
      .action = "deny",
      .pins = { { PIN_A, "enforce", false, 0 } },
      .demands = "chain",
      .reason = "Its pins are ignored, since a deny has no server to check." },
    { .name = "a deny that says pin-only",
      .action = "deny",
      .verify = "pin-only",
      .demands = "chain" },
};

static struct rule_row row_of(const struct row *row)
{
    uint32_t count = 0;
    while (count < COUNT(row->pins) && row->pins[count].spki_sha256[0] != '\0')
        count++;
    return (struct rule_row){ .id = 7,
                              .target = "a.example",
                              .target_size = 9,
                              .action = row->action != NULL ? row->action : "allow",
                              .enabled = 1,
                              .clients = "any",
                              .verify = row->verify != NULL ? row->verify : "chain",
                              .pins = row->pins,
                              .pin_count = count };
}

static void demands_as_expected(void **state)
{
    const struct row *row = *state;
    struct rule_row input = row_of(row);
    struct rule_context context = { .now_s = NOW_S };
    struct compiled_rule rule;
    struct rule_outcome outcome;
    char buffer[64];
    struct text demands = text_in(buffer, sizeof(buffer));
    assert_int_equal(rule_compile(&input, &context, &rule, &outcome), !row->is_refused);
    assert_int_equal(outcome.state, row->is_refused ? RULE_STATE_INVALID : RULE_STATE_ACTIVE);
    if (row->reason != NULL)
        assert_non_null(strstr(outcome.reason, row->reason));
    else
        assert_string_equal(outcome.reason, "");
    if (row->is_refused)
        return;
    requirement_add_name(rule.requirement, NOW_S, &demands);
    assert_string_equal(demands.at, row->demands);
    compiled_rule_release(&rule);
    assert_null(rule.requirement);
}

static void as_many_pins_as_there_may_be(void **state)
{
    (void)state;
    struct pin_row pins[PIN_ROWS_MAX];
    struct rule_row row = row_of(&rows[0]);
    struct rule_context context = { .now_s = NOW_S };
    struct compiled_rule rule;
    struct rule_outcome outcome;
    for (size_t i = 0; i < COUNT(pins); i++)
        pins[i] = (struct pin_row){ PIN_A, "enforce", false, 0 };
    row.pins = pins;
    row.pin_count = REQUIRED_PINS_MAX;
    assert_true(rule_compile(&row, &context, &rule, &outcome));
    compiled_rule_release(&rule);
    row.pin_count++;
    assert_false(rule_compile(&row, &context, &rule, &outcome));
    assert_non_null(strstr(outcome.reason, "more than 64 pins"));
}

/* Who is not in force owns nothing: the sanitizer tells. */
static void a_disabled_rule_with_a_pin(void **state)
{
    (void)state;
    struct rule_row row = row_of(&rows[1]);
    struct rule_context context = { .now_s = NOW_S };
    struct compiled_rule rule;
    struct rule_outcome outcome;
    row.enabled = 0;
    assert_false(rule_compile(&row, &context, &rule, &outcome));
    assert_int_equal(outcome.state, RULE_STATE_DISABLED);
}

static const struct meaning_row {
    const char *name;
    enum verify_mode mode;
    struct required_pin pins[3];
    uint32_t pin_count;
    const char *meaning;
} meaning_rows[] = {
    { "chain",
      VERIFY_CHAIN,
      { { { { 0 } }, true, 0 } },
      0,
      "the server must have a trusted chain, with the name in it, valid now" },
    { "chain with pins",
      VERIFY_CHAIN,
      { { { { 1 } }, true, 9 }, { { { 2 } }, true, 9 }, { { { 3 } }, false, 9 } },
      3,
      "the server must have a trusted chain, with the name in it, valid now, and in that chain one "
      "of 2 pins; 1 pin only reports" },
    { "expired",
      VERIFY_CHAIN,
      { { { { 1 } }, true, 5 } },
      1,
      "the server must have a trusted chain, with the name in it, valid now; all its enforcing "
      "pins have expired, so nothing passes" },
    { "pin-only",
      VERIFY_PIN_ONLY,
      { { { { 1 } }, true, 9 } },
      1,
      "the server must have the one pin, whatever the trusted roots are" },
    { "none",
      VERIFY_NONE,
      { { { { 0 } }, true, 0 } },
      0,
      "the server is not checked: whoever answers at the address is believed" },
};

static void means_as_expected(void **state)
{
    const struct meaning_row *row = *state;
    char buffer[256];
    struct text meaning = text_in(buffer, sizeof(buffer));
    struct requirement *requirement = requirement_new(row->mode, row->pins, row->pin_count);
    requirement_add_meaning(requirement, 5, &meaning);
    assert_string_equal(meaning.at, row->meaning);
    requirement_unref(requirement);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, demands_as_expected);
    TESTS_ADD_TABLE(&tests, meaning_rows, means_as_expected);
    tests_add_row(&tests, "64 pins and one more", NULL, as_many_pins_as_there_may_be);
    tests_add_row(&tests, "a disabled rule with a pin", NULL, a_disabled_rule_with_a_pin);
    return tests_run(&tests, "rule_requirement");
}
