/* status/metrics_text.h - metrics in Prometheus' text format 0.0.4. */
#pragma once
#include "status/output.h"
#include "status/status_data.h"

/* Adds each family: HELP, TYPE, samples; a histogram's buckets as running sums. */
void metrics_text_add(const struct status_metrics *metrics, struct output *output);
