/* tests/unit/db/status_store_test.c - what rule_status says of each rule, and that nothing is
 * written twice. */
#include "db/policy_store.h"
#include "db/status_store.h"
#include "workspace.h"

enum { NOW_S = 1800000000 };

struct bench {
    struct database *database;
    struct policy *policy;
    size_t reports;
};

static void bench_open(struct bench *bench, const char *path)
{
    struct fault fault = { 0 };
    struct policy_store store;
    struct policy_content content;
    struct policy_ports ports = { .port = { 443 }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    *bench = (struct bench){ .database = database_open(path, DATABASE_READ_WRITE, &fault) };
    assert_string_equal(fault.what, "");
    policy_store_init(&store, bench->database);
    assert_int_equal(policy_store_load(&store, NOW_S, builder, &content, &fault), DATABASE_OK);
    policy_store_release(&store);
    bench->policy = policy_builder_finish(builder, &content.values.settings, 1);
    assert_non_null(bench->policy);
}

static void bench_close(struct bench *bench)
{
    policy_unref(bench->policy);
    database_close(bench->database);
}

static void count_report(void *context, const struct status_report *report)
{
    struct bench *bench = context;
    bench->reports++;
    assert_non_null(report->target);
    assert_true(report->rule_id != 0 && strlen(report->outcome->reason) < RULE_REASON_BYTES);
}

static struct status_plan plan_of(struct bench *bench)
{
    return (struct status_plan){ .database = bench->database,
                                 .policy = bench->policy,
                                 .now_s = NOW_S,
                                 .report = count_report,
                                 .context = bench };
}

/* Walks to the end; returns the number of steps. */
static int walk_all(const struct status_plan *plan)
{
    struct fault fault = { 0 };
    struct status_walk *walk = status_walk_new(plan);
    bool is_done = false;
    int steps = 0;
    for (; !is_done; steps++)
        assert_int_equal(status_walk_step(walk, &is_done, &fault), DATABASE_OK);
    status_walk_free(walk);
    return steps;
}

/* `values` are the row's (target, action, enabled, expires_at); NULL in `expected` skips the rule
 * before it. */
static const struct row {
    const char *name, *values, *state, *hostname, *reason_holds;
} rows[] = {
    { "active", "'API.Example.COM', 'allow', 1, NULL", "active", "api.example.com", "" },
    { "active deny", "'api.example.com', 'deny', 1, NULL", "active", "api.example.com", "" },
    { "port", "'*.example.com:8443', 'allow', 1, NULL", "active", "*.example.com:8443", "" },
    { "final dot", "'api.example.com.', 'allow', 1, NULL", "active", "api.example.com", "" },
    { "disabled", "'api.example.com', 'allow', 0, NULL", "disabled", "api.example.com",
      "enabled = 1" },
    { "expired", "'api.example.com', 'allow', 1, 1799999999", "expired", "api.example.com",
      "expires_at" },
    { "expires later", "'api.example.com', 'allow', 1, 1800000001", "active", "api.example.com",
      "" },
    { "shadowed by a deny", "'blocked.example', 'allow', 1, NULL", "shadowed", "blocked.example",
      "Rule 1 (deny blocked.example) decides first." },
    { "shadowed by the same typed otherwise", "'TWICE.example', 'allow', 1, NULL", "shadowed",
      "twice.example", "Rule 2 (allow twice.example) decides first." },
};

/* Makes a policy in which rule 3 is the row's. */
static void make_row(const char *path, const struct row *row)
{
    char statement[500];
    make_policy(path,
                "INSERT INTO rule (target, action) VALUES ('https://blocked.example/', 'deny');"
                "INSERT INTO rule (target) VALUES ('twice.example')");
    (void)snprintf(statement, sizeof(statement),
                   "INSERT INTO rule (id, target, action, enabled, expires_at) VALUES (3, %s)",
                   row->values);
    run_sql(path, statement);
}

static void status_says(void **state)
{
    const struct row *row = *state;
    void *workspace = NULL;
    char query[700];
    struct bench bench;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    make_row(path, row);
    bench_open(&bench, path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    assert_int_equal(bench.reports, 3);
    bench_close(&bench);
    (void)snprintf(
        query, sizeof(query),
        "SELECT count(*) FROM rule_status WHERE rule_id = 3 AND state = '%s' AND hostname = '%s'"
        " AND instr(reason, '%s') > 0 AND (reason = '') = (state = 'active')",
        row->state, row->hostname, row->reason_holds);
    if (row->reason_holds[0] == '\0') /* instr('', '') is 1 */
        assert_int_equal(
            ask(path, "SELECT count(*) FROM rule_status WHERE rule_id = 3 AND reason = ''"), 1);
    assert_int_equal(ask(path, query), 1);
    assert_int_equal(ask(path, "SELECT count(*) FROM rule_status"), 3);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

static void unparsable_row_is_invalid(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(workspace->path,
                "DROP TRIGGER rule_insert_explains;"
                "INSERT INTO rule (target) VALUES ('192.0.2.1'), ('good.example')");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    bench_close(&bench);
    assert_int_equal(ask(workspace->path,
                         "SELECT count(*) FROM rule_status WHERE rule_id = 1 AND state = 'invalid'"
                         " AND reason LIKE '%address%'"),
                     1);
    assert_int_equal(ask(workspace->path,
                         "SELECT count(*) FROM rule_status WHERE rule_id = 2 AND state = 'active'"),
                     1);
}

static int64_t write_count(const struct workspace *workspace)
{
    return ask(workspace->path, "SELECT data FROM writes");
}

/* Counts every row that is written to rule_status. */
#define COUNT_WRITES                                                                               \
    "CREATE TABLE writes (data); INSERT INTO writes VALUES (0);"                                   \
    "CREATE TRIGGER w1 AFTER INSERT ON rule_status BEGIN UPDATE writes SET data = data + 1; END;"  \
    "CREATE TRIGGER w2 AFTER UPDATE ON rule_status BEGIN UPDATE writes SET data = data + 1; END;"  \
    "CREATE TRIGGER w3 AFTER DELETE ON rule_status BEGIN UPDATE writes SET data = data + 1; END;"

static void only_what_differs_is_written(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example'), ('b.example')");
    run_sql(workspace->path, COUNT_WRITES);
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    assert_int_equal(write_count(workspace), 2);
    (void)walk_all(&plan);
    assert_int_equal(write_count(workspace), 2);
    run_sql(workspace->path, "UPDATE rule SET enabled = 0 WHERE id = 2");
    (void)walk_all(&plan);
    assert_int_equal(write_count(workspace), 3);
    bench_close(&bench);
}

static void many_rules_take_many_steps(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(workspace->path,
                "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                " FROM n WHERE i < 1000) SELECT 'host' || i || '.example' FROM n");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    assert_true(walk_all(&plan) >= 4);
    assert_int_equal(bench.reports, 1000);
    bench_close(&bench);
    assert_int_equal(
        ask(workspace->path, "SELECT count(*) FROM rule_status WHERE state = 'active'"), 1000);
}

static void listed_rules_alone_are_walked(void **state)
{
    static const int64_t ids[] = { 3, 1, 77 };
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(workspace->path,
                "INSERT INTO rule (target) VALUES ('a.example'), ('b.example'), ('c.example');"
                "INSERT INTO rule_status (rule_id, state) VALUES (77, 'active'), (78, 'active')");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    plan.ids = ids;
    plan.id_count = COUNT(ids);
    (void)walk_all(&plan);
    assert_int_equal(bench.reports, 2);
    bench_close(&bench);
    assert_int_equal(
        ask(workspace->path, "SELECT group_concat(rule_id) = '1,3,78' FROM rule_status"), 1);
}

static void statuses_of_vanished_rules_go(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(
        workspace->path,
        "INSERT INTO rule (target) VALUES ('a.example');"
        "INSERT INTO rule_status (rule_id, state) WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL"
        " SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'active' FROM n");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    bench_close(&bench);
    assert_int_equal(ask(workspace->path, "SELECT sum(rule_id) FROM rule_status"), 1);
}

static void locked_file_is_written_later(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct bench bench;
    sqlite3 *shell;
    bool is_done = false;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example'), ('b.example')");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    struct status_walk *walk = status_walk_new(&plan);
    assert_int_equal(sqlite3_open(workspace->path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(status_walk_step(walk, &is_done, &fault), DATABASE_BUSY);
    assert_int_equal(status_walk_step(walk, &is_done, &fault), DATABASE_BUSY);
    assert_int_equal(sqlite3_exec(shell, "DELETE FROM rule WHERE id = 2; COMMIT", NULL, NULL, NULL),
                     SQLITE_OK);
    while (!is_done)
        assert_int_equal(status_walk_step(walk, &is_done, &fault), DATABASE_OK);
    assert_int_equal(bench.reports, 2); /* each rule once, however often it was tried */
    assert_int_equal(ask(workspace->path, "SELECT sum(rule_id) FROM rule_status"), 1);
    status_walk_free(walk);
    sqlite3_close(shell);
    bench_close(&bench);
}

/* As a user who can't write. */
static int walks_without_writing(const char *path)
{
    struct bench bench;
    bench_open(&bench, path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    bool is_well = database_is_read_only(bench.database) && bench.reports == 1;
    bench_close(&bench);
    return is_well ? 0 : 1;
}

static void read_only_file_is_walked_and_not_written(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    assert_int_equal(chmod(workspace->path, 0444), 0);
    assert_int_equal(chmod(workspace->folder, 0555), 0);
    as_another_user(workspace->path, walks_without_writing);
    assert_int_equal(chmod(workspace->folder, 0755), 0);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule_status"), 0);
}

static void rule_of_two_megabytes_is_invalid(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    make_policy(workspace->path,
                "INSERT INTO rule (target) VALUES ('a.example'), ('b.example');"
                "DROP TRIGGER rule_update_explains_target; PRAGMA ignore_check_constraints = 1;"
                "UPDATE rule SET target = hex(zeroblob(1000000)) WHERE id = 1");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    (void)walk_all(&plan);
    bench_close(&bench);
    assert_int_equal(
        ask(workspace->path,
            "SELECT count(*) FROM rule_status WHERE rule_id = 1 AND state = 'invalid'"),
        1);
    assert_int_equal(ask(workspace->path,
                         "SELECT count(*) FROM rule_status WHERE rule_id = 2 AND state = 'active'"),
                     1);
}

/* The file is exchanged in the middle of a walk: nothing of the old one's lands in the new one. */
static void replaced_file_is_not_written_to(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct bench bench;
    char next[128];
    bool is_done = false;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example'), ('b.example')");
    bench_open(&bench, workspace->path);
    struct status_plan plan = plan_of(&bench);
    struct status_walk *walk = status_walk_new(&plan);
    assert_int_equal(change_log_prune(bench.database, &is_done, &fault),
                     DATABASE_OK); /* wakes it */
    assert_true(database_is_awake(bench.database));
    make_policy(workspace_path(workspace, "next.db", next),
                "INSERT INTO rule (target) VALUES ('next.example')");
    assert_int_equal(rename(next, workspace->path), 0);
    assert_int_equal(status_walk_step(walk, &is_done, &fault), DATABASE_BUSY);
    assert_false(database_is_awake(bench.database));
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule_status"), 0);
    assert_int_equal(
        ask(workspace->path, "SELECT count(*) FROM rule WHERE target = 'next.example'"), 1);
    status_walk_free(walk);
    bench_close(&bench);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(unparsable_row_is_invalid),
        WORKSPACE_TEST(only_what_differs_is_written),
        WORKSPACE_TEST(many_rules_take_many_steps),
        WORKSPACE_TEST(listed_rules_alone_are_walked),
        WORKSPACE_TEST(statuses_of_vanished_rules_go),
        WORKSPACE_TEST(locked_file_is_written_later),
        WORKSPACE_TEST(read_only_file_is_walked_and_not_written),
        WORKSPACE_TEST(rule_of_two_megabytes_is_invalid),
        WORKSPACE_TEST(replaced_file_is_not_written_to),
    };
    TESTS_ADD_TABLE(&tests, rows, status_says);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "status_store");
}
