/* tests/unit/db/database_test.c - opening the policy file: what is refused, and with which words.
 */
#include "base/text.h"
#include "db/change_log.h"
#include "db/connection.h"
#include "db/database_guard.h"
#include "db/migrations.h"
#include "db/statement.h"
#include "workspace.h"

#include <errno.h>
#include <fcntl.h>

static void write_file(const char *path, const char *content, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void assert_refused(const char *path, enum database_mode mode, const char *what)
{
    struct fault fault = { 0 };
    assert_null(database_open(path, mode, &fault));
    if (strstr(fault.what, what) == NULL)
        fail_msg("expected '%s' in '%s'", what, fault.what);
    assert_string_not_equal(fault.where, "");
    assert_string_not_equal(fault.remedy, "");
}

static void missing_file_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    assert_refused(workspace->path, DATABASE_READ_WRITE, "does not exist");
    assert_refused(workspace->path, DATABASE_READ, "does not exist");
    assert_int_equal(access(workspace->path, F_OK), -1); /* and not made by the attempt */
}

static void missing_folder_is_refused(void **state)
{
    char path[128];
    assert_refused(workspace_path(*state, "no/policy.db", path), DATABASE_CREATE, "no such folder");
}

static void folder_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    assert_refused(workspace->folder, DATABASE_CREATE, "not a file");
}

static void text_file_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    char text[4096];
    memset(text, 'x', sizeof(text));
    write_file(workspace->path, text, sizeof(text));
    assert_refused(workspace->path, DATABASE_CREATE, "not a SQLite database");
}

static void damaged_file_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    int file = open(workspace->path, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    char zeros[400] = { 0 };
    assert_int_equal(pwrite(file, zeros, sizeof(zeros), 100),
                     sizeof(zeros)); /* the table of tables */
    close(file);
    assert_refused(workspace->path, DATABASE_READ_WRITE, "damaged");
}

static void newer_file_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "PRAGMA user_version = 9999");
    assert_refused(workspace->path, DATABASE_CREATE, "newer than this Pinhole");
    assert_refused(workspace->path, DATABASE_READ_WRITE, "newer than this Pinhole");
}

static void older_file_must_be_migrated(void **state)
{
    const struct workspace *workspace = *state;
    run_sql(workspace->path, "CREATE TABLE other (a); PRAGMA user_version = 1");
    assert_refused(workspace->path, DATABASE_READ_WRITE, "older than this Pinhole");
}

