/* db/group_changes.h - which rules are to be read again because groups of clients changed. For the
 * files of db/ alone.
 *
 * A rule knows its group by the id, so a rule changes only where the name it gives got another id:
 * the group came, went, or is a new one of the same name. Networks are looked at by decisions
 * alone; but rule_status says of a rule when its group has none. */
#pragma once
#include "db/policy_store.h"

struct sqlite3;

/* Compares the groups in `changes` with those `before`, and adds to `changes` the ids of the rules
 * concerned, in the caller's transaction. Sets is_too_many where they do not fit, and
 * has_stale_status where only statuses would not. Returns SQLite's result code. */
int group_changes_find(struct sqlite3 *connection, const struct client_groups *before,
                       struct policy_changes *changes);
