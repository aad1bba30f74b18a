/* db/migrate.c - bringing a policy file to this binary's version. */
#include "db/migrate.h"
#include "base/fault.h"
#include "db/connection.h"
#include "db/migrations.h"
#include "db/statement.h"

#include <stdio.h>

enum { WAIT_FOR_LOCK_MS = 1000 };

static bool read_version(struct database *database, int *ret_version, struct fault *ret_fault)
{
    int64_t version;
    int code = statement_read_integer(database->connection, "PRAGMA user_version", &version);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault) == DATABASE_OK;
    *ret_version = (int)version; /* 32 bits in the file's header */
    return true;
}

/* Other programs number their versions too: what has one must have our tables, what has none must
 * be empty. */
static bool check_is_ours(struct database *database, int version, struct fault *ret_fault)
{
    int64_t tables = 0;
    const char *sql = version == 0
                          ? "SELECT count(*) FROM sqlite_schema"
                          : "SELECT count(*) FROM sqlite_schema WHERE name = 'policy_change'";
    int code = statement_read_integer(database->connection, sql, &tables);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault) == DATABASE_OK;
    if (version >= 0 && (version == 0) == (tables == 0))
        return true;
    fault_what(ret_fault,
               "the file is a SQLite database, but not a Pinhole policy (user_version %d)",
               version);
    fault_where(ret_fault, "%s", database->path);
    fault_remedy(ret_fault,
                 "name another file with --db; if this one was restored from a .dump, which leaves "
                 "user_version out, set it with: sqlite3 FILE 'PRAGMA user_version = N'");
    return false;
}

/* One step, unless another process took it meanwhile. */
static bool apply(struct database *database, int version, struct fault *ret_fault)
{
    char set_version[64];
    int64_t found;
    if (database_begin_write(database, ret_fault) != DATABASE_OK)
        return false;
    int code = statement_read_integer(database->connection, "PRAGMA user_version", &found);
    if (code != SQLITE_OK || found >= version)
        return database_end(database, code, ret_fault) == DATABASE_OK;
    (void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version);
    code = sqlite3_exec(database->connection, migrations[version - 1].sql, NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(database->connection, set_version, NULL, NULL, NULL);
    return database_end(database, code, ret_fault) == DATABASE_OK;
}

static bool migrate(struct database *database, struct migration_report *report,
                    struct fault *ret_fault)
{
    if (database_wake(database, ret_fault) != DATABASE_OK ||
        !read_version(database, &report->from_version, ret_fault) ||
        !check_is_ours(database, report->from_version, ret_fault))
        return false;
    report->to_version = migration_count;
    if (database->is_read_only) {
        if (report->from_version == migration_count)
            return true;
        fault_what(
            ret_fault,
            "the policy file is of version %d and must be brought to %d, but can't be written",
            report->from_version, migration_count);
        fault_where(ret_fault, "%s", database->path);
        fault_remedy(ret_fault, "run pinhole init on it where it and its folder can be written");
        return false;
    }
    /* Readers and writers then never hold each other up. Where it can't be had, be it that somebody
     * is reading just now or that the file system has no shared memory, all works without. */
    (void)sqlite3_exec(database->connection, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    for (int version = report->from_version + 1; version <= migration_count; version++)
        if (!apply(database, version, ret_fault))
            return false;
    return true;
}

bool database_migrate(struct database *database, struct migration_report *ret_report,
                      struct fault *ret_fault)
{
    struct migration_report report = { 0 };
    database_set_wait(database, WAIT_FOR_LOCK_MS);
    bool is_done = migrate(database, &report, ret_fault);
    database_set_wait(database, 0);
    if (!is_done)
        return false;
    database->takes_any_version = false;
    *ret_report = report;
    return true;
}
