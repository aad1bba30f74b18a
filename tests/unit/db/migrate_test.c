/* tests/unit/db/migrate_test.c - making and migrating a policy file; what its triggers take is what
 * compiles. */
#include "db/migrations.h"
#include "policy/rule.h"
#include "policy/url.h"
#include "workspace.h"

static bool migrate(const char *path, struct migration_report *report, struct fault *fault)
{
    struct database *database = database_open(path, DATABASE_CREATE, fault);
    assert_non_null(database);
    bool is_done = database_migrate(database, report, fault);
    database_close(database);
    return is_done;
}

static void new_file_comes_to_this_version(void **state)
{
    const struct workspace *workspace = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    assert_true(migrate(workspace->path, &report, &fault));
    assert_int_equal(report.from_version, 0);
    assert_int_equal(report.to_version, migration_count);
    assert_int_equal(ask(workspace->path, "PRAGMA user_version"), migration_count);
    assert_int_equal(
        ask(workspace->path, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
        1);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM setting"), 23);
    assert_int_equal(
        ask(workspace->path, "SELECT count(*) FROM policy_change WHERE \"table\" = 'rule'"), 0);
}

static void second_time_does_nothing(void **state)
{
    const struct workspace *workspace = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    assert_true(migrate(workspace->path, &report, &fault));
    assert_int_equal(report.from_version, migration_count);
    assert_int_equal(report.to_version, migration_count);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 1);
}

