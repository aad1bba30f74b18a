/* db/change_log.h - the table policy_change: how far it was read, and keeping it short. */
#pragma once
#include "db/database.h"

#include <stdint.h>

struct sqlite3;

enum { CHANGE_LOG_KEPT = 10000 };

/* A place in the log of one file. The stamp of its row is random, so a place in another file, or in
 * an older or newer copy of the same one, is not taken for it. */
struct change_log_place {
    int64_t sequence; /* 0: before the first row */
    int64_t stamp;
    bool has_row; /* false: the log is empty there, and `stamp` means nothing */
};

/* The newest place, in the caller's transaction. Returns SQLite's result code. */
int change_log_find_end(struct sqlite3 *connection, struct change_log_place *ret_place);

/* Whether the log leads from `from` to `to` without a gap: it holds `from` itself and every row
 * after it, and these are few enough to be worth reading. Returns SQLite's result code. */
int change_log_leads(struct sqlite3 *connection, const struct change_log_place *from,
                     const struct change_log_place *to, bool *ret_leads);

bool change_log_place_equal(const struct change_log_place *left,
                            const struct change_log_place *right);

/* Takes away some of what is older than the newest CHANGE_LOG_KEPT rows, in one small transaction.
 * Sets `*ret_more` where some is left, for another call. Does nothing to a read-only database. */
enum database_status change_log_prune(struct database *database, bool *ret_more,
                                      struct fault *ret_fault);
