/* tests/unit/base/histogram_test.c - durations in buckets. */
#include "base/histogram.h"
#include "unit.h"

static const struct row {
    const char *name;
    int64_t duration_ns;
    uint32_t bucket;
} rows[] = {
    { "nothing", 0, 0 },
    { "less than nothing", -5, 0 },
    { "the least bound itself", 1000, 0 },
    { "just above it", 1001, 1 },
    { "a millisecond", 1000000, 9 },
    { "the last bound", 10000000000, HISTOGRAM_BOUNDS - 1 },
    { "longer than all", 10000000001, HISTOGRAM_BOUNDS },
};

static void falls_into_its_bucket(void **state)
{
    const struct row *row = *state;
    struct histogram histogram = { 0 };
    struct histogram_sum sum = { 0 };
    histogram_add(&histogram, row->duration_ns);
    histogram_add_to(&histogram, &sum);
    histogram_add_to(&histogram, &sum);
    for (uint32_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        assert_int_equal(sum.count[i], i == row->bucket ? 2 : 0);
    assert_int_equal(sum.sum_ns, row->duration_ns > 0 ? 2 * row->duration_ns : 0);
}

/* The bounds that are shown are those that are counted by. */
static void bounds_are_the_same_in_seconds(void **state)
{
    (void)state;
    const double *bounds = histogram_bounds_s();
    for (uint32_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        struct histogram histogram = { 0 };
        struct histogram_sum sum = { 0 };
        int64_t bound_ns = (int64_t)(bounds[i] * 1e9 + 0.5);
        histogram_add(&histogram, bound_ns);
        histogram_add(&histogram, bound_ns + 1);
        histogram_add_to(&histogram, &sum);
        assert_int_equal(sum.count[i], 1);
        assert_int_equal(sum.count[i + 1], 1);
    }
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, falls_into_its_bucket);
    tests_add_row(&tests, "bounds in seconds", NULL, bounds_are_the_same_in_seconds);
    return tests_run(&tests, "histogram");
}