static void locked_file_is_refused_after_a_while(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *other;
    make_policy(workspace->path, "PRAGMA journal_mode = DELETE");
    assert_int_equal(sqlite3_open(workspace->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_refused(workspace->path, DATABASE_READ_WRITE, "locked");
    sqlite3_close(other);
    struct fault fault = { 0 };
    struct database *database = database_open(workspace->path, DATABASE_READ_WRITE, &fault);
    assert_non_null(database);
    database_close(database);
}

static void file_that_vanishes_is_not_made_anew(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    bool has_more;
    struct database *database = open_policy(workspace->path);
    database_sleep(database);
    assert_int_equal(unlink(workspace->path), 0);
    assert_int_equal(change_log_prune(database, &has_more, &fault), DATABASE_FAILED); /* wakes it */
    assert_false(database_is_awake(database));
    assert_int_equal(access(workspace->path, F_OK), -1);
    database_close(database);
}

static int64_t log_size(const char *path)
{
    char log[160];
    struct stat status;
    (void)snprintf(log, sizeof(log), "%s-wal", path);
    return stat(log, &status) == 0 ? status.st_size : 0;
}

static void log_is_emptied(void **state)
{
    const struct workspace *workspace = *state;
    struct database *database = open_policy(workspace->path);
    run_sql(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    assert_true(log_size(workspace->path) > 0); /* because the database is awake */
    assert_true(database_checkpoint(database));
    assert_int_equal(log_size(workspace->path), 0);
    assert_false(database_is_awake(database));
    assert_true(database_checkpoint(database));
    assert_false(database_is_awake(database));
    database_close(database);
}

/* Sleeping must not wait for the disk, nor lock anybody out. */
static void sleep_leaves_the_log_and_close_takes_it_away(void **state)
{
    const struct workspace *workspace = *state;
    struct database *database = open_policy(workspace->path);
    run_sql(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    database_sleep(database);
    assert_true(log_size(workspace->path) > 0);
    assert_true(database_checkpoint(database));
    database_close(database);
    database = open_policy(workspace->path);
    run_sql(workspace->path, "INSERT INTO rule (target) VALUES ('www.example.com')");
    database_close(database);
    assert_int_equal(log_size(workspace->path), 0);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 2);
}

/* A checkpoint that does not wait for the disk could spoil the file when the power fails. */
static void what_does_not_wait_for_the_disk_never_checkpoints(void **state)
{
    const struct workspace *workspace = *state;
    static const enum database_mode modes[] = { DATABASE_READ, DATABASE_READ_WRITE,
                                                DATABASE_CREATE };
    make_policy(workspace->path, "");
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct fault fault = { 0 };
        int64_t waits = -1, pages = -1;
        struct database *database = database_open(workspace->path, modes[i], &fault);
        assert_non_null(database);
        sqlite3 *connection = database->connection;
        assert_int_equal(statement_read_integer(connection, "PRAGMA synchronous", &waits), 0);
        assert_int_equal(statement_read_integer(connection, "PRAGMA wal_autocheckpoint", &pages),
                         0);
        assert_int_equal(waits, modes[i] == DATABASE_CREATE);
        assert_int_equal(pages, waits ? 1000 : 0);
        database_close(database);
    }
}

static void log_is_not_emptied_under_a_reader(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *reader;
    struct database *database = open_policy(workspace->path);
    assert_int_equal(sqlite3_open(workspace->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM rule", NULL, NULL, NULL),
                     SQLITE_OK);
    run_sql(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    assert_false(database_checkpoint(database));
    sqlite3_close(reader);
    assert_true(database_checkpoint(database));
    database_close(database);
}

static void odd_paths_are_files(void **state)
{
    static const char *const names[] = { ":memory:", "a?b#c%41.db", "file:x",
                                         "sp ace&mode=memory" };
    const struct workspace *workspace = *state;
    char before[PATH_MAX], path[128];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(workspace->folder), 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        database_close(open_policy(names[i]));
        assert_int_equal(access(workspace_path(workspace, names[i], path), F_OK), 0);
        database_close(open_policy(path));
    }
    assert_int_equal(chdir(before), 0);
}

static void nothing_is_left_beside_a_closed_file(void **state)
{
    const struct workspace *workspace = *state;
    char path[128];
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('api.example.com')");
    assert_int_equal(access(workspace_path(workspace, "policy.db-wal", path), F_OK), -1);
    assert_int_equal(access(workspace_path(workspace, "policy.db-shm", path), F_OK), -1);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 1);
}

/* Two threads' databases; here one thread plays both. */
static void guarded_databases_are_never_on_two_files(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct database_guard guard;
    char next[128];
    database_guard_init(&guard);
    make_policy(workspace->path, "");
    make_policy(workspace_path(workspace, "next.db", next), "");
    struct database *first =
        database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault);
    struct database *second =
        database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault);
    assert_true(first != NULL && second != NULL); /* on one file they may be */
    database_sleep(second);
    assert_int_equal(rename(next, workspace->path), 0);
    bool has_more;
    assert_int_equal(change_log_prune(second, &has_more, &fault),
                     DATABASE_BUSY); /* can't wake it */
    assert_false(database_is_awake(second));
    assert_null(database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault));
    assert_non_null(strstr(fault.what, "replaced"));
    database_sleep(first);
    struct database *third =
        database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault);
    assert_non_null(third);
    assert_true(database_is_awake(third));
    database_close(first);
    database_close(second);
    database_close(third);
    assert_int_equal(guard.user_count, 0);
    database_guard_release(&guard);
}

static void *sleep_soon(void *context)
{
    database_sleep(context);
    return NULL;
}

