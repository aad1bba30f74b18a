/* db/rule_reader.c - rows of the tables `rule` and `pin`. */
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
    COLUMN_CONNECT_TO,
    COLUMN_VERIFY
};

/* What stands for a value that can't be read; rule_compile() takes it for disabled in an allow,
 * enabled in a deny. */
enum { ENABLED_UNREADABLE = 2 };

int rule_reader_open(struct rule_reader *reader, sqlite3 *connection, const char *sql)
{
    static const char next_pinned[] =
        "SELECT rule_id FROM pin WHERE typeof(rule_id) = 'integer' AND rule_id >= ?1"
        " ORDER BY rule_id LIMIT 1";
    static const char pins[] = "SELECT spki_sha256, mode, expires_at FROM pin WHERE rule_id = ?1";
    *reader = (struct rule_reader){ .last_id = INT64_MIN };
    int code = sqlite3_prepare_v2(connection, sql, -1, &reader->rules, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, next_pinned, -1, &reader->next_pinned, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, pins, -1, &reader->pins, NULL);
    return code;
}

void rule_reader_close(struct rule_reader *reader)
{
    sqlite3_finalize(reader->rules);
    sqlite3_finalize(reader->next_pinned);
    sqlite3_finalize(reader->pins);
}

/* A text without a NUL inside; "" for all else. NULL when out of memory.
 * Here and below, values are taken out of the row once, as only one thread is at the statement:
 * sqlite3_column_text() and the like would look for them, and lock, at each call. */
static const char *plain_text(sqlite3_stmt *statement, int column)
{
    sqlite3_value *value = sqlite3_column_value(statement, column);
    if (sqlite3_value_type(value) != SQLITE_TEXT)
        return "";
    const char *text = (const char *)sqlite3_value_text(value);
    if (text == NULL)
        return NULL;
    return strlen(text) == (size_t)sqlite3_value_bytes(value) ? text : "";
}

/* An integer; `otherwise` for all else. */
static int64_t plain_integer(sqlite3_stmt *statement, int column, int64_t otherwise)
{
    sqlite3_value *value = sqlite3_column_value(statement, column);
    return sqlite3_value_type(value) == SQLITE_INTEGER ? sqlite3_value_int64(value) : otherwise;
}

static void copy_text(const char *text, char *ret_copy, size_t capacity)
{
    size_t size = strnlen(text, capacity - 1);
    memcpy(ret_copy, text, size);
    ret_copy[size] = '\0';
}

/* False when out of memory. A pin of which anything can't be read is no pin. */
static bool read_pin(sqlite3_stmt *statement, struct pin_row *pin)
{
    const char *spki_sha256 = plain_text(statement, 0), *mode = plain_text(statement, 1);
    int expiry = sqlite3_column_type(statement, 2);
    if (spki_sha256 == NULL || mode == NULL)
        return false;
    *pin = (struct pin_row){ .has_expiry = expiry != SQLITE_NULL,
                             .expires_at = sqlite3_column_int64(statement, 2) };
    if (expiry != SQLITE_NULL && expiry != SQLITE_INTEGER)
        return true;
    copy_text(spki_sha256, pin->spki_sha256, sizeof(pin->spki_sha256));
    copy_text(mode, pin->mode, sizeof(pin->mode));
    return true;
}

/* The first rule from `id` on that has a pin; INT64_MAX where none has, though it may itself. */
static int find_next_pinned(struct rule_reader *reader, int64_t id)
{
    sqlite3_reset(reader->next_pinned); /* what the last step said was handled then */
    sqlite3_bind_int64(reader->next_pinned, 1, id);
    int code = sqlite3_step(reader->next_pinned);
    reader->bare_from = id;
    reader->bare_until = INT64_MAX;
    if (code == SQLITE_ROW)
        reader->bare_until = sqlite3_column_int64(reader->next_pinned, 0);
    return statement_result(code);
}

static int read_pins(struct rule_reader *reader, int64_t id, struct rule_row *row)
{
    int code = SQLITE_OK;
    if (id < reader->bare_from || id >= reader->bare_until)
        code = find_next_pinned(reader, id);
    if (code != SQLITE_OK || id < reader->bare_until)
        return code;
    sqlite3_reset(reader->pins);
    sqlite3_bind_int64(reader->pins, 1, id);
    row->pins = reader->pin;
    while (row->pin_count <= REQUIRED_PINS_MAX && code == SQLITE_OK) {
        code = sqlite3_step(reader->pins);
        struct pin_row *pin = &reader->pin[row->pin_count];
        *pin = (struct pin_row){ 0 };
        row->pin_count += code == SQLITE_ROW || code == SQLITE_TOOBIG;
        if (code == SQLITE_TOOBIG)
            return SQLITE_OK; /* one that can't be read is enough */
        if (code == SQLITE_ROW)
            code = read_pin(reader->pins, pin) ? SQLITE_OK : SQLITE_NOMEM;
    }
    return statement_result(code);
}

