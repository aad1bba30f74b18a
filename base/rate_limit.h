/* base/rate_limit.h - at most so many of a kind a second, and a count of the rest. Belongs to one
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct rate_limit {
    int64_t window_start_ms;
    uint32_t passed;          /* in this window */
    uint64_t left_out;        /* in this window */
    uint64_t left_out_before; /* in earlier ones, since rate_limit_take_left_out() */
};

/* True if one more may pass in the second of `now_ms` (monotonic); else counts it as left out. */
bool rate_limit_pass(struct rate_limit *limit, int64_t now_ms, uint32_t per_second);

/* What was left out and not yet told, of all seconds that are over. */
uint64_t rate_limit_take_left_out(struct rate_limit *limit, int64_t now_ms);
