/* db/setting_reader.h - the table `setting` as policy/ takes it. */
#pragma once
#include "policy/settings.h"

enum { SETTING_NAME_BYTES = 64, UNREADABLE_SETTINGS_MAX = 8 };

struct setting_values {
    struct settings settings;
    /* Names of rows whose value can't be read, or not whole; those settings hold their defaults, or
     * what of a list could be read. */
    char unreadable[UNREADABLE_SETTINGS_MAX][SETTING_NAME_BYTES];
    uint32_t unreadable_count;
};

struct sqlite3;

/* Reads all rows in the caller's transaction. Returns SQLite's result code; `*ret_values` is set on
 * SQLITE_OK. */
int setting_reader_read(struct sqlite3 *connection, struct setting_values *ret_values);
