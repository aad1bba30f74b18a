/* db/statement.h - small helpers around SQLite statements, for the files of db/ alone. */
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the one integer that `sql` asks for; 0 where it gives no row or NULL. Returns SQLITE_OK or
 * what failed; then `*ret_value` is untouched. */
int statement_read_integer(sqlite3 *connection, const char *sql, int64_t *ret_value);

/* Goes through rows of which some may be too large to read. The statement ends in "LIMIT -1 OFFSET
 * ?1", and sorts nothing, since a row that is passed over must not be read. */
struct statement_walk {
    sqlite3_stmt *statement; /* borrowed */
    int64_t passed;          /* rows so far */
};

/* The next row: SQLITE_ROW. SQLITE_TOOBIG: it can't be read; go on. Else SQLITE_DONE or a failure.
 */
int statement_walk_next(struct statement_walk *walk);

/* SQLITE_ROW and SQLITE_DONE, which say how far a statement is, as SQLITE_OK. */
int statement_result(int code);
