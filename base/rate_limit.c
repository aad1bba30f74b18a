/* base/rate_limit.c - at most so many of a kind a second. */
#include "base/rate_limit.h"

enum { WINDOW_MS = 1000 };

bool rate_limit_pass(struct rate_limit *limit, int64_t now_ms, uint32_t per_second)
{
    if (now_ms - limit->window_start_ms >= WINDOW_MS) {
        limit->left_out_before += limit->left_out;
        limit->left_out = 0;
        limit->window_start_ms = now_ms;
        limit->passed = 0;
    }
    if (limit->passed < per_second) {
        limit->passed++;
        return true;
    }
    limit->left_out++;
    return false;
}

uint64_t rate_limit_take_left_out(struct rate_limit *limit, int64_t now_ms)
{
    uint64_t left_out = limit->left_out_before;
    limit->left_out_before = 0;
    if (now_ms - limit->window_start_ms >= WINDOW_MS) {
        left_out += limit->left_out;
        limit->left_out = 0;
    }
    return left_out;
}