static void empty_file_is_migrated(void **state)
{
    const struct workspace *workspace = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    FILE *file = fopen(workspace->path, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(migrate(workspace->path, &report, &fault));
    assert_int_equal(report.from_version, 0);
}

/* From each version that ever was: what is there stays, and the end is the same. */
static void every_older_version_is_migrated(void **state)
{
    const struct workspace *workspace = *state;
    char set_version[64];
    for (int version = 1; version <= migration_count; version++) {
        struct migration_report report;
        struct fault fault = { 0 };
        for (int i = 0; i < version; i++)
            run_sql(workspace->path, migrations[i].sql);
        (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version);
        run_sql(workspace->path, set_version);
        assert_true(migrate(workspace->path, &report, &fault));
        assert_int_equal(report.from_version, version);
        assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule_status"), 0);
        assert_int_equal(unlink(workspace->path), 0);
    }
}

/* Files that are no policy are left as they are. */
static const struct foreign_row {
    const char *name, *statements;
} foreign_rows[] = {
    { "another program's tables, no version", "CREATE TABLE bookmark (url)" },
    { "another program's tables and version",
      "CREATE TABLE bookmark (url); PRAGMA user_version = 2" },
    { "a version and no tables", "PRAGMA user_version = 1" },
    { "a version below zero", "CREATE TABLE policy_change (a); PRAGMA user_version = -3" },
    { "a policy without its version, as .dump makes",
      "CREATE TABLE rule (id); CREATE TABLE policy_change (a)" },
};

static void foreign_file_is_refused(void **state)
{
    const struct foreign_row *row = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    run_sql(path, row->statements);
    int64_t tables = ask(path, "SELECT count(*) FROM sqlite_schema");
    assert_false(migrate(path, &report, &fault));
    assert_non_null(strstr(fault.what, "not a Pinhole policy"));
    assert_int_equal(ask(path, "SELECT count(*) FROM sqlite_schema"), tables);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

/* All that is typed between two steps is undone with the step that fails. */
static void failed_step_leaves_the_version_before(void **state)
{
    const struct workspace *workspace = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    run_sql(workspace->path, migrations[0].sql);
    run_sql(
        workspace->path,
        "PRAGMA user_version = 1; CREATE VIEW explain_name AS SELECT 1"); /* in the way of step 2 */
    assert_false(migrate(workspace->path, &report, &fault));
    assert_string_not_equal(fault.what, "");
    assert_int_equal(ask(workspace->path, "PRAGMA user_version"), 1);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'rule'"),
                     0);
}

static void locked_file_is_a_fault_after_a_while(void **state)
{
    const struct workspace *workspace = *state;
    struct migration_report report;
    struct fault fault = { 0 };
    sqlite3 *other;
    run_sql(workspace->path, "PRAGMA journal_mode = WAL");
    assert_int_equal(sqlite3_open(workspace->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_false(migrate(workspace->path, &report, &fault));
    assert_non_null(strstr(fault.what, "locked"));
    sqlite3_close(other);
    assert_true(migrate(workspace->path, &report, &fault));
}

/* The triggers must take what the compiler takes, and nothing else: a target that is stored and
 * does not compile would admit nothing, and a deny of that kind would deny nothing. */
static const struct target_row {
    const char *name, *target;
    bool is_taken;
} target_rows[] = {
    { "a name", "api.example.com", true },
    { "capitals", "API.Example.COM", true },
    { "one label", "localhost", true },
    { "final dot", "api.example.com.", true },
    { "final dot and port", "api.example.com.:8443", true },
    { "final dot of a wildcard", "*.example.com.", true },
    { "underscores", "_dmarc.ex_ample.com", true },
    { "inner hyphens", "a-b--c.example", true },
    { "A-label", "xn--bcher-kva.example", true },
    { "port", "api.example.com:8443", true },
    { "port 1", "api.example.com:1", true },
    { "port 65535", "api.example.com:65535", true },
    { "port with zeros before it", "api.example.com:00443", true },
    { "one label more", "*.example.com", true },
    { "labels of any number", "**.example.com", true },
    { "wildcard and port", "**.example.com:8443", true },
    { "wildcard of one label", "*.com", true },
    { "URL", "https://api.example.com", true },
    { "URL with a slash", "https://api.example.com/", true },
    { "URL in capitals", "HTTPS://API.example.com/", true },
    { "slash without a scheme", "api.example.com/", true },
    { "URL with a port", "https://api.example.com:8443/", true },
    { "URL with a final dot", "https://api.example.com./", true },
    { "path", "https://storage.googleapis.com/my-bucket/", true },
    { "path without a scheme", "storage.googleapis.com/my-bucket", true },
    { "user in a path", "https://api.example.com/@me/", true },
    { "URL with an empty port", "https://api.example.com:/", true },
    { "digits but at the end", "1.2.3.4.example", true },
    { "hexadecimal but at the end", "0x7f.example", true },
    { "63 characters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
      true },
    { "64 characters", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
      false },
    { "64 characters at the end",
      "example.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    { "empty", "", false },
    { "spaces alone", "  ", false },
    { "space before", " api.example.com", false },
    { "space behind", "api.example.com ", false },
    { "line break", "api.example.com\n", false },
    { "delete character", "api.example.com\x7f", false },
    { "http", "http://api.example.com", false },
    { "another scheme", "ftp://api.example.com", false },
    { "scheme alone", "https://", false },
    { "scheme and slash", "https:///", false },
    { "two schemes", "https://https://api.example.com", false },
    { "URL with a wildcard", "https://*.example.com/", false },
    { "URL with an underscore", "https://_a.example.com/", false },
    { "dot segment", "https://api.example.com/a/%2e./b", false },
    { "half an escape", "https://api.example.com/a%2", false },
    { "slash alone", "/", false },
    { "two slashes", "https://api.example.com//", false },
    { "backslash", "https://api.example.com\\", false },
    { "user", "user@api.example.com", false },
    { "query", "https://api.example.com?", false },
    { "fragment", "api.example.com#x", false },
    { "IPv4", "192.0.2.1", false },
    { "IPv4 and port", "192.0.2.1:443", false },
    { "IPv4 with a final dot", "192.0.2.1.", false },
    { "IPv4 below a wildcard", "*.0.2.1", false },
    { "IPv4 as one number", "3221225985", false },
    { "IPv4 in hexadecimal", "0xc0000201", false },
    { "IPv4 in parts", "127.1", false },
    { "empty hexadecimal", "a.0x", false },
    { "IPv6", "2001:db8::1", false },
    { "IPv6 in brackets", "[2001:db8::1]", false },
    { "IPv6 in brackets and port", "[2001:db8::1]:443", false },
    { "not ASCII",
      "b\xc3\xbc"
      "cher.example",
      false },
    { "star alone", "*", false },
    { "two stars alone", "**", false },
    { "star and dot", "*.", false },
    { "two stars and dot", "**.", false },
    { "star, dot and port", "*.:443", false },
    { "star, dot and dot", "*..", false },
    { "three stars", "***.example.com", false },
    { "two wildcards", "*.*.example.com", false },
    { "star inside", "api.*.com", false },
    { "star in a label", "api*.example.com", false },
    { "star at the end", "example.*", false },
    { "dot", ".", false },
    { "dot before", ".example.com", false },
    { "two dots", "api..example.com", false },
    { "two dots behind", "api.example.com..", false },
    { "hyphen before", "-api.example.com", false },
    { "hyphen behind", "api-.example.com", false },
    { "hyphen at the end", "api.example.com-", false },
    { "other characters", "api,example.com", false },
    { "percent", "api%2eexample.com", false },
    { "port 0", "api.example.com:0", false },
    { "port 65536", "api.example.com:65536", false },
    { "no port", "api.example.com:", false },
    { "port of letters", "api.example.com:https", false },
    { "port with a sign", "api.example.com:+443", false },
    { "port of six digits", "api.example.com:000443", false },
    { "port alone", ":443", false },
};

static int insert_target(const char *path, const char *target)
{
    sqlite3 *connection;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(connection,
                                        "INSERT INTO rule (target, action) VALUES (?1, 'deny')", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_text(statement, 1, target, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    sqlite3_close(connection);
    return code;
}

static void target_is_judged_alike(void **state)
{
    const struct target_row *row = *state;
    struct compiled_rule rule;
    char reason[RULE_REASON_BYTES];
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    make_policy(path, "");
    struct url url;
    size_t size = strlen(row->target);
    bool is_taken = url_is_meant(row->target, size)
                        ? url_parse(row->target, size, &url, reason)
                        : target_parse(row->target, size, &rule, reason);
    assert_int_equal(is_taken, row->is_taken);
    assert_int_equal(insert_target(path, row->target),
                     row->is_taken ? SQLITE_DONE : SQLITE_CONSTRAINT);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

static void longest_name_is_judged_alike(void **state)
{
    const struct workspace *workspace = *state;
    struct compiled_rule rule;
    char reason[RULE_REASON_BYTES], target[300];
    make_policy(workspace->path, "");
    for (size_t size = 250; size <= 256; size++) {
        for (size_t i = 0; i < size; i++)
            target[i] = i % 50 == 49 ? '.' : 'a';
        target[size] = '\0';
        bool is_taken = target[size - 1] != '.' ? size <= 253 : size <= 254;
        assert_int_equal(target_parse(target, size, &rule, reason), is_taken);
        assert_int_equal(insert_target(workspace->path, target),
                         is_taken ? SQLITE_DONE : SQLITE_CONSTRAINT);
    }
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(new_file_comes_to_this_version),
        WORKSPACE_TEST(second_time_does_nothing),
        WORKSPACE_TEST(empty_file_is_migrated),
        WORKSPACE_TEST(every_older_version_is_migrated),
        WORKSPACE_TEST(failed_step_leaves_the_version_before),
        WORKSPACE_TEST(locked_file_is_a_fault_after_a_while),
        WORKSPACE_TEST(longest_name_is_judged_alike),
    };
    TESTS_ADD_TABLE(&tests, foreign_rows, foreign_file_is_refused);
    TESTS_ADD_TABLE(&tests, target_rows, target_is_judged_alike);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "migrate");
}
