/* db/denied_store.h - the table denied_name: denials added to what it holds of them.
 *
 * A group has DENIED_STORE_SHARE rows at most. While it has fewer, each new name gets one. When it
 * has as many, a new name takes the row of the group's least counted name, of equal ones the one
 * that was seen longest ago, and only if it was lately seen more often than that row counts; or
 * that of a name that was not seen for a day. So the names of a flood, which come once, push out
 * nothing that came twice, and nothing of another group's.
 *
 * A walk goes through the denials in small steps, each of which reads first, and then writes what
 * it has to in one short transaction; a step never waits. One thread. */
#pragma once
#include "db/database.h"
#include "policy/denial_table.h"

enum {
    DENIED_STORE_SHARE = 1000,
    DENIED_STORE_FORGOTTEN_S = 86400,
    DENIED_STORE_REPLACED_MAX = 64, /* rows that one walk takes from others: a flood of names that
                                       come twice must not keep the file locked */
};

/* What to write. Borrowed until the walk is freed. */
struct denied_plan {
    const struct denial *denials;
    size_t count;
    int64_t now_s;                                                /* Unix seconds */
    void (*left_out)(void *context, const struct denial *denial); /* told of what got no row */
    void *context;
};

struct denied_walk;

/* NULL when out of memory. */
struct denied_walk *denied_walk_new(const struct denied_plan *plan);
/* NULL is fine. */
void denied_walk_free(struct denied_walk *walk);

/* Goes on by some dozen denials, in `database`, which need not be that of the last step.
 * DATABASE_OK: `*ret_is_done` says whether that was all.
 * DATABASE_BUSY: what is to be written is kept; step again later. DATABASE_FAILED: some were lost,
 * and the fault says why. To a read-only database nothing is written. */
enum database_status denied_walk_step(struct denied_walk *walk, struct database *database,
                                      bool *ret_is_done, struct fault *ret_fault);
