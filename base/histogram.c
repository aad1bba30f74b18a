/* base/histogram.c - how long things took. */
#include "base/histogram.h"
#include "base/counter.h"

static const int64_t bounds_ns[HISTOGRAM_BOUNDS] = {
    1000,      2500,      5000,       10000,      25000,      50000,       100000,   250000,
    500000,    1000000,   2500000,    5000000,    10000000,   25000000,    50000000, 100000000,
    250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

const double *histogram_bounds_s(void)
{
    static const double bounds_s[HISTOGRAM_BOUNDS] = {
        0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025,
        0.0005,   0.001,     0.0025,   0.005,   0.01,     0.025,   0.05,   0.1,
        0.25,     0.5,       1,        2.5,     5,        10,
    };
    return bounds_s;
}

void histogram_add(struct histogram *histogram, int64_t duration_ns)
{
    uint32_t bucket = 0;
    if (duration_ns < 0)
        duration_ns = 0;
    while (bucket < HISTOGRAM_BOUNDS && duration_ns > bounds_ns[bucket])
        bucket++;
    counter_add(&histogram->count[bucket], 1);
    counter_add(&histogram->sum_ns, (uint64_t)duration_ns);
}

void histogram_add_to(const struct histogram *histogram, struct histogram_sum *sum)
{
    for (uint32_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        sum->count[i] += counter_read(&histogram->count[i]);
    sum->sum_ns += counter_read(&histogram->sum_ns);
}
