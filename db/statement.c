/* db/statement.c - small helpers around SQLite statements. */
#include "db/statement.h"

int statement_result(int code)
{
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int statement_read_integer(sqlite3 *connection, const char *sql, int64_t *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    int64_t value = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (statement_result(code) != SQLITE_OK)
        return code;
    *ret_value = value;
    return SQLITE_OK;
}

int statement_walk_next(struct statement_walk *walk)
{
    int code = sqlite3_step(walk->statement);
    walk->passed += code == SQLITE_ROW || code == SQLITE_TOOBIG;
    if (code == SQLITE_TOOBIG) {
        sqlite3_reset(walk->statement); /* gives the same code again */
        sqlite3_bind_int64(walk->statement, 1, walk->passed);
    }
    return code;
}
