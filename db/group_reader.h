/* db/group_reader.h - the tables client_group and client_network as policy/ takes them. A row that
 * can't be read is left out: a group that is not there takes no rule, a network that is not there
 * no client. */
#pragma once
#include "policy/client_group.h"

struct sqlite3;

/* Reads all rows in the caller's transaction. Returns SQLite's result code; `*ret_groups` is set on
 * SQLITE_OK, and the caller's. */
int group_reader_read(struct sqlite3 *connection, struct client_groups **ret_groups);
