/* base/histogram.h - how long things took: counts of durations in buckets that are the same for
 * all. One thread adds, without a lock or an allocation; any thread reads. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 22 };

/* Empty when zeroed. */
struct histogram {
    /* [i]: at most the bound i and more than the one before; the last: more than all. */
    _Atomic uint64_t count[HISTOGRAM_BOUNDS + 1];
    _Atomic uint64_t sum_ns;
};

/* What several of them hold together. */
struct histogram_sum {
    uint64_t count[HISTOGRAM_BOUNDS + 1];
    uint64_t sum_ns;
};

/* The bounds in seconds, rising: 1 us, 2.5 us, 5 us, 10 us and so on up to 10 s. */
const double *histogram_bounds_s(void);

/* The owner: one more that took `duration_ns`; less than nothing counts as nothing. */
void histogram_add(struct histogram *histogram, int64_t duration_ns);

/* Any thread: adds what is in it to `sum`. */
void histogram_add_to(const struct histogram *histogram, struct histogram_sum *sum);
