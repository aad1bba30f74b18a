/* status/metrics_text.c - metrics in Prometheus' text format 0.0.4. */
#include "status/metrics_text.h"

#include <math.h>
#include <stddef.h>

/* In a label's value a quote is escaped too; the format knows no other escapes. */
static void add_escaped(struct output *output, const char *text, bool is_label)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '\\')
            output_add(output, "\\\\");
        else if (*text == '\n')
            output_add(output, "\\n");
        else if (*text == '"' && is_label)
            output_add(output, "\\\"");
        else
            output_add_bytes(output, text, 1);
    }
}

static void add_value(struct output *output, double value)
{
    if (isnan(value))
        output_add(output, "NaN");
    else if (isinf(value))
        output_add(output, value > 0 ? "+Inf" : "-Inf");
    else if (fabs(value) < 1e15 && floor(value) == value)
        output_add_format(output, "%.0f", value);
    else
        output_add_format(output, "%.12g", value);
}

/* What stands before a value: name, suffix, labels. `bound` NULL: no label "le". */
static void add_name(struct output *output, const char *name, const char *suffix,
                     const struct status_sample *sample, const double *bound)
{
    bool has_labels = sample->label_count > 0 || bound != NULL;
    output_add(output, name);
    output_add(output, suffix);
    output_add(output, has_labels ? "{" : "");
    for (uint32_t i = 0; i < sample->label_count; i++) {
        output_add(output, i > 0 ? "," : "");
        output_add(output, sample->label[i].name);
        output_add(output, "=\"");
        add_escaped(output, sample->label[i].value, true);
        output_add(output, "\"");
    }
    if (bound != NULL) {
        output_add(output, sample->label_count > 0 ? ",le=\"" : "le=\"");
        add_value(output, *bound);
        output_add(output, "\"");
    }
    output_add(output, has_labels ? "} " : " ");
}

static void add_histogram(struct output *output, const char *name,
                          const struct status_sample *sample)
{
    const struct status_histogram *histogram = sample->histogram;
    const double infinity = INFINITY;
    uint64_t sum = 0;
    for (uint32_t i = 0; i <= histogram->bound_count; i++) {
        bool is_last = i == histogram->bound_count;
        sum += histogram->count[i];
        add_name(output, name, "_bucket", sample, is_last ? &infinity : &histogram->upper_bound[i]);
        output_add_format(output, "%llu\n", (unsigned long long)sum);
    }
    add_name(output, name, "_sum", sample, NULL);
    add_value(output, histogram->sum);
    output_add(output, "\n");
    add_name(output, name, "_count", sample, NULL);
    output_add_format(output, "%llu\n", (unsigned long long)sum);
}

static void add_sample(struct output *output, const char *name, const struct status_sample *sample)
{
    if (sample->histogram != NULL) {
        add_histogram(output, name, sample);
        return;
    }
    add_name(output, name, "", sample, NULL);
    add_value(output, sample->value);
    output_add(output, "\n");
}

void metrics_text_add(const struct status_metrics *metrics, struct output *output)
{
    static const char *const types[] = {
        [STATUS_COUNTER] = "counter",
        [STATUS_GAUGE] = "gauge",
        [STATUS_HISTOGRAM] = "histogram",
    };
    for (uint32_t i = 0; i < metrics->family_count; i++) {
        const struct status_family *family = &metrics->family[i];
        if (family->count == 0)
            continue;
        output_add_format(output, "# HELP %s ", family->name);
        add_escaped(output, family->help, false);
        output_add_format(output, "\n# TYPE %s %s\n", family->name, types[family->type]);
        for (uint32_t k = 0; k < family->count; k++)
            add_sample(output, family->name, &metrics->sample[family->first + k]);
    }
}
