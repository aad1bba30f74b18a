/* db/migrations.h - the files of migrations/, built into the binary in their order. Migration i,
 * counted from 1, takes a file from user_version i - 1 to i. */
#pragma once

struct migration {
    const char *name; /* "0002_rule" */
    const char *sql;
};

extern const struct migration migrations[];
extern const int migration_count;
