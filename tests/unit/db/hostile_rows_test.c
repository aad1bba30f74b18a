/* tests/unit/db/hostile_rows_test.c - files from elsewhere: an odd row spoils itself alone, and
 * never widens access. */
#include "policy_bench.h"

/* A file of our version, made by somebody else: nothing but names is as we make it. A comment in it
 * is a connect_to too. */
#define FOREIGN                                                                                    \
    "CREATE TABLE rule (id INTEGER PRIMARY KEY, target, action, enabled, expires_at, comment,"     \
    " widen AS (0), clients AS ('any'), connect_to AS (comment), verify AS ('chain'));"            \
    "CREATE TABLE pin (rule_id, spki_sha256, mode, expires_at);"                                   \
    "CREATE TABLE provider (name, path_style, virtual_host, placeholders, bucket_min, bucket_max," \
    " bucket_max_dotted, bucket_dots, bucket_underscores, bucket_capitals, bucket_like,"           \
    " bucket_never, bucket_elsewhere, bucket_dotted, not_buckets, bare_host, host_allows, note,"   \
    " clients);"                                                                                   \
    "CREATE TABLE client_group (id, name, comment, mode);"                                         \
    "CREATE TABLE client_network (client_group, cidr);"                                            \
    "CREATE TABLE setting (name, value);"                                                          \
    "CREATE TABLE gate_key (id, key);"                                                             \
    "INSERT INTO gate_key VALUES (1, '00112233445566778899aabbccddeeff');"                         \
    "CREATE TABLE cookie_key (id, key, previous, rolled_at);"                                      \
    "INSERT INTO cookie_key VALUES (1, '00112233445566778899aabbccddeeff', NULL, 0);"              \
    "CREATE TABLE rule_status (rule_id INTEGER PRIMARY KEY, state, hostname, reason);"             \
    "CREATE TABLE policy_change (sequence INTEGER PRIMARY KEY AUTOINCREMENT, \"table\", \"key\", " \
    "stamp);"                                                                                      \
    "INSERT INTO rule VALUES (1, 'good.example', 'allow', 1, NULL, NULL);"                         \
    "INSERT INTO rule VALUES (99, 'last.example', 'allow', 1, NULL, NULL);"                        \
    "INSERT INTO setting VALUES ('answer_ttl', '77');"                                             \
    "PRAGMA user_version = 15;"

/* Rules that spoil nothing but themselves. `denied` must not be allowed though **.example below
 * allows it. */
static const struct hostile_row {
    const char *name, *statements, *denied;
} hostile_rows[] = {
    { "NULL target", "INSERT INTO rule VALUES (5, NULL, 'allow', 1, NULL, NULL)", NULL },
    { "target of another type",
      "INSERT INTO rule VALUES (5, x'00ff', 'allow', 1, NULL, NULL),"
      " (6, 17, 'allow', 1, NULL, NULL)",
      NULL },
    { "NUL in the target",
      "INSERT INTO rule VALUES (5, 'nul.example' || char(0) || 'x', 'allow', 1, NULL, NULL)",
      "nul.example" },
    { "target of two megabytes",
      "INSERT INTO rule VALUES (5, hex(zeroblob(1000000)), 'allow', 1, NULL, NULL)", NULL },
    { "comment and connect_to of two megabytes",
      "INSERT INTO rule VALUES (5, 'x.example', 'deny', 1, NULL, hex(zeroblob(1000000)))",
      "x.example" },
    { "two of two megabytes",
      "INSERT INTO rule VALUES (5, hex(zeroblob(1000000)), 'allow', 1, NULL, NULL),"
      " (6, hex(zeroblob(1000000)), 'deny', 1, NULL, NULL)",
      NULL },
    { "a megabyte of action",
      "INSERT INTO rule VALUES (5, 'x.example', hex(zeroblob(1000000)), 1, NULL, NULL)", NULL },
    { "connect_to of a megabyte",
      "INSERT INTO rule VALUES (5, 'x.test', 'allow', 1, NULL, hex(zeroblob(500000)))", NULL },
    { "deny with a connect_to still denies",
      "INSERT INTO rule VALUES (5, 'x.example', 'deny', 1, NULL, 'nowhere/at all')", "x.example" },
    { "unknown action denies", "INSERT INTO rule VALUES (5, 'x.example', 'permit', 1, NULL, NULL)",
      "x.example" },
    { "NULL action denies", "INSERT INTO rule VALUES (5, 'x.example', NULL, 1, NULL, NULL)",
      "x.example" },
    { "NUL in the action denies",
      "INSERT INTO rule VALUES (5, 'x.example', 'allow' || char(0), 1, NULL, NULL)", "x.example" },
    { "deny with odd values still denies",
      "INSERT INTO rule VALUES (5, 'x.example', 'deny', 'yes', 'tomorrow', NULL)", "x.example" },
    { "deny with an odd expiry never expires",
      "INSERT INTO rule VALUES (5, 'x.example', 'deny', 1, x'00', NULL)", "x.example" },
    { "negative id",
      "INSERT INTO rule VALUES (-9223372036854775807, 'x.example', 'deny', 1, NULL, NULL)",
      "x.example" },
    { "allow with id 0", "INSERT INTO rule VALUES (0, 'x.example', 'allow', 1, NULL, NULL)", NULL },
};

