/* db/rule_reader.h - rows of the table `rule` as policy/ takes them, however odd they are. For the
 * files of db/ alone. Rows may be hostile: a value of the wrong type, or too large to read, spoils
 * its own rule only, and never widens access. */
#pragma once
#include "policy/rule.h"

#include <sqlite3.h>

/* The columns that rule_reader_get() expects first in a statement. A deny's connect_to means
 * nothing, so that none is too large to be read. */
#define RULE_COLUMNS                                                                               \
    "rule.id, rule.target, rule.action, rule.enabled, rule.expires_at, rule.widen, rule.clients,"  \
    " CASE rule.action WHEN 'allow' THEN rule.connect_to END"
enum { RULE_COLUMN_COUNT = 8 };

/* The row that `statement` stands on; borrows from it until its next step. False when out of
 * memory. */
bool rule_reader_get(sqlite3_stmt *statement, struct rule_row *ret_row);

/* Steps `statement`, whose ?1 is the id that its rows come after, in the order of ids, to the row
 * after `*last_id`. SQLITE_ROW: a row, whose id is now in `*last_id`. SQLITE_TOOBIG: a row too
 * large to read, of which only the id is known. SQLITE_DONE: no more. All else is a failure. */
int rule_reader_next(sqlite3_stmt *statement, int64_t *last_id);
