/* db/rule_history.c - the table rule_history. */
#include "db/rule_history.h"
#include "db/connection.h"
#include "db/statement.h"

enum { PRUNED_AT_ONCE = 1000, DAY_S = 86400 };

/* What is older than either may go. */
struct bounds {
    int64_t time_s;
    int64_t id;
};

/* A setting that is gone, or no number, or out of its range, takes nothing away. */
static int find_bounds(sqlite3 *connection, int64_t now_s, struct bounds *ret_bounds)
{
    int64_t days = 0, newest = 0, rows = 0;
    int code = statement_read_integer(
        connection, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'history_days'",
        &days);
    if (code == SQLITE_OK)
        code = statement_read_integer(
            connection, "SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'history_rows'",
            &rows);
    if (code == SQLITE_OK)
        code = statement_read_integer(connection, "SELECT max(id) FROM rule_history", &newest);
    if (code != SQLITE_OK)
        return code;
    ret_bounds->time_s = days > 0 && days <= now_s / DAY_S ? now_s - days * DAY_S : 0;
    ret_bounds->id = rows > 0 && rows <= newest ? newest - rows + 1 : 0;
    return SQLITE_OK;
}

/* The entry that is to be the oldest, not far from the one that is; 0 where all may stay. It goes
 * by the order of the entries, so that one made while the clock was wrong takes no others with it.
 */
static int find_new_oldest(sqlite3 *connection, const struct bounds *bounds, int64_t *ret_id)
{
    sqlite3_stmt *statement = NULL;
    int64_t id = 0;
    int passed = 0;
    int code = sqlite3_prepare_v2(connection, "SELECT id, changed_at FROM rule_history ORDER BY id",
                                  -1, &statement, NULL);
    while (code == SQLITE_OK && passed <= PRUNED_AT_ONCE && sqlite3_step(statement) == SQLITE_ROW &&
           (sqlite3_column_int64(statement, 0) <= bounds->id ||
            sqlite3_column_int64(statement, 1) < bounds->time_s)) {
        id = sqlite3_column_int64(statement, 0);
        passed++;
    }
    int ended = sqlite3_finalize(statement);
    *ret_id = passed > 1 ? id : 0;
    return code == SQLITE_OK ? ended : code;
}

static int delete_before(sqlite3 *connection, int64_t id)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "DELETE FROM rule_history WHERE id < ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, id);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return statement_result(code);
}

enum database_status rule_history_prune(struct database *database, int64_t now_s, bool *ret_more,
                                        struct fault *ret_fault)
{
    struct bounds bounds;
    int64_t oldest = 0;
    *ret_more = false;
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK || database->is_read_only)
        return status;
    int code = find_bounds(database->connection, now_s, &bounds);
    if (code == SQLITE_OK)
        code = find_new_oldest(database->connection, &bounds, &oldest);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault);
    if (oldest == 0)
        return DATABASE_OK;
    status = database_begin_write(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    code = delete_before(database->connection, oldest);
    status = database_end(database, code, ret_fault);
    *ret_more = status == DATABASE_OK;
    return status;
}
