/* db/change_log.c - the table policy_change. */
#include "db/change_log.h"
#include "db/connection.h"
#include "db/statement.h"

enum { PRUNED_AT_ONCE = 1000 };

bool change_log_place_equal(const struct change_log_place *left,
                            const struct change_log_place *right)
{
    return left->sequence == right->sequence && left->has_row == right->has_row &&
           left->stamp == right->stamp;
}

static int find_place(sqlite3 *connection, int64_t sequence, struct change_log_place *ret_place)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "SELECT stamp FROM policy_change WHERE sequence = ?1",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, sequence);
        code = sqlite3_step(statement);
    }
    *ret_place = (struct change_log_place){ .sequence = sequence, .has_row = code == SQLITE_ROW };
    if (code == SQLITE_ROW)
        ret_place->stamp = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* sqlite_sequence alone knows the end of a log that was emptied; the rows alone know it after
 * INSERT OR FAIL, which keeps rows without counting them. */
int change_log_find_end(sqlite3 *connection, struct change_log_place *ret_place)
{
    int64_t sequence;
    int code = statement_read_integer(
        connection,
        "SELECT max(coalesce((SELECT max(sequence) FROM policy_change), 0),"
        "           coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'policy_change'), 0))",
        &sequence);
    return code == SQLITE_OK ? find_place(connection, sequence, ret_place) : code;
}

int change_log_leads(sqlite3 *connection, const struct change_log_place *from,
                     const struct change_log_place *to, bool *ret_leads)
{
    struct change_log_place found;
    sqlite3_stmt *statement = NULL;
    *ret_leads = false;
    if (!from->has_row || to->sequence < from->sequence ||
        to->sequence - from->sequence > CHANGE_LOG_KEPT)
        return SQLITE_OK;
    int code = find_place(connection, from->sequence, &found);
    if (code != SQLITE_OK || !change_log_place_equal(from, &found))
        return code;
    code = sqlite3_prepare_v2(connection, "SELECT count(*) FROM policy_change WHERE sequence > ?1",
                              -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, from->sequence);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW)
        *ret_leads = sqlite3_column_int64(statement, 0) == to->sequence - from->sequence;
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* The newest sequence of which all older ones may go; 0 when there is nothing to take away. */
static int find_prunable(sqlite3 *connection, int64_t *ret_until, int64_t *ret_oldest)
{
    int64_t newest = 0;
    int code =
        statement_read_integer(connection, "SELECT max(sequence) FROM policy_change", &newest);
    if (code == SQLITE_OK)
        code = statement_read_integer(connection, "SELECT min(sequence) FROM policy_change",
                                      ret_oldest);
    *ret_until = newest - CHANGE_LOG_KEPT;
    return code;
}

static int delete_until(sqlite3 *connection, int64_t sequence)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "DELETE FROM policy_change WHERE sequence <= ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, sequence);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return statement_result(code);
}

enum database_status change_log_prune(struct database *database, bool *ret_more,
                                      struct fault *ret_fault)
{
    int64_t until, oldest = 0;
    *ret_more = false;
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK || database->is_read_only)
        return status;
    int code = find_prunable(database->connection, &until, &oldest);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault);
    if (until <= 0 || oldest > until)
        return DATABASE_OK;
    status = database_begin_write(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    bool is_last = until - oldest < PRUNED_AT_ONCE;
    code = delete_until(database->connection, is_last ? until : oldest + PRUNED_AT_ONCE - 1);
    status = database_end(database, code, ret_fault);
    *ret_more = status == DATABASE_OK && !is_last;
    return status;
}
