/* app/status_decisions.h - what the status page shows of the workers' last decisions. */
#pragma once
#include "policy/decision_ring.h"
#include "status/status_query.h"

struct policy;

/* Copies of what the workers keep, and which of it is wanted; borrowed. */
struct decisions_reading {
    const struct recent_decisions *workers; /* one each */
    uint32_t worker_count;
    const struct policy *policy; /* whose groups the clients are in */
    const struct status_selection *selection;
};

/* Fills `ret_decisions`, newest first. Where both what is allowed and the rest are wanted and there
 * is more than the limit, each of the two has half of the rows at least. */
void status_decisions_fill(const struct decisions_reading *reading,
                           struct status_decisions *ret_decisions);