static void guarded_open_waits_for_the_others(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct database_guard guard;
    char next[128];
    pthread_t thread;
    database_guard_init(&guard);
    make_policy(workspace->path, "");
    make_policy(workspace_path(workspace, "next.db", next), "");
    struct database *first =
        database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault);
    assert_non_null(first);
    assert_int_equal(rename(next, workspace->path), 0);
    assert_int_equal(pthread_create(&thread, NULL, sleep_soon, first), 0);
    struct database *second =
        database_open_guarded(workspace->path, DATABASE_READ_WRITE, &guard, &fault);
    assert_non_null(second);
    assert_int_equal(pthread_join(thread, NULL), 0);
    database_close(first);
    database_close(second);
    database_guard_release(&guard);
}

static void opening_to_read_writes_nothing(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    make_policy(workspace->path, "");
    struct database *database = database_open(workspace->path, DATABASE_READ, &fault);
    assert_non_null(database);
    assert_true(database_is_read_only(database));
    assert_true(database_checkpoint(database));
    database_close(database);
}

static int reads_without_writing(const char *path)
{
    struct fault fault = { 0 };
    struct migration_report report;
    struct database *database = database_open(path, DATABASE_CREATE, &fault);
    if (database == NULL)
        return 1;
    bool is_well = database_is_read_only(database) && database_migrate(database, &report, &fault) &&
                   report.from_version == migration_count && database_checkpoint(database);
    database_close(database);
    return is_well ? 0 : 2;
}

static void unwritable_file_is_read_as_it_is(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "");
    assert_int_equal(chmod(workspace->path, 0444), 0);
    assert_int_equal(chmod(workspace->folder, 0555), 0);
    as_another_user(workspace->path, reads_without_writing);
    assert_int_equal(chmod(workspace->folder, 0755), 0);
}

static int is_refused_for_migration(const char *path)
{
    struct fault fault = { 0 };
    struct migration_report report;
    struct database *database = database_open(path, DATABASE_CREATE, &fault);
    if (database == NULL)
        return 1;
    bool is_refused = !database_migrate(database, &report, &fault) &&
                      strstr(fault.what, "can't be written") != NULL;
    database_close(database);
    return is_refused ? 0 : 2;
}

static void unwritable_older_file_is_refused(void **state)
{
    const struct workspace *workspace = *state;
    run_sql(workspace->path, "CREATE TABLE policy_change (a); PRAGMA user_version = 1");
    assert_int_equal(chmod(workspace->path, 0444), 0);
    assert_int_equal(chmod(workspace->folder, 0555), 0);
    as_another_user(workspace->path, is_refused_for_migration);
    assert_int_equal(chmod(workspace->folder, 0755), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKSPACE_TEST(missing_file_is_refused),
        WORKSPACE_TEST(missing_folder_is_refused),
        WORKSPACE_TEST(folder_is_refused),
        WORKSPACE_TEST(text_file_is_refused),
        WORKSPACE_TEST(damaged_file_is_refused),
        WORKSPACE_TEST(newer_file_is_refused),
        WORKSPACE_TEST(older_file_must_be_migrated),
        WORKSPACE_TEST(locked_file_is_refused_after_a_while),
        WORKSPACE_TEST(file_that_vanishes_is_not_made_anew),
        WORKSPACE_TEST(log_is_emptied),
        WORKSPACE_TEST(sleep_leaves_the_log_and_close_takes_it_away),
        WORKSPACE_TEST(log_is_not_emptied_under_a_reader),
        WORKSPACE_TEST(what_does_not_wait_for_the_disk_never_checkpoints),
        WORKSPACE_TEST(odd_paths_are_files),
        WORKSPACE_TEST(nothing_is_left_beside_a_closed_file),
        WORKSPACE_TEST(guarded_databases_are_never_on_two_files),
        WORKSPACE_TEST(guarded_open_waits_for_the_others),
        WORKSPACE_TEST(opening_to_read_writes_nothing),
        WORKSPACE_TEST(unwritable_file_is_read_as_it_is),
        WORKSPACE_TEST(unwritable_older_file_is_refused),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