static void hostile_row_spoils_only_itself(void **state)
{
    const struct hostile_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    if (row->denied != NULL)
        run_sql(path, "INSERT INTO rule VALUES (50, '**.example', 'allow', 1, NULL, NULL)");
    run_sql(path, row->statements);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench);
    assert_true(allows(policy, "good.example"));
    assert_true(allows(policy, "last.example"));
    assert_int_equal(bench->content.values.settings.answer_ttl_s, 77);
    if (row->denied != NULL && strcmp(row->denied, "nul.example") != 0)
        assert_false(allows(policy, row->denied));
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* Allow rules with a doubt in them admit nothing. */
static const struct doubt_row {
    const char *name, *values;
} doubt_rows[] = {
    { "enabled is a text", "'x.example', 'allow', 'yes', NULL, NULL" },
    { "enabled is 2", "'x.example', 'allow', 2, NULL, NULL" },
    { "enabled is NULL", "'x.example', 'allow', NULL, NULL, NULL" },
    { "expires_at is a text", "'x.example', 'allow', 1, '2999-01-01', NULL" },
    { "expires_at is a fraction", "'x.example', 'allow', 1, 3e10 + 0.5, NULL" },
    { "target is a blob", "CAST('x.example' AS BLOB), 'allow', 1, NULL, NULL" },
    { "action in capitals", "'x.example', 'ALLOW', 1, NULL, NULL" },
    { "connect_to is empty", "'x.example', 'allow', 1, NULL, ''" },
    { "connect_to is a URL", "'x.example', 'allow', 1, NULL, 'https://a.example'" },
    { "connect_to is a number", "'x.example', 'allow', 1, NULL, 10" },
    { "connect_to is a blob", "'x.example', 'allow', 1, NULL, CAST('10.0.0.5' AS BLOB)" },
    { "NUL in the connect_to", "'x.example', 'allow', 1, NULL, '10.0.0.5' || char(0) || 'x'" },
};

static void doubtful_allow_admits_nothing(void **state)
{
    const struct doubt_row *row = *state;
    void *workspace = NULL;
    char statements[300];
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    (void)snprintf(statements, sizeof(statements), "INSERT INTO rule VALUES (5, %s)", row->values);
    run_sql(path, statements);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench);
    assert_false(allows(policy, "x.example"));
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* A group whose mode is not plainly 'observe' enforces. */
static const struct mode_row {
    const char *name, *mode;
    bool is_observed;
} mode_rows[] = {
    { "observe observes", "'observe'", true },
    { "enforce enforces", "'enforce'", false },
    { "a mode in capitals", "'OBSERVE'", false },
    { "a mode with a blank", "'observe '", false },
    { "a mode with a NUL", "'observe' || char(0)", false },
    { "a mode that is a blob", "CAST('observe' AS BLOB)", false },
    { "no mode", "NULL", false },
};

