/* tests/unit/db/policy_store_test.c - rules and settings out of real files, whole and by what
 * changed. */
#include "base/clock.h"
#include "policy_bench.h"

/* A bench that has loaded the policy of the workspace. */
static struct bench *loaded_bench(const struct workspace *workspace, const char *statements)
{
    make_policy(workspace->path, statements);
    struct bench *bench = bench_new(workspace->path);
    policy_unref(load(bench));
    return bench;
}

static void new_file_is_empty_with_default_settings(void **state)
{
    struct bench *bench = loaded_bench(*state, "");
    struct settings defaults = settings_default();
    assert_int_equal(bench->content.rule_count, 0);
    assert_true(bench->content.next_expiry_s == RULE_NEVER_EXPIRES);
    assert_int_equal(bench->content.values.settings.answer_ttl_s, defaults.answer_ttl_s);
    assert_int_equal(bench->content.values.settings.negative_ttl_s, defaults.negative_ttl_s);
    assert_int_equal(bench->content.values.unreadable_count, 0);
    bench_free(bench);
}

static void rules_and_settings_are_loaded(void **state)
{
    struct bench *bench = loaded_bench(*state, "");
    run_sql(((struct workspace *)*state)->path,
            "INSERT INTO rule (target) VALUES ('api.example.com'), ('*.one.example');"
            "INSERT INTO rule (target, enabled) VALUES ('off.example.com', 0);"
            "INSERT INTO rule (target, expires_at) VALUES ('past.example', 1700000000), "
            "('soon.example', 1800000007),"
            " ('later.example', 1900000000);"
            "UPDATE setting SET value = 60 WHERE name = 'answer_ttl'");
    struct policy *policy = load(bench);
    assert_int_equal(bench->content.rule_count, 6);
    assert_int_equal(bench->content.next_expiry_s, 1800000007);
    assert_int_equal(bench->content.values.settings.answer_ttl_s, 60);
    assert_true(allows(policy, "api.example.com"));
    assert_true(allows(policy, "x.one.example"));
    assert_false(allows(policy, "off.example.com"));
    assert_false(allows(policy, "past.example"));
    assert_true(allows(policy, "soon.example"));
    policy_unref(policy);
    bench_free(bench);
}

static void unchanged_file_has_no_changes(void **state)
{
    struct bench *bench =
        loaded_bench(*state, "INSERT INTO rule (target) VALUES ('api.example.com')");
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_false(bench->changes.has_settings);
    assert_int_equal(bench->changes.count, 0);
    bench_free(bench);
}

/* Each starts from rules 1 (a.example), 2 (b.example) and 3 (deny c.example). `ids` are those that
 * must be read again, in order; those in `in_force` must be in force. */
