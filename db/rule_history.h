/* db/rule_history.h - the table rule_history, which triggers fill: keeping it short. */
#pragma once
#include "db/database.h"

#include <stdint.h>

/* Takes away some of what the settings history_days and history_rows no longer keep, as of `now_s`
 * (Unix seconds), in one small transaction. Sets `*ret_more` where some may be left, for another
 * call. The newest of what is too old stays: it tells from when on the history is whole. Does
 * nothing to a read-only database. */
enum database_status rule_history_prune(struct database *database, int64_t now_s, bool *ret_more,
                                        struct fault *ret_fault);