static void doubtful_mode_enforces(void **state)
{
    const struct mode_row *row = *state;
    void *workspace = NULL;
    char statements[300];
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    (void)snprintf(statements, sizeof(statements),
                   "INSERT INTO client_group VALUES (1, 'any', NULL, %s)", row->mode);
    run_sql(path, statements);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench);
    assert_true(allows(policy, "good.example"));
    assert_int_equal(allows(policy, "x.example"), row->is_observed);
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* A row too large to read, in whatever table, and a row behind it that holds. */
static void rows_behind_a_large_one_are_read(void **state)
{
    const struct workspace *workspace = *state;
    run_sql(workspace->path, FOREIGN
            "DROP TABLE setting; CREATE TABLE setting (name PRIMARY KEY, value) WITHOUT ROWID;"
            "INSERT INTO setting VALUES (hex(zeroblob(1000000)), '1'),"
            " (hex(zeroblob(1000001)), '1'), ('negative_ttl', '9');"
            "INSERT INTO client_group VALUES (2, hex(zeroblob(1000000)), NULL, 'observe'),"
            " (3, 'lab', hex(zeroblob(1000000)), hex(zeroblob(1000000))),"
            " (1, 'any', NULL, 'observe');"
            "INSERT INTO client_network VALUES (hex(zeroblob(1000000)), '10.0.0.0/8'),"
            " ('any', hex(zeroblob(1000000))), ('lab', '10.0.0.0/8')");
    struct bench *bench = bench_new(workspace->path);
    struct policy *policy = load(bench);
    assert_true(allows(policy, "good.example"));
    assert_true(allows(policy, "x.example")); /* 'any' observes */
    assert_int_equal(bench->content.values.settings.negative_ttl_s, 9);
    struct policy_question inside = { .name = NULL };
    struct host_name host;
    assert_true(ip_address_parse("10.1.2.3", &inside.client));
    assert_int_equal(host_name_parse("x.example", 9, &host), HOST_NAME_OK);
    inside.name = &host;
    assert_int_equal(policy_decide(policy, &inside, PORT, NOW_S).decision,
                     DECISION_DENY); /* 'lab' */
    policy_unref(policy);
    run_sql(workspace->path, "INSERT INTO client_network VALUES ('lab', hex(zeroblob(1000000)))");
    policy = load(bench);
    assert_false(allows(policy, "x.example")); /* who else is in 'lab' is not known */
    policy_unref(policy);
    bench_free(bench);
}

static void unreadable_settings_are_named(void **state)
{
    const struct workspace *workspace = *state;
    run_sql(workspace->path,
            FOREIGN "INSERT INTO setting VALUES ('negative_ttl', 'long'), ('deny_answer', NULL),"
                    "('allowed_private_networks', hex(zeroblob(1000000))), (NULL, NULL),"
                    "('of_the_future', '1'), (hex(zeroblob(1000000)), '1')");
    struct bench *bench = bench_new(workspace->path);
    policy_unref(load(bench));
    const struct setting_values *values = &bench->content.values;
    assert_int_equal(values->settings.answer_ttl_s, 77);
    assert_int_equal(values->settings.negative_ttl_s, settings_default().negative_ttl_s);
    assert_int_equal(values->unreadable_count, 4);
    assert_string_equal(values->unreadable[0], "negative_ttl");
    assert_string_equal(values->unreadable[1], "deny_answer");
    assert_string_equal(values->unreadable[2], "allowed_private_networks");
    bench_free(bench);
}

/* Names then have no address in a range, and the others of the file hold. */
static const struct key_row {
    const char *name, *statements;
} key_rows[] = {
    { "no gate key", "DELETE FROM gate_key" },
    { "a NULL for a gate key", "UPDATE gate_key SET key = NULL" },
    { "a gate key too short", "UPDATE gate_key SET key = '00112233445566778899aabbccddeef'" },
    { "a gate key in capitals", "UPDATE gate_key SET key = upper(key)" },
    { "a gate key with a NUL behind it", "UPDATE gate_key SET key = key || char(0) || 'x'" },
    { "a gate key of bytes", "UPDATE gate_key SET key = randomblob(16)" },
    { "a gate key of two megabytes", "UPDATE gate_key SET key = hex(zeroblob(1000000))" },
};

