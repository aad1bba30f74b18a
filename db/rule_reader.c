/* db/rule_reader.c - rows of the table `rule`. */
#include "db/rule_reader.h"
#include "db/statement.h"

#include <string.h>

enum {
    COLUMN_ID,
    COLUMN_TARGET,
    COLUMN_ACTION,
    COLUMN_ENABLED,
    COLUMN_EXPIRES_AT,
    COLUMN_WIDEN,
    COLUMN_CLIENTS,
    COLUMN_CONNECT_TO
};

/* What stands for a value that can't be read; rule_compile() takes it for disabled in an allow,
 * enabled in a deny. */
enum { ENABLED_UNREADABLE = 2 };

/* A text without a NUL inside; "" for all else. NULL when out of memory. */
static const char *plain_text(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) != SQLITE_TEXT)
        return "";
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text == NULL)
        return NULL;
    return strlen(text) == (size_t)sqlite3_column_bytes(statement, column) ? text : "";
}

bool rule_reader_get(sqlite3_stmt *statement, struct rule_row *ret_row)
{
    struct rule_row row = { .id = sqlite3_column_int64(statement, COLUMN_ID),
                            .target = "",
                            .enabled = ENABLED_UNREADABLE };
    bool has_target = sqlite3_column_type(statement, COLUMN_TARGET) == SQLITE_TEXT;
    if (has_target) {
        row.target = (const char *)sqlite3_column_text(statement, COLUMN_TARGET);
        row.target_size = (size_t)sqlite3_column_bytes(statement, COLUMN_TARGET);
    }
    row.action = plain_text(statement, COLUMN_ACTION); /* not "allow", a NUL, and something else */
    row.clients = plain_text(statement, COLUMN_CLIENTS);
    bool has_connect_to = sqlite3_column_type(statement, COLUMN_CONNECT_TO) != SQLITE_NULL;
    if (has_connect_to)
        row.connect_to = plain_text(statement, COLUMN_CONNECT_TO);
    if (row.target == NULL || row.action == NULL || row.clients == NULL ||
        (has_connect_to && row.connect_to == NULL))
        return false;
    if (sqlite3_column_type(statement, COLUMN_ENABLED) == SQLITE_INTEGER)
        row.enabled = sqlite3_column_int64(statement, COLUMN_ENABLED);
    if (sqlite3_column_type(statement, COLUMN_WIDEN) == SQLITE_INTEGER)
        row.widen = sqlite3_column_int64(statement, COLUMN_WIDEN);
    int expiry = sqlite3_column_type(statement, COLUMN_EXPIRES_AT);
    if (expiry == SQLITE_INTEGER) {
        row.has_expiry = true;
        row.expires_at = sqlite3_column_int64(statement, COLUMN_EXPIRES_AT);
    } else if (expiry != SQLITE_NULL && strcmp(row.action, "allow") == 0) {
        row.has_expiry =
            true; /* some moment was meant: for an allow it has passed, for a deny it never comes */
        row.expires_at = INT64_MIN;
    }
    *ret_row = row;
    return true;
}

/* The row too large to read is passed by going on after its id, which can be read without the rest.
 */
static int skip_row(sqlite3_stmt *statement, int64_t *last_id)
{
    sqlite3_stmt *ids = NULL;
    int code =
        sqlite3_prepare_v2(sqlite3_db_handle(statement),
                           "SELECT id FROM rule WHERE id > ?1 ORDER BY id LIMIT 1", -1, &ids, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(ids, 1, *last_id);
        code = sqlite3_step(ids);
    }
    if (code == SQLITE_ROW) {
        *last_id = sqlite3_column_int64(ids, 0);
        sqlite3_reset(statement);
        sqlite3_bind_int64(statement, 1, *last_id);
        code = SQLITE_TOOBIG;
    } else if (statement_result(code) == SQLITE_OK || code == SQLITE_TOOBIG) {
        code = SQLITE_CORRUPT;
    }
    sqlite3_finalize(ids);
    return code;
}

int rule_reader_next(sqlite3_stmt *statement, int64_t *last_id)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_TOOBIG)
        return skip_row(statement, last_id);
    if (code != SQLITE_ROW)
        return code;
    int64_t id = sqlite3_column_int64(statement, COLUMN_ID);
    if (id <= *last_id)
        return SQLITE_CORRUPT; /* a foreign table whose ids are not unique: which row decides can't
                                  be said */
    *last_id = id;
    return SQLITE_ROW;
}
