/* db/setting_reader.h - the tables `setting`, `gate_key` and `cookie_key` as policy/ takes them. */
#pragma once
#include "policy/settings.h"

enum { SETTING_NAME_BYTES = 64, UNREADABLE_SETTINGS_MAX = 8 };

struct setting_values {
    struct settings settings;
    /* Names of rows whose value can't be read, or not whole; those settings hold their defaults, or
     * what of a list could be read. "gate_key" and "cookie_key" stand for these tables. */
    char unreadable[UNREADABLE_SETTINGS_MAX][SETTING_NAME_BYTES];
    uint32_t unreadable_count;
};

struct sqlite3;

/* Reads all rows in the caller's transaction. Returns SQLite's result code; `*ret_values` is set on
 * SQLITE_OK. */
int setting_reader_read(struct sqlite3 *connection, struct setting_values *ret_values);