static const struct edit_row {
    const char *name, *statements;
    int64_t ids[4], in_force[4];
    bool has_settings;
} edit_rows[] = {
    { "insert", "INSERT INTO rule (target) VALUES ('d.example')", { 4 }, { 4 }, false },
    { "update", "UPDATE rule SET action = 'deny' WHERE id = 1", { 1 }, { 1 }, false },
    { "disable", "UPDATE rule SET enabled = 0 WHERE id = 1", { 1 }, { 0 }, false },
    { "delete", "DELETE FROM rule WHERE id = 2", { 2 }, { 0 }, false },
    { "insert and delete",
      "INSERT INTO rule (target) VALUES ('d.example'); DELETE FROM rule WHERE id = 4",
      { 4 },
      { 0 },
      false },
    { "replace by target",
      "REPLACE INTO rule (target, action) VALUES ('a.example', 'deny')",
      { 1, 4 },
      { 4 },
      false },
    { "replace by id",
      "REPLACE INTO rule (id, target) VALUES (2, 'new.example')",
      { 2 },
      { 2 },
      false },
    { "replace of two rows by one",
      "REPLACE INTO rule (id, target) VALUES (2, 'a.example')",
      { 1, 2 },
      { 2 },
      false },
    { "update or replace",
      "UPDATE OR REPLACE rule SET target = 'a.example' WHERE id = 3",
      { 1, 3 },
      { 3 },
      false },
    { "update or replace of an id",
      "UPDATE OR REPLACE rule SET id = 2 WHERE id = 3",
      { 2, 3 },
      { 2 },
      false },
    { "changed id", "UPDATE rule SET id = 9 WHERE id = 1", { 1, 9 }, { 9 }, false },
    { "upsert",
      "INSERT INTO rule (target, action) VALUES ('b.example', 'deny')"
      " ON CONFLICT (target, clients) DO UPDATE SET action = excluded.action",
      { 2 },
      { 2 },
      false },
    { "insert or ignore",
      "INSERT OR IGNORE INTO rule (target) VALUES ('d.example'), ('a.example')",
      { 1, 4 },
      { 1, 4 },
      false },
    { "recursive triggers",
      "PRAGMA recursive_triggers = ON; REPLACE INTO rule (target) VALUES ('a.example')",
      { 1, 4 },
      { 4 },
      false },
    { "setting", "UPDATE setting SET value = '7' WHERE name = 'negative_ttl'", { 0 }, { 0 }, true },
    { "setting replaced", "REPLACE INTO setting VALUES ('negative_ttl', '7')", { 0 }, { 0 }, true },
    { "setting and rule",
      "UPDATE setting SET value = '7' WHERE name = 'negative_ttl'; DELETE FROM rule WHERE id = 1",
      { 1 },
      { 0 },
      true },
    { "status",
      "INSERT INTO rule_status (rule_id, state) VALUES (1, 'active')",
      { 0 },
      { 0 },
      false },
    { "rolled back", "BEGIN; DELETE FROM rule; ROLLBACK", { 0 }, { 0 }, false },
    { "comment and times", "UPDATE rule SET created_at = 1, updated_at = 1", { 0 }, { 0 }, false },
};

static bool is_listed(const int64_t ids[4], int64_t id)
{
    return ids[0] == id || ids[1] == id || ids[2] == id || ids[3] == id;
}

static void edit_is_read(void **state)
{
    const struct edit_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    struct bench *bench =
        loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example'), ('b.example');"
                                "INSERT INTO rule (target, action) VALUES ('c.example', 'deny')");
    run_sql(((struct workspace *)workspace)->path, row->statements);
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    size_t count = 0;
    while (count < 4 && row->ids[count] != 0)
        count++;
    assert_int_equal(bench->changes.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bench->room[i].id, row->ids[i]);
        assert_int_equal(bench->room[i].is_in_force, is_listed(row->in_force, row->ids[i]));
    }
    assert_int_equal(bench->changes.has_settings, row->has_settings);
    if (row->has_settings)
        assert_int_equal(bench->changes.values.settings.negative_ttl_s, 7);
    read_changes(bench); /* once only */
    assert_int_equal(bench->changes.count, 0);
    assert_false(bench->changes.has_settings);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

static void row_kept_by_insert_or_fail_is_read(void **state)
{
    const struct workspace *workspace = *state;
    struct bench *bench = loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example')");
    assert_int_equal(
        try_sql(workspace->path,
                "INSERT OR FAIL INTO rule (target) VALUES ('d.example'), ('a.example')"),
        SQLITE_CONSTRAINT);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 2);
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_true(bench->changes.count >= 1);
    assert_true(bench->room[bench->changes.count - 1].is_in_force);
    bench_free(bench);
}

/* What can't be told from the log must be loaded whole: nothing that went away may stay in force.
 */
static const struct anew_row {
    const char *name, *statements;
} anew_rows[] = {
    { "1,001 rules",
      "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
      " WHERE i < 1001) SELECT 'host' || i || '.example' FROM n" },
    { "log emptied", "INSERT INTO rule (target) VALUES ('d.example'); DELETE FROM policy_change" },
    { "log with a gap",
      "INSERT INTO rule (target) VALUES ('d.example'), ('e.example'), ('f.example');"
      "DELETE FROM policy_change WHERE sequence = (SELECT max(sequence) - 1 FROM policy_change)" },
    { "log cut at its end", "DELETE FROM policy_change WHERE sequence > 1;"
                            "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'policy_change'" },
    { "log of another file", "UPDATE policy_change SET stamp = stamp + 1" },
    { "log numbered anew", "UPDATE policy_change SET sequence = sequence + 100" },
};

