/* tests/unit/status/metrics_text_test.c - the text format, to the letter. */
#include "status/metrics_text.h"
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct status_metrics *metrics_new(void)
{
    struct status_metrics *metrics = calloc(1, sizeof(*metrics));
    assert_non_null(metrics);
    return metrics;
}

static void expect(struct status_metrics *metrics, const char *expected)
{
    struct output output = { 0 };
    output_add(&output, "");
    metrics_text_add(metrics, &output);
    assert_string_equal(output.at, expected);
    output_release(&output);
    arena_release(&metrics->arena);
    free(metrics);
}

static void counters_and_gauges(void **state)
{
    struct status_metrics *metrics = metrics_new();
    (void)state;
    status_metrics_family(metrics, STATUS_COUNTER, "a_total", "What it \\ counts\nin two lines.");
    status_sample_label(status_metrics_sample(metrics, 3), "kind", "x");
    struct status_sample *sample = status_metrics_sample(metrics, 12345678901234);
    status_sample_label(sample, "kind", "\"y\\\n");
    status_sample_label(sample, "more", "");
    status_metrics_family(metrics, STATUS_GAUGE, "empty", "Has no sample.");
    status_metrics_family(metrics, STATUS_GAUGE, "b_seconds", "A \"gauge\".");
    (void)status_metrics_sample(metrics, 0.25);
    (void)status_metrics_sample(metrics, 0);
    (void)status_metrics_sample(metrics, -12);
    (void)status_metrics_sample(metrics, 2e15);
    (void)status_metrics_sample(metrics, -INFINITY);
    (void)status_metrics_sample(metrics, NAN);
    expect(metrics, "# HELP a_total What it \\\\ counts\\nin two lines.\n"
                    "# TYPE a_total counter\n"
                    "a_total{kind=\"x\"} 3\n"
                    "a_total{kind=\"\\\"y\\\\\\n\",more=\"\"} 12345678901234\n"
                    "# HELP b_seconds A \"gauge\".\n"
                    "# TYPE b_seconds gauge\n"
                    "b_seconds 0.25\n"
                    "b_seconds 0\n"
                    "b_seconds -12\n"
                    "b_seconds 2e+15\n"
                    "b_seconds -Inf\n"
                    "b_seconds NaN\n");
}

static void histograms_add_up(void **state)
{
    static const double bounds[] = { 0.001, 0.5, 10 };
    static const uint64_t counts[] = { 1, 0, 4, 2 };
    const struct status_histogram histogram = { bounds, counts, COUNT(bounds), 33.5 };
    struct status_metrics *metrics = metrics_new();
    (void)state;
    status_metrics_family(metrics, STATUS_HISTOGRAM, "h_seconds", "How long.");
    struct status_sample *sample = status_metrics_sample(metrics, 0);
    status_sample_label(sample, "way", "up");
    sample->histogram = &histogram;
    expect(metrics, "# HELP h_seconds How long.\n"
                    "# TYPE h_seconds histogram\n"
                    "h_seconds_bucket{way=\"up\",le=\"0.001\"} 1\n"
                    "h_seconds_bucket{way=\"up\",le=\"0.5\"} 1\n"
                    "h_seconds_bucket{way=\"up\",le=\"10\"} 5\n"
                    "h_seconds_bucket{way=\"up\",le=\"+Inf\"} 7\n"
                    "h_seconds_sum{way=\"up\"} 33.5\n"
                    "h_seconds_count{way=\"up\"} 7\n");
}

/* Each has its own bounds, however many, beside others that have other ones. */
static void histograms_keep_their_bounds(void **state)
{
    enum { MANY = 40 };
    static const double few[] = { 0.000001, 2.5 };
    static const uint64_t counts[MANY + 1] = { [2] = UINT64_MAX };
    double many[MANY];
    struct output output = { 0 };
    struct status_metrics *metrics = metrics_new();
    (void)state;
    for (int i = 0; i < MANY; i++)
        many[i] = i + 0.5;
    const struct status_histogram first = { few, counts, COUNT(few), 0 };
    const struct status_histogram second = { many, counts, MANY, 0 };
    status_metrics_family(metrics, STATUS_HISTOGRAM, "h", "h");
    status_metrics_sample(metrics, 0)->histogram = &first;
    status_metrics_sample(metrics, 0)->histogram = &second;
    status_metrics_sample(metrics, 0)->histogram = &first;
    metrics_text_add(metrics, &output);
    const char *at = strstr(output.at, "h_bucket{le=\"1e-06\"} 0\nh_bucket{le=\"2.5\"} 0\n"
                                       "h_bucket{le=\"+Inf\"} 18446744073709551615\nh_sum 0\n");
    assert_non_null(at);
    assert_non_null(strstr(at, "h_bucket{le=\"0.5\"} 0\nh_bucket{le=\"1.5\"} 0\n"));
    at = strstr(at, "h_bucket{le=\"31.5\"} 18446744073709551615\nh_bucket{le=\"32.5\"}");
    assert_non_null(at);
    at = strstr(at, "h_bucket{le=\"39.5\"} 18446744073709551615\nh_bucket{le=\"+Inf\"}");
    assert_non_null(at);
    assert_non_null(strstr(at, "h_bucket{le=\"1e-06\"} 0\nh_bucket{le=\"2.5\"} 0\n"));
    output_release(&output);
    arena_release(&metrics->arena);
    free(metrics);
}

/* What there is no room for is left out, whole, and said. */
static void room_ends(void **state)
{
    struct status_metrics *metrics = metrics_new();
    (void)state;
    (void)status_metrics_sample(metrics, 1); /* of no family */
    assert_true(metrics->is_cut);
    metrics->is_cut = false;
    for (int i = 0; i < STATUS_FAMILIES_MAX; i++)
        status_metrics_family(metrics, STATUS_GAUGE, "g", "g");
    assert_false(metrics->is_cut);
    for (int i = 0; i < STATUS_SAMPLES_MAX + 10; i++) {
        struct status_sample *sample = status_metrics_sample(metrics, 1);
        for (int label = 0; label < STATUS_LABELS_MAX + 2; label++)
            status_sample_label(sample, "l", "v");
    }
    assert_true(metrics->is_cut);
    assert_int_equal(metrics->sample_count, STATUS_SAMPLES_MAX - 1);
    metrics->is_cut = false;
    status_metrics_family(metrics, STATUS_GAUGE, "one_more", "g");
    assert_true(metrics->is_cut);
    free(metrics);
}

int main(void)
{
    struct tests tests = { 0 };
    tests_add_row(&tests, "counters and gauges", NULL, counters_and_gauges);
    tests_add_row(&tests, "histograms add up", NULL, histograms_add_up);
    tests_add_row(&tests, "histograms keep their bounds", NULL, histograms_keep_their_bounds);
    tests_add_row(&tests, "room ends", NULL, room_ends);
    return tests_run(&tests, "metrics_text");
}
