/* db/connection.h - what the files of db/ see of a database: the SQLite connection inside. */
#pragma once
#include "db/database.h"

#include <sqlite3.h>

/* Longest string or row that SQLite will handle for us: far beyond any target, far below what would
 * hurt. */
enum { DATABASE_VALUE_BYTES_MAX = 1 << 20 };

struct database {
    sqlite3 *connection; /* NULL: asleep */
    char *path;
    enum database_mode mode;
    struct database_guard *guard; /* borrowed; may be NULL */
    bool has_entered;             /* and not left it */
    int wait_ms;                  /* for locks; 0 but at the start */
    bool may_create;              /* only at the start: a file that vanishes is not made anew */
    bool takes_any_version;       /* until it was migrated */
    bool is_read_only;
    bool is_frozen; /* opened immutable: reads the file as it was then, so it must be opened anew to
                       see edits */
};

/* Wakes the database if it sleeps. */
enum database_status database_wake(struct database *database, struct fault *ret_fault);

/* The path leads to another file than the connection, or nowhere. */
bool database_has_moved(struct database *database);

/* Sets how long `database` waits for locks, now and when it wakes. */
void database_set_wait(struct database *database, int wait_ms);

/* What SQLite's result code `code` means to a person, for the last call on the connection. */
enum database_status database_explain(struct database *database, int code, struct fault *ret_fault);

/* The same for a file that another took the place of. */
enum database_status database_explain_replaced(struct database *database, struct fault *ret_fault);

/* Begins a read transaction: all until database_end() is seen as of one moment. */
enum database_status database_begin_read(struct database *database, struct fault *ret_fault);

/* Begins a write transaction, unless the file is locked or was replaced (both DATABASE_BUSY). */
enum database_status database_begin_write(struct database *database, struct fault *ret_fault);

/* Ends a transaction in which the last call gave `code` (SQLITE_OK, SQLITE_ROW and SQLITE_DONE are
 * fine), by a commit or, after a failure, a rollback. What was read through a replaced file counts
 * as DATABASE_BUSY. */
enum database_status database_end(struct database *database, int code, struct fault *ret_fault);