static void whole_load_is_asked_for(void **state)
{
    const struct anew_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    struct bench *bench =
        loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example'), ('b.example')");
    run_sql(((struct workspace *)workspace)->path, row->statements);
    read_changes(bench);
    assert_true(bench->changes.is_too_many);
    read_changes(bench); /* and again, until it was done */
    assert_true(bench->changes.is_too_many);
    policy_unref(load(bench));
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* Two copies that were edited apart count to the same sequence. */
static void restored_copy_is_noticed(void **state)
{
    const struct workspace *workspace = *state;
    char copy[128];
    struct bench *bench = loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example')");
    char backup[300];
    (void)snprintf(backup, sizeof(backup), "VACUUM INTO '%s'",
                   workspace_path(workspace, "copy.db", copy));
    run_sql(workspace->path, backup);
    run_sql(workspace->path, "INSERT INTO rule (target) VALUES ('b.example')");
    read_changes(bench);
    assert_int_equal(bench->changes.count, 1);
    run_sql(copy, "INSERT INTO rule (target) VALUES ('c.example')");
    char restore[300];
    (void)snprintf(restore, sizeof(restore), ".restore %s", copy);
    assert_int_equal(type_into_shell(workspace->path, restore), 0);
    read_changes(bench);
    assert_true(bench->changes.is_too_many);
    bench_free(bench);
}

static void thousand_rules_are_read_as_changes(void **state)
{
    const struct workspace *workspace = *state;
    struct bench *bench = loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example')");
    run_sql(
        workspace->path,
        "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 1000) SELECT 'host' || i || '.example' FROM n");
    int64_t start_ms = clock_monotonic_ms();
    read_changes(bench);
    print_message("1,000 changed rules read in %lld ms\n",
                  (long long)(clock_monotonic_ms() - start_ms));
    assert_false(bench->changes.is_too_many);
    assert_int_equal(bench->changes.count, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(bench->room[i].is_in_force && bench->room[i].id == bench->room[i].rule.id);
    bench_free(bench);
}

static void hundred_thousand_rules_are_loaded(void **state)
{
    struct bench *bench = loaded_bench(
        *state,
        "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 100000) SELECT 'host' || i || '.example.com' FROM n");
    int64_t start_ms = clock_monotonic_ms();
    struct policy *policy = load(bench);
    print_message("100,000 rules loaded in %lld ms\n",
                  (long long)(clock_monotonic_ms() - start_ms));
    assert_int_equal(bench->content.rule_count, 100000);
    assert_true(allows(policy, "host1.example.com"));
    assert_true(allows(policy, "host100000.example.com"));
    assert_false(allows(policy, "host100001.example.com"));
    policy_unref(policy);
    bench_free(bench);
}

static void expiries_are_found_both_ways(void **state)
{
    struct fault fault = { 0 };
    struct bench *bench = loaded_bench(
        *state, "INSERT INTO rule (target, expires_at) VALUES ('a.example', 1800000001),"
                " ('b.example', 1800000005), ('c.example', 1800000009)");
    assert_int_equal(
        policy_store_expiries(&bench->store, NOW_S, NOW_S + 5, &bench->changes, &fault),
        DATABASE_OK);
    assert_int_equal(bench->changes.count, 2);
    assert_int_equal(bench->room[1].id, 2);
    assert_false(bench->room[0].is_in_force || bench->room[1].is_in_force);
    assert_int_equal(bench->changes.next_expiry_s, 1800000009);
    assert_int_equal(
        policy_store_expiries(&bench->store, NOW_S + 5, NOW_S + 2, &bench->changes, &fault),
        DATABASE_OK);
    assert_int_equal(bench->changes.count, 1); /* the clock was stepped back */
    assert_int_equal(bench->room[0].id, 2);
    assert_true(bench->room[0].is_in_force);
    bench_free(bench);
}

static void missing_table_is_a_fault(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct bench *bench = loaded_bench(workspace, "");
    run_sql(workspace->path, "DROP TABLE rule");
    struct policy_ports ports = { .port = { PORT }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    assert_int_equal(policy_store_load(&bench->store, NOW_S, builder, &bench->content, &fault),
                     DATABASE_FAILED);
    assert_non_null(strstr(fault.what, "no such table"));
    policy_builder_free(builder);
    bench_free(bench);
}

static void writer_does_not_hold_up_the_reader(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *writer;
    struct bench *bench = loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example')");
    assert_int_equal(sqlite3_open(workspace->path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE; DELETE FROM rule", NULL, NULL, NULL),
                     SQLITE_OK);
    read_changes(bench);
    assert_int_equal(bench->changes.count, 0);
    assert_int_equal(sqlite3_exec(writer, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    read_changes(bench);
    assert_int_equal(bench->changes.count, 1);
    sqlite3_close(writer);
    bench_free(bench);
}

/* As a user who can't write: the rule is still in the log, because its writer has not closed. */
static int loads_one_rule(const char *path)
{
    struct fault fault = { 0 };
    struct policy_store store;
    struct policy_content content;
    struct policy_ports ports = { .port = { PORT }, .count = 1 };
    struct database *database = database_open(path, DATABASE_READ_WRITE, &fault);
    struct policy_builder *builder = policy_builder_new(&ports);
    if (database == NULL || builder == NULL)
        return 1;
    policy_store_init(&store, database);
    bool is_well = policy_store_load(&store, NOW_S, builder, &content, &fault) == DATABASE_OK &&
                   content.rule_count == 1;
    policy_builder_free(builder);
    policy_store_release(&store);
    database_close(database);
    return is_well ? 0 : 2;
}

static void log_beside_an_unwritable_file_is_read_too(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *writer;
    make_policy(workspace->path, "");
    assert_int_equal(sqlite3_open(workspace->path, &writer), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(writer, "INSERT INTO rule (target) VALUES ('a.example')", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(chmod(workspace->folder, 0555), 0);
    as_another_user(workspace->path, loads_one_rule);
    assert_int_equal(chmod(workspace->folder, 0755), 0);
    sqlite3_close(writer);
}

static void log_is_pruned_in_steps(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct bench *bench =
        loaded_bench(workspace, "INSERT INTO rule (target) VALUES ('a.example');"
                                "INSERT INTO policy_change (\"table\", \"key\") WITH RECURSIVE"
                                " n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12500)"
                                " SELECT 'rule', 1 FROM n");
    bool has_more = true;
    int steps = 0;
    for (; has_more; steps++)
        assert_int_equal(change_log_prune(bench->database, &has_more, &fault), DATABASE_OK);
    assert_int_equal(steps, 3);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM policy_change"), CHANGE_LOG_KEPT);
    read_changes(bench); /* pruning alone changes nothing */
    assert_false(bench->changes.is_too_many);
    assert_int_equal(bench->changes.count, 0);
    sqlite3 *writer;
    assert_int_equal(sqlite3_open(workspace->path, &writer), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(writer,
                     "INSERT INTO policy_change (\"table\", \"key\") VALUES ('rule', 1);"
                     "BEGIN IMMEDIATE",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(change_log_prune(bench->database, &has_more, &fault), DATABASE_BUSY);
    sqlite3_close(writer);
    bench_free(bench);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(new_file_is_empty_with_default_settings),
        WORKSPACE_TEST(rules_and_settings_are_loaded),
        WORKSPACE_TEST(unchanged_file_has_no_changes),
        WORKSPACE_TEST(row_kept_by_insert_or_fail_is_read),
        WORKSPACE_TEST(restored_copy_is_noticed),
        WORKSPACE_TEST(thousand_rules_are_read_as_changes),
        WORKSPACE_TEST(hundred_thousand_rules_are_loaded),
        WORKSPACE_TEST(expiries_are_found_both_ways),
        WORKSPACE_TEST(missing_table_is_a_fault),
        WORKSPACE_TEST(writer_does_not_hold_up_the_reader),
        WORKSPACE_TEST(log_beside_an_unwritable_file_is_read_too),
        WORKSPACE_TEST(log_is_pruned_in_steps),
    };
    TESTS_ADD_TABLE(&tests, edit_rows, edit_is_read);
    TESTS_ADD_TABLE(&tests, anew_rows, whole_load_is_asked_for);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "policy_store");
}
