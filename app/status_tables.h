/* app/status_tables.h - what the status page shows of the policy file's tables. Called on the
 * record thread. */
#pragma once
#include "db/policy_file.h"
#include "status/status.h"

struct database;

/* How many rules are in which state, kept while nobody writes, and for twenty times as long as
 * counting took where somebody does: a million rows take a third of a second. Empty when zeroed. */
struct counted_states {
    struct policy_file_look look; /* when they were counted */
    int64_t counted_ms, took_ms;  /* monotonic */
    uint64_t rule_count, by_state[STATUS_STATES];
};

/* Fills those of the sets asked for that come from tables. `database` NULL: `fault` says why it
 * can't be read. */
void status_tables_fill(struct status_request *request, struct counted_states *states,
                        struct database *database, const struct fault *fault);