int rule_reader_get(struct rule_reader *reader, struct rule_row *ret_row)
{
    sqlite3_stmt *statement = reader->rules;
    struct rule_row row = { .id = sqlite3_column_int64(statement, COLUMN_ID), .target = "" };
    sqlite3_value *target = sqlite3_column_value(statement, COLUMN_TARGET);
    if (sqlite3_value_type(target) == SQLITE_TEXT) {
        row.target = (const char *)sqlite3_value_text(target);
        row.target_size = (size_t)sqlite3_value_bytes(target);
    }
    row.action = plain_text(statement, COLUMN_ACTION); /* not "allow", a NUL, and something else */
    row.clients = plain_text(statement, COLUMN_CLIENTS);
    bool has_connect_to = sqlite3_column_type(statement, COLUMN_CONNECT_TO) != SQLITE_NULL;
    if (has_connect_to)
        row.connect_to = plain_text(statement, COLUMN_CONNECT_TO);
    row.verify = plain_text(statement, COLUMN_VERIFY);
    if (row.target == NULL || row.action == NULL || row.clients == NULL || row.verify == NULL ||
        (has_connect_to && row.connect_to == NULL))
        return SQLITE_NOMEM;
    row.enabled = plain_integer(statement, COLUMN_ENABLED, ENABLED_UNREADABLE);
    row.widen = plain_integer(statement, COLUMN_WIDEN, 0);
    int expiry = sqlite3_column_type(statement, COLUMN_EXPIRES_AT);
    if (expiry == SQLITE_INTEGER) {
        row.has_expiry = true;
        row.expires_at = sqlite3_column_int64(statement, COLUMN_EXPIRES_AT);
    } else if (expiry != SQLITE_NULL && strcmp(row.action, "allow") == 0) {
        row.has_expiry =
            true; /* some moment was meant: for an allow it has passed, for a deny it never comes */
        row.expires_at = INT64_MIN;
    }
    int code = read_pins(reader, row.id, &row);
    if (code == SQLITE_OK)
        *ret_row = row;
    return code;
}

void rule_reader_start(struct rule_reader *reader, int64_t after_id)
{
    reader->last_id = after_id;
    sqlite3_reset(reader->rules); /* what the last step said was handled then */
    sqlite3_bind_int64(reader->rules, 1, after_id);
}

/* The row too large to read is passed by going on after its id, which can be read without the rest.
 */
static int skip_row(struct rule_reader *reader)
{
    sqlite3_stmt *ids = NULL;
    int code =
        sqlite3_prepare_v2(sqlite3_db_handle(reader->rules),
                           "SELECT id FROM rule WHERE id > ?1 ORDER BY id LIMIT 1", -1, &ids, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(ids, 1, reader->last_id);
        code = sqlite3_step(ids);
    }
    if (code == SQLITE_ROW) {
        rule_reader_start(reader, sqlite3_column_int64(ids, 0));
        code = SQLITE_TOOBIG;
    } else if (statement_result(code) == SQLITE_OK || code == SQLITE_TOOBIG) {
        code = SQLITE_CORRUPT;
    }
    sqlite3_finalize(ids);
    return code;
}

int rule_reader_next(struct rule_reader *reader)
{
    int code = sqlite3_step(reader->rules);
    if (code == SQLITE_TOOBIG)
        return skip_row(reader);
    if (code != SQLITE_ROW)
        return code;
    int64_t id = sqlite3_column_int64(reader->rules, COLUMN_ID);
    if (id <= reader->last_id)
        return SQLITE_CORRUPT; /* a foreign table whose ids are not unique: which row decides can't
                                  be said */
    reader->last_id = id;
    return SQLITE_ROW;
}

int rule_reader_find(struct rule_reader *reader, int64_t id)
{
    sqlite3_reset(reader->rules); /* what the last step said was handled then */
    sqlite3_bind_int64(reader->rules, 1, id);
    return sqlite3_step(reader->rules);
}
