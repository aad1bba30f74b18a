/* db/transaction.c - reading and writing as of one moment, and never a file that was replaced. */
#include "db/connection.h"
#include "db/statement.h"

/* The next use wakes up with the file that is there now. */
static enum database_status replaced(struct database *database, struct fault *ret_fault)
{
    if (sqlite3_get_autocommit(database->connection) == 0)
        (void)sqlite3_exec(database->connection, "ROLLBACK", NULL, NULL,
                           NULL); /* there is nothing to lose */
    database_sleep(database);
    return database_explain_replaced(database, ret_fault);
}

static enum database_status begin(struct database *database, const char *sql,
                                  struct fault *ret_fault)
{
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    int code = sqlite3_exec(database->connection, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault);
    return database_has_moved(database) ? replaced(database, ret_fault) : DATABASE_OK;
}

enum database_status database_begin_read(struct database *database, struct fault *ret_fault)
{
    return begin(database, "BEGIN", ret_fault);
}

enum database_status database_begin_write(struct database *database, struct fault *ret_fault)
{
    return begin(database, "BEGIN IMMEDIATE", ret_fault);
}

enum database_status database_end(struct database *database, int code, struct fault *ret_fault)
{
    if (database_has_moved(database))
        return replaced(database, ret_fault);
    if (statement_result(code) == SQLITE_OK)
        code = sqlite3_exec(database->connection, "COMMIT", NULL, NULL, NULL);
    if (statement_result(code) == SQLITE_OK) {
        if (database->is_frozen)
            database_sleep(database); /* awake, it would not see the next edit */
        return DATABASE_OK;
    }
    enum database_status status = database_explain(database, code, ret_fault);
    if (sqlite3_get_autocommit(database->connection) == 0)
        (void)sqlite3_exec(database->connection, "ROLLBACK", NULL, NULL,
                           NULL); /* the failure is told already */
    return status;
}
