/* status/traffic_history.h - the traffic of the last hour, a minute a slot, made of totals that
 * only rise. Belongs to one thread. Times are milliseconds of the monotonic clock. */
#pragma once
#include "status/status_data.h"

enum { TRAFFIC_SLOT_MS = 60000 };

struct traffic_history {
    int64_t slot_ends_ms;      /* of the slot under way */
    struct status_slot before; /* the totals when it began */
    struct status_slot slot[STATUS_SLOTS];
    uint64_t slot_count; /* ever finished; slot[i % STATUS_SLOTS] is the i-th */
};

/* Begins now, when `totals` were counted. */
void traffic_history_init(struct traffic_history *history, int64_t now_ms,
                          const struct status_slot *totals);

/* Finishes the slots that are over. To be called when one is: what came late counts to the first
 * of them. */
void traffic_history_note(struct traffic_history *history, int64_t now_ms,
                          const struct status_slot *totals);

/* Shows the finished slots, and the one under way at the end. It was noted at `now_ms`; `now_s` is
 * the same moment in Unix seconds. Touches no other member. */
struct traffic_moment {
    int64_t now_ms, now_s;
    struct status_slot totals;
};
void traffic_history_show(const struct traffic_history *history,
                          const struct traffic_moment *moment, struct status_traffic *ret_traffic);
