/* tests/unit/db/workspace.h - a folder of its own for each test of db/, with a policy file in it.
 */
#pragma once
#include "base/fault.h"
#include "db/database.h"
#include "db/migrate.h"
#include "unit.h"

#include <ftw.h>
#include <limits.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct workspace {
    char folder[64];
    char path[128]; /* of policy.db in it */
};

static inline int workspace_remove(const char *path, const struct stat *status, int kind,
                                   struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int workspace_setup(void **state)
{
    struct workspace *workspace = calloc(1, sizeof(*workspace));
    if (workspace == NULL)
        return -1;
    (void)snprintf(workspace->folder, sizeof(workspace->folder), "/tmp/pinhole-db-XXXXXX");
    if (mkdtemp(workspace->folder) == NULL)
        return -1;
    (void)snprintf(workspace->path, sizeof(workspace->path), "%s/policy.db", workspace->folder);
    *state = workspace;
    return 0;
}

static inline int workspace_teardown(void **state)
{
    struct workspace *workspace = *state;
    int result = nftw(workspace->folder, workspace_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(workspace);
    return result;
}

/* "FOLDER/NAME", in a buffer of the caller's of 128 bytes. */
static inline const char *workspace_path(const struct workspace *workspace, const char *name,
                                         char buffer[128])
{
    (void)snprintf(buffer, 128, "%s/%s", workspace->folder, name);
    return buffer;
}

/* Runs statements on a connection that is not Pinhole's; returns SQLite's result code. */
static inline int try_sql(const char *path, const char *statements)
{
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    sqlite3_busy_timeout(connection, 5000);
    int code = sqlite3_exec(connection, statements, NULL, NULL, NULL);
    sqlite3_close(connection);
    return code;
}

static inline void run_sql(const char *path, const char *statements)
{
    assert_int_equal(try_sql(path, statements), SQLITE_OK);
}

/* The integer that a query gives. */
static inline int64_t ask(const char *path, const char *query)
{
    sqlite3 *connection;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(connection, query, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(connection);
    return value;
}

/* The real sqlite3 shell, as a person types it, without a timeout. Returns its exit status. */
static inline int type_into_shell(const char *path, const char *statements)
{
    char shell[] = "sqlite3", option[] = "-bail", file[PATH_MAX], text[1024];
    char *arguments[] = { shell, option, file, text, NULL };
    pid_t process;
    int status;
    (void)snprintf(file, sizeof(file), "%s", path);
    (void)snprintf(text, sizeof(text), "%s", statements);
    assert_int_equal(posix_spawnp(&process, shell, NULL, NULL, arguments, environ), 0);
    assert_int_equal(waitpid(process, &status, 0), process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs `check` as a user who may not write; its result is the exit status. */
static inline void as_another_user(const char *path, int (*check)(const char *path))
{
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(99);
        _exit(check(path));
    }
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Opens, and makes or migrates where need be. */
static inline struct database *open_policy(const char *path)
{
    struct fault fault = { 0 };
    struct migration_report report;
    struct database *database = database_open(path, DATABASE_CREATE, &fault);
    assert_string_equal(fault.what, "");
    assert_non_null(database);
    assert_true(database_migrate(database, &report, &fault));
    return database;
}

static inline void make_policy(const char *path, const char *statements)
{
    database_close(open_policy(path));
    run_sql(path, statements);
}

#define WORKSPACE_TEST(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, workspace_setup, workspace_teardown)
