/* db/rule_reader.h - rows of the tables `rule` and `pin` as policy/ takes them, however odd they
 * are. For the files of db/ alone. Rows may be hostile: a value of the wrong type, or too large to
 * read, spoils its own rule only, and never widens access. Rules without pins, which most are, cost
 * no look at the table `pin` where they come in the order of their ids. */
#pragma once
#include "policy/rule.h"

#include <sqlite3.h>

/* The columns that a reader expects first in its statement. What a deny has of connect_to and
 * verify means nothing, so that none is too large to be read. */
#define RULE_COLUMNS                                                                               \
    "rule.id, rule.target, rule.action, rule.enabled, rule.expires_at, rule.widen, rule.clients,"  \
    " CASE rule.action WHEN 'allow' THEN rule.connect_to END,"                                     \
    " CASE rule.action WHEN 'allow' THEN rule.verify END"
enum { RULE_COLUMN_COUNT = 9 };

struct rule_reader {
    sqlite3_stmt *rules;       /* stands on the row that was read last */
    sqlite3_stmt *next_pinned; /* the first rule from ?1 on that has a pin */
    sqlite3_stmt *pins;        /* of the rule ?1 */
    int64_t last_id;
    int64_t bare_from,
        bare_until; /* no id from the first to the second, itself left out, has one */
    struct pin_row pin[REQUIRED_PINS_MAX + 1];
};

/* For `sql`, whose ?1 is the id that its rows come after, in the order of ids; or that its only row
 * has. SQLITE_OK or what failed; close it in either case. */
int rule_reader_open(struct rule_reader *reader, sqlite3 *connection, const char *sql);
void rule_reader_close(struct rule_reader *reader);

/* Where to go on: the next row is the first after that id. */
void rule_reader_start(struct rule_reader *reader, int64_t after_id);
/* Steps to the row after `last_id`. SQLITE_ROW: a row, whose id is now there. SQLITE_TOOBIG: a row
 * too large to read, of which only the id is known. SQLITE_DONE: no more. All else is a failure. */
int rule_reader_next(struct rule_reader *reader);

/* Steps to the one row of that id: SQLITE_ROW, SQLITE_TOOBIG, SQLITE_DONE, or a failure. */
int rule_reader_find(struct rule_reader *reader, int64_t id);

/* The row that the reader stands on, which borrows from it until its next step, and its pins:
 * REQUIRED_PINS_MAX + 1 where there are more. SQLITE_OK or what failed. */
int rule_reader_get(struct rule_reader *reader, struct rule_row *ret_row);
