/* db/provider_reader.h - the table `provider` as policy/ takes it. For the files of db/ alone. */
#pragma once
#include "policy/provider.h"

#include <sqlite3.h>

/* Reads all rows in the caller's transaction; one that can't be read is left out. Returns SQLite's
 * result code; on SQLITE_OK the caller owns `*ret_catalogue`. */
int provider_reader_read(sqlite3 *connection, struct provider_catalogue **ret_catalogue);
