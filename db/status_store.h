/* db/status_store.h - the table rule_status: what each rule became, written where it differs.
 * A walk goes through all rules or some of them in small steps, so that it never holds the write
 * lock for long; a step never waits. One thread. */
#pragma once
#include "db/database.h"
#include "policy/policy.h"

#include <stddef.h>

/* What one rule became; borrowed for the call. */
struct status_report {
    int64_t rule_id;
    const char *target; /* as typed; it may hold any bytes, but no NUL */
    const struct rule_outcome *outcome;
    bool is_verified; /* an allow in force: of its server `requirement` is demanded */
    const struct requirement *requirement; /* NULL: what most demand */
};

typedef void status_report_fn(void *context, const struct status_report *report);

/* What to walk. Borrowed until the walk is freed. */
struct status_plan {
    struct database *database;
    const struct policy
        *policy;        /* asked which rule shadows which; NULL: shadows are not looked for */
    int64_t now_s;      /* Unix seconds, for expires_at */
    const int64_t *ids; /* the rules to look at, and those that may be gone; NULL: all */
    size_t id_count;
    status_report_fn *report; /* called once for each rule; may be NULL */
    void *context;
};

struct status_walk;

/* NULL when out of memory. */
struct status_walk *status_walk_new(const struct status_plan *plan);
/* NULL is fine. */
void status_walk_free(struct status_walk *walk);

/* Goes on by some hundred rules. DATABASE_OK: `*ret_is_done` says whether that was all.
 * DATABASE_BUSY: what is to be written is kept; step again later. A read-only database is walked
 * and reported, and not written. */
enum database_status status_walk_step(struct status_walk *walk, bool *ret_is_done,
                                      struct fault *ret_fault);
