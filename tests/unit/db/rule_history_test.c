/* tests/unit/db/rule_history_test.c - what of the history is taken away, and what stays. */
#include "db/rule_history.h"
#include "workspace.h"

enum { DAY_S = 86400, NOW_S = 20000 * DAY_S };

static struct database *open_made_policy(const struct workspace *workspace)
{
    struct fault fault = { 0 };
    make_policy(workspace->path, "");
    struct database *database = database_open(workspace->path, DATABASE_READ_WRITE, &fault);
    assert_non_null(database);
    return database;
}

/* The history gets entries 1 to `count`, one a day, the last of them at NOW_S. */
static void fill(const struct workspace *workspace, int count)
{
    char statements[512];
    (void)snprintf(
        statements, sizeof(statements),
        "DELETE FROM rule_history;"
        "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < %d)"
        " INSERT INTO rule_history (id, changed_at, \"table\", \"key\")"
        " SELECT n, %d - (%d - n) * %d, 'rule', n FROM counted",
        count, NOW_S, count, DAY_S);
    run_sql(workspace->path, statements);
}

/* Returns how many calls had more to do. */
static int prune_all(struct database *database)
{
    struct fault fault = { 0 };
    bool has_more = true;
    int calls = -1;
    for (; has_more; calls++)
        assert_int_equal(rule_history_prune(database, NOW_S, &has_more, &fault), DATABASE_OK);
    return calls;
}

static const struct row {
    const char *name, *setting; /* before the history is filled, so that it is no part of it */
    int entries, oldest;
    const char *edit;
} rows[] = {
    { "few and young ones stay", "", 50, 1, "" },
    { "the newest that is too old stays", "", 200, 109, "" },
    { "one that is exactly as old as the setting says is not too old",
      "UPDATE setting SET value = '9' WHERE name = 'history_days'", 11, 1, "" },
    { "one that is older makes its elders go",
      "UPDATE setting SET value = '9' WHERE name = 'history_days'", 12, 2, "" },
    { "no more than the setting says stay",
      "UPDATE setting SET value = '7' WHERE name = 'history_rows'", 50, 44, "" },
    { "the last one stays", "UPDATE setting SET value = '1' WHERE name = 'history_rows'", 50, 50,
      "" },
    { "a time that went backwards takes no others with it", "", 50, 1,
      "UPDATE rule_history SET changed_at = 5 WHERE id = 25" },
    { "a setting that can't be read takes nothing away",
      "DROP TRIGGER setting_update_explains; UPDATE setting SET value = 'x' WHERE name LIKE "
      "'history%'",
      200, 1, "" },
};

static void oldest_that_stays(void **state)
{
    const struct row *row = *state;
    void *made = NULL;
    assert_int_equal(workspace_setup(&made), 0);
    struct workspace *workspace = made;
    struct database *database = open_made_policy(workspace);
    run_sql(workspace->path, row->setting);
    fill(workspace, row->entries);
    run_sql(workspace->path, row->edit);
    prune_all(database);
    assert_int_equal(ask(workspace->path, "SELECT min(id) FROM rule_history"), row->oldest);
    database_close(database);
    assert_int_equal(workspace_teardown(&made), 0);
}

static void many_are_taken_away_in_small_transactions(void **state)
{
    const struct workspace *workspace = *state;
    struct database *database = open_made_policy(workspace);
    run_sql(workspace->path, "UPDATE setting SET value = '36500' WHERE name = 'history_days';"
                             "UPDATE setting SET value = '100' WHERE name = 'history_rows'");
    fill(workspace, 2500);
    assert_int_equal(prune_all(database), 3);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule_history"), 100);
    database_close(database);
}

static void an_empty_history_is_fine(void **state)
{
    const struct workspace *workspace = *state;
    struct database *database = open_made_policy(workspace);
    run_sql(workspace->path, "DELETE FROM rule_history");
    assert_int_equal(prune_all(database), 0);
    database_close(database);
}

int main(void)
{
    struct tests tests = { 0 };
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(many_are_taken_away_in_small_transactions, workspace_setup,
                                        workspace_teardown),
        cmocka_unit_test_setup_teardown(an_empty_history_is_fine, workspace_setup,
                                        workspace_teardown),
    };
    TESTS_ADD_TABLE(&tests, rows, oldest_that_stays);
    return tests_run(&tests, "rule_history") + cmocka_run_group_tests(others, NULL, NULL);
}
