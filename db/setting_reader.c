/* db/setting_reader.c - the tables `setting`, `gate_key` and `cookie_key`. */
#include "db/setting_reader.h"
#include "db/statement.h"

#include <sqlite3.h>
#include <string.h>

static void note_unreadable(struct setting_values *values, const char *name)
{
    if (values->unreadable_count == UNREADABLE_SETTINGS_MAX)
        return;
    char *slot = values->unreadable[values->unreadable_count++];
    size_t size = strnlen(name, SETTING_NAME_BYTES - 1);
    memcpy(slot, name, size);
    slot[size] = '\0';
}

static enum setting_status set_from_row(struct settings *settings, const char *name,
                                        sqlite3_stmt *row)
{
    const char *value = (const char *)sqlite3_column_text(row, 0);
    if (value == NULL || strlen(value) != (size_t)sqlite3_column_bytes(row, 0))
        return SETTING_BAD_VALUE; /* NULL, or with a NUL inside */
    return settings_set(settings, name, value);
}

/* Each value by itself, so that one too large to read leaves the others readable. */
static int read_value(sqlite3 *connection, const char *name, struct setting_values *values)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "SELECT value FROM setting WHERE name = ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, name, -1, SQLITE_TRANSIENT);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_TOOBIG ||
        (code == SQLITE_ROW &&
         set_from_row(&values->settings, name, statement) == SETTING_BAD_VALUE)) {
        note_unreadable(values, name);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* What can't be read, be it too large, leaves the key unknown. */
static int read_gate_key(sqlite3 *connection, struct setting_values *values)
{
    sqlite3_stmt *statement = NULL;
    const char *key = NULL;
    int code = sqlite3_prepare_v2(connection, "SELECT \"key\" FROM gate_key WHERE id = 1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        key = (const char *)sqlite3_column_text(statement, 0);
    bool is_whole = key != NULL && sqlite3_column_bytes(statement, 0) == GATE_KEY_DIGITS;
    if (!is_whole || !gate_key_parse(key, &values->settings.gate_key))
        note_unreadable(values, "gate_key");
    sqlite3_finalize(statement);
    return code == SQLITE_TOOBIG ? SQLITE_OK : statement_result(code);
}

/* False for what is no key. */
static bool read_cookie_key(sqlite3_stmt *row, int column, struct siphash_key *ret_key)
{
    const char *key = (const char *)sqlite3_column_text(row, column);
    return key != NULL && sqlite3_column_bytes(row, column) == COOKIE_KEY_DIGITS &&
           cookie_key_parse(key, ret_key);
}

/* What can't be read leaves that key unknown; a NULL for the key before says that there is none. */
static int read_cookie_keys(sqlite3 *connection, struct setting_values *values)
{
    struct cookie_keys keys = { 0 };
    sqlite3_stmt *row = NULL;
    bool is_whole = false;
    int code = sqlite3_prepare_v2(
        connection, "SELECT \"key\", previous, rolled_at FROM cookie_key WHERE id = 1", -1, &row,
        NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        bool has_none = sqlite3_column_type(row, 1) == SQLITE_NULL;
        keys.is_known = read_cookie_key(row, 0, &keys.current);
        keys.has_previous = !has_none && read_cookie_key(row, 1, &keys.previous);
        keys.rolled_at_s = sqlite3_column_int64(row, 2);
        is_whole = keys.is_known && (has_none || keys.has_previous);
    }
    if (!is_whole)
        note_unreadable(values, "cookie_key");
    values->settings.cookie_keys = keys;
    sqlite3_finalize(row);
    return code == SQLITE_TOOBIG ? SQLITE_OK : statement_result(code);
}

int setting_reader_read(sqlite3 *connection, struct setting_values *ret_values)
{
    struct setting_values values = { .settings = settings_default() };
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "SELECT name FROM setting LIMIT -1 OFFSET ?1", -1,
                                  &statement, NULL);
    struct statement_walk walk = { .statement = statement };
    if (code == SQLITE_OK)
        sqlite3_bind_int64(statement, 1, 0);
    while (code == SQLITE_OK && (code = statement_walk_next(&walk)) != SQLITE_DONE) {
        if (code == SQLITE_ROW) {
            const char *name = (const char *)sqlite3_column_text(statement, 0);
            code = name != NULL ? read_value(connection, name, &values) : SQLITE_OK;
        } else if (code == SQLITE_TOOBIG) {
            note_unreadable(&values, "(a name too long to read)");
            code = SQLITE_OK;
        }
    }
    sqlite3_finalize(statement);
    if (statement_result(code) == SQLITE_OK)
        code = read_gate_key(connection, &values);
    if (statement_result(code) == SQLITE_OK)
        code = read_cookie_keys(connection, &values);
    if (statement_result(code) != SQLITE_OK)
        return code;
    *ret_values = values;
    return SQLITE_OK;
}
