/* app/status_tables.h - what the status page shows of the policy file's tables. Called on the
 * record thread. */
#pragma once
#include "app/rule_uses.h"
#include "db/database.h"
#include "db/policy_file.h"
#include "status/status.h"

struct certificate_board;
struct policy_feed;

/* How many rules are in which state, kept while nobody writes, and for a multiple of the time that
 * counting took where somebody does: a million rows take a third of a second. Empty when zeroed. */
struct counted_states {
    struct policy_file_look look; /* when they were counted */
    int64_t counted_ms, took_ms;  /* monotonic */
    int64_t held_ms;              /* when they were last seen to hold */
    uint64_t rule_count, by_state[STATUS_STATES];
};

/* What is read for whom, and what is said beside it; borrowed. */
struct tables_reading {
    struct status_request *request;
    struct counted_states *states;
    struct rule_uses uses; /* hits of rules */
    struct certificate_board *board;
    const struct options *options; /* of the process, and */
    struct policy_feed *feed;      /* its policy, for explanations */
};

/* Fills those of the sets asked for that come from tables, or need them. `database` NULL: `fault`
 * says why it can't be read. */
void status_tables_fill(const struct tables_reading *reading, struct database *database,
                        const struct fault *fault);

/* Counts the states anew for scrapes, unless what is known will do. */
void status_tables_count(struct database *database, struct counted_states *states);

/* The sentence in a set's `missing`, in its arena; NULL where all is well. */
const char *status_tables_missing(enum database_status status, const struct fault *fault,
                                  struct arena *arena);

/* app/status_rules.c */
void status_rules_fill(const struct tables_reading *reading, struct database *database);
/* app/status_explanation.c */
void status_explanation_fill(const struct tables_reading *reading, struct database *database);
