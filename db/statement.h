/* db/statement.h - small helpers around SQLite statements, for the files of db/ alone. */
#pragma once
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the one integer that `sql` asks for; 0 where it gives no row or NULL. Returns SQLITE_OK or
 * what failed; then `*ret_value` is untouched. */
int statement_read_integer(sqlite3 *connection, const char *sql, int64_t *ret_value);

/* SQLITE_ROW and SQLITE_DONE, which say how far a statement is, as SQLITE_OK. */
int statement_result(int code);
