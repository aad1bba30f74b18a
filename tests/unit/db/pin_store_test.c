/* tests/unit/db/pin_store_test.c - rules with pins out of the database: loaded, edited, expired,
 * and odd. */
#include "policy_bench.h"

#define PIN_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PIN_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="

/* How many live enforcing pins the rule that decides for `name` has. */
static uint32_t pins_of(const struct policy *policy, const char *name)
{
    struct host_name host;
    uint32_t count;
    assert_int_equal(host_name_parse(name, strlen(name), &host), HOST_NAME_OK);
    struct policy_question question = { .name = &host };
    struct verdict verdict = policy_decide(policy, &question, PORT, NOW_S);
    assert_int_equal(verdict.decision, DECISION_ALLOW);
    (void)requirement_pins(policy_requirement(policy, &host, &verdict), &count);
    return count;
}

static struct bench *some_bench(const struct workspace *workspace)
{
    make_policy(workspace->path,
                "INSERT INTO rule (target) VALUES ('a.example'), ('b.example'), ('c.example'),"
                " ('d.example');"
                "INSERT INTO pin (rule_id, spki_sha256) VALUES (2, '" PIN_A "'), (4, '" PIN_A
                "'), (4, '" PIN_B "');");
    return bench_new(workspace->path);
}

static void pins_are_loaded_with_their_rules(void **state)
{
    struct bench *bench = some_bench(*state);
    struct policy *policy = load(bench);
    assert_int_equal(pins_of(policy, "a.example"), 0);
    assert_int_equal(pins_of(policy, "b.example"), 1);
    assert_int_equal(pins_of(policy, "c.example"), 0);
    assert_int_equal(pins_of(policy, "d.example"), 2);
    policy_unref(policy);
    bench_free(bench);
}

/* One statement is one rule that is read again, with its pins. */
static const struct edit_row {
    const char *name, *statement;
    int64_t id;
    uint32_t pin_count;
} edit_rows[] = {
    { "a pin comes", "INSERT INTO pin (rule_id, spki_sha256) VALUES (1, '" PIN_B "')", 1, 1 },
    { "a pin goes", "DELETE FROM pin WHERE rule_id = 4 AND spki_sha256 = '" PIN_A "'", 4, 1 },
    { "a pin only reports", "UPDATE pin SET mode = 'report' WHERE rule_id = 2", 2, 1 },
    { "a pin is replaced", "REPLACE INTO pin (rule_id, spki_sha256) VALUES (2, '" PIN_A "')", 2,
      1 },
    { "another verify", "UPDATE rule SET verify = 'pin-only' WHERE id = 4", 4, 2 },
};

static void edit_rereads_the_rule(void **state)
{
    const struct edit_row *row = *state;
    void *workspace = NULL;
    uint32_t count;
    assert_int_equal(workspace_setup(&workspace), 0);
    struct bench *bench = some_bench(workspace);
    policy_unref(load(bench));
    run_sql(((struct workspace *)workspace)->path, row->statement);
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_int_equal(bench->changes.count, 1);
    assert_int_equal(bench->room[0].id, row->id);
    assert_true(bench->room[0].is_in_force);
    (void)requirement_pins(bench->room[0].rule.requirement, &count);
    assert_int_equal(count, row->pin_count);
    policy_changes_release(&bench->changes);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

static void pin_that_expires_changes_its_rule(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct bench *bench = some_bench(workspace);
    run_sql(workspace->path,
            "UPDATE pin SET expires_at = 1800000005 WHERE rule_id = 4;"
            "UPDATE pin SET expires_at = 1800000009 WHERE rule_id = 2;"
            "UPDATE rule SET expires_at = 1800000007, verify = 'pin-only' WHERE id = 4");
    policy_unref(load(bench));
    assert_int_equal(bench->content.next_expiry_s, 1800000005);
    assert_int_equal(
        policy_store_expiries(&bench->store, NOW_S, NOW_S + 5, &bench->changes, &fault),
        DATABASE_OK);
    assert_int_equal(bench->changes.count, 1);
    assert_int_equal(bench->room[0].id, 4);
    assert_false(bench->room[0].is_in_force); /* 'pin-only' goes by nothing else */
    assert_int_equal(bench->changes.next_expiry_s, 1800000007);
    policy_changes_release(&bench->changes);
    assert_int_equal(
        policy_store_expiries(&bench->store, NOW_S + 8, NOW_S + 9, &bench->changes, &fault),
        DATABASE_OK);
    assert_int_equal(bench->changes.count, 1);
    assert_int_equal(bench->room[0].id, 2);
    assert_true(bench->room[0].is_in_force); /* 'chain' stays, and nothing passes */
    assert_true(bench->changes.next_expiry_s == RULE_NEVER_EXPIRES);
    policy_changes_release(&bench->changes);
    bench_free(bench);
}

/* Pins of a file from elsewhere: `statements` spoil rule 2, and no other. */
static const struct odd_row {
    const char *name, *statements;
} odd_rows[] = {
    { "no base64", "INSERT INTO pin VALUES (2, 'AAAA', 'enforce', NULL)" },
    { "a pin that is NULL", "INSERT INTO pin VALUES (2, NULL, 'enforce', NULL)" },
    { "a pin that is a blob",
      "INSERT INTO pin VALUES (2, CAST('" PIN_B "' AS BLOB), 'enforce', NULL)" },
    { "a NUL behind the pin",
      "INSERT INTO pin VALUES (2, '" PIN_B "' || char(0) || 'x', 'enforce', NULL)" },
    { "a pin of two megabytes",
      "INSERT INTO pin VALUES (2, hex(zeroblob(1000000)), 'enforce', NULL)" },
    { "an unknown mode", "INSERT INTO pin VALUES (2, '" PIN_B "', 'Enforce', NULL)" },
    { "a mode of two megabytes",
      "INSERT INTO pin VALUES (2, '" PIN_B "', hex(zeroblob(1000000)), NULL)" },
    { "an expiry that is a text", "INSERT INTO pin VALUES (2, '" PIN_B "', 'enforce', 'never')" },
    { "one pin too many",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)"
      " INSERT INTO pin SELECT 2, '" PIN_A "', 'enforce', NULL FROM n" },
    { "verify of an unknown word", "UPDATE rule SET verify = 'any' WHERE id = 2" },
    { "verify that is NULL", "UPDATE rule SET verify = NULL WHERE id = 2" },
};

static void odd_pin_spoils_only_its_rule(void **state)
{
    const struct odd_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    struct bench *bench = some_bench(workspace);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(
        path,
        "CREATE TABLE old_rule AS SELECT * FROM rule; CREATE TABLE old_pin AS SELECT rule_id,"
        " spki_sha256, mode, expires_at FROM pin; DROP TABLE pin; DROP TABLE rule;"
        "CREATE TABLE rule AS SELECT * FROM old_rule; CREATE TABLE pin AS SELECT * FROM old_pin");
    run_sql(path, row->statements);
    struct policy *policy = load(bench);
    assert_int_equal(pins_of(policy, "a.example"), 0);
    assert_int_equal(pins_of(policy, "d.example"), 2);
    assert_false(allows(policy, "b.example"));
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(pins_are_loaded_with_their_rules),
        WORKSPACE_TEST(pin_that_expires_changes_its_rule),
    };
    TESTS_ADD_TABLE(&tests, edit_rows, edit_rereads_the_rule);
    TESTS_ADD_TABLE(&tests, odd_rows, odd_pin_spoils_only_its_rule);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "pin_store");
}