static void unreadable_gate_key_is_unknown(void **state)
{
    const struct key_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    run_sql(path, row->statements);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench);
    const struct setting_values *values = &bench->content.values;
    assert_true(allows(policy, "good.example"));
    assert_int_equal(values->settings.answer_ttl_s, 77);
    assert_false(values->settings.gate_key.is_known);
    assert_int_equal(values->unreadable_count, 1);
    assert_string_equal(values->unreadable[0], "gate_key");
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* There are no cookies then, or the key before counts for none. */
static const struct cookie_row {
    const char *name, *statements;
    bool is_known;
} cookie_rows[] = {
    { "no cookie key", "DELETE FROM cookie_key", false },
    { "a NULL for a cookie key", "UPDATE cookie_key SET key = NULL", false },
    { "a cookie key too short", "UPDATE cookie_key SET key = '00'", false },
    { "a cookie key in capitals", "UPDATE cookie_key SET key = upper(key)", false },
    { "a cookie key with a NUL behind it", "UPDATE cookie_key SET key = key || char(0)", false },
    { "a cookie key of two megabytes", "UPDATE cookie_key SET key = hex(zeroblob(1000000))",
      false },
    { "a cookie key before it that is none", "UPDATE cookie_key SET previous = 'x'", true },
};

static void unreadable_cookie_key_is_unknown(void **state)
{
    const struct cookie_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    run_sql(path, row->statements);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench);
    const struct setting_values *values = &bench->content.values;
    assert_true(allows(policy, "good.example"));
    assert_int_equal(values->settings.answer_ttl_s, 77);
    assert_true(values->settings.gate_key.is_known);
    assert_int_equal(values->settings.cookie_keys.is_known, row->is_known);
    assert_false(values->settings.cookie_keys.has_previous);
    assert_int_equal(values->unreadable_count, 1);
    assert_string_equal(values->unreadable[0], "cookie_key");
    policy_unref(policy);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

static void changed_row_of_two_megabytes_is_not_in_force(void **state)
{
    const struct workspace *workspace = *state;
    run_sql(workspace->path, FOREIGN "INSERT INTO policy_change VALUES (1, 'rule', 1, 5)");
    struct bench *bench = bench_new(workspace->path);
    policy_unref(load(bench));
    run_sql(workspace->path,
            "UPDATE rule SET target = hex(zeroblob(1000000)) WHERE id = 1;"
            "INSERT INTO policy_change VALUES (2, 'rule', 1, 6), (3, NULL, NULL, 7)");
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_int_equal(bench->changes.count, 1);
    assert_int_equal(bench->room[0].id, 1);
    assert_false(bench->room[0].is_in_force);
    run_sql(workspace->path, "INSERT INTO policy_change VALUES (4, 'rule', 'x', 8)");
    read_changes(bench);
    assert_true(bench->changes.is_too_many); /* which rule it is can't be told */
    bench_free(bench);
}

/* Which row decides can't be said. */
static const struct fault_row {
    const char *name, *statements;
} fault_rows[] = {
    { "ids that repeat",
      "DROP TABLE rule; CREATE TABLE rule (id, target, action, enabled, expires_at,"
      " widen AS (0), clients AS ('any'));"
      "INSERT INTO rule VALUES (1, 'a.example', 'allow', 1, NULL), (1, 'a.example', 'deny', 1, "
      "NULL)" },
    { "no ids", "DROP TABLE rule; CREATE TABLE rule (target, action, enabled, expires_at)" },
};

static void foreign_file_is_a_fault(void **state)
{
    const struct fault_row *row = *state;
    struct fault fault = { 0 };
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, FOREIGN);
    run_sql(path, row->statements);
    struct bench *bench = bench_new(path);
    struct policy_ports ports = { .port = { PORT }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    assert_int_equal(policy_store_load(&bench->store, NOW_S, builder, &bench->content, &fault),
                     DATABASE_FAILED);
    assert_string_not_equal(fault.what, "");
    policy_builder_free(builder);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(unreadable_settings_are_named),
        WORKSPACE_TEST(rows_behind_a_large_one_are_read),
        WORKSPACE_TEST(changed_row_of_two_megabytes_is_not_in_force),
    };
    TESTS_ADD_TABLE(&tests, hostile_rows, hostile_row_spoils_only_itself);
    TESTS_ADD_TABLE(&tests, key_rows, unreadable_gate_key_is_unknown);
    TESTS_ADD_TABLE(&tests, cookie_rows, unreadable_cookie_key_is_unknown);
    TESTS_ADD_TABLE(&tests, fault_rows, foreign_file_is_a_fault);
    TESTS_ADD_TABLE(&tests, doubt_rows, doubtful_allow_admits_nothing);
    TESTS_ADD_TABLE(&tests, mode_rows, doubtful_mode_enforces);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "hostile_rows");
}
