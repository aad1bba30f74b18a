/* status/metrics_text.c - metrics in Prometheus' text format 0.0.4. */
#include "status/metrics_text.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { BOUND_TEXTS = 32, BOUND_BYTES = 24 };

/* Below it doubles and whole numbers are the same. */
static const double COUNT_MAX = 1e15;

/* In a label's value a quote is escaped too; the format knows no other escapes. */
static void add_escaped(struct output *output, const char *text, bool is_label)
{
    const char *special = is_label ? "\\\n\"" : "\\\n";
    while (text != NULL && *text != '\0') {
        size_t plain = strcspn(text, special);
        output_add_bytes(output, text, plain);
        text += plain;
        if (*text == '\0')
            return;
        output_add(output, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\");
        text++;
    }
}

static void add_value(struct output *output, double value)
{
    if (isnan(value))
        output_add(output, "NaN");
    else if (isinf(value))
        output_add(output, value > 0 ? "+Inf" : "-Inf");
    else if (value >= 0 && value < COUNT_MAX && floor(value) == value)
        output_add_count(output, (uint64_t)value);
    else if (fabs(value) < COUNT_MAX && floor(value) == value)
        output_add_format(output, "%.0f", value);
    else
        output_add_format(output, "%.12g", value);
}

/* A sample's labels; `ends_open`: another one follows. */
static void add_labels(struct output *output, const struct status_sample *sample, bool ends_open)
{
    if (sample->label_count > 0 || ends_open)
        output_add(output, "{");
    for (uint32_t i = 0; i < sample->label_count; i++) {
        output_add(output, i > 0 ? "," : "");
        output_add(output, sample->label[i].name);
        output_add(output, "=\"");
        add_escaped(output, sample->label[i].value, true);
        output_add(output, "\"");
    }
    if (sample->label_count > 0)
        output_add(output, ends_open ? "," : "}");
}

/* What stands before a value. */
static void add_name(struct output *output, const char *name, const char *suffix,
                     const struct status_sample *sample)
{
    output_add(output, name);
    output_add(output, suffix);
    add_labels(output, sample, false);
    output_add(output, " ");
}

/* The texts of the bounds that were written last: nearly all histograms have the same ones, and
 * printing such numbers is most of the work. */
struct bound_texts {
    const double *of;
    char text[BOUND_TEXTS][BOUND_BYTES];
};

static void add_bound(struct output *output, const struct status_histogram *histogram, uint32_t i,
                      struct bound_texts *texts)
{
    if (i >= BOUND_TEXTS) {
        add_value(output, histogram->upper_bound[i]);
        return;
    }
    if (texts->of != histogram->upper_bound) {
        memset(texts, 0, sizeof(*texts));
        texts->of = histogram->upper_bound;
    }
    if (texts->text[i][0] == '\0')
        (void)snprintf(texts->text[i], BOUND_BYTES, "%.12g", histogram->upper_bound[i]);
    output_add(output, texts->text[i]);
}

static void add_buckets(struct output *output, const char *name, const struct status_sample *sample,
                        struct bound_texts *texts)
{
    const struct status_histogram *histogram = sample->histogram;
    uint64_t sum = 0;
    size_t start = output->size;
    output_add(output, name);
    output_add(output, "_bucket");
    add_labels(output, sample, true);
    output_add(output, "le=\"");
    size_t size = output->size - start;
    for (uint32_t i = 0; i <= histogram->bound_count; i++) {
        sum += histogram->count[i];
        if (i > 0)
            output_repeat(output, start, size);
        if (i < histogram->bound_count)
            add_bound(output, histogram, i, texts);
        else
            output_add(output, "+Inf");
        output_add(output, "\"} ");
        output_add_count(output, sum);
        output_add(output, "\n");
    }
}

static void add_histogram(struct output *output, const char *name,
                          const struct status_sample *sample, struct bound_texts *texts)
{
    const struct status_histogram *histogram = sample->histogram;
    uint64_t count = 0;
    for (uint32_t i = 0; i <= histogram->bound_count; i++)
        count += histogram->count[i];
    add_buckets(output, name, sample, texts);
    add_name(output, name, "_sum", sample);
    add_value(output, histogram->sum);
    output_add(output, "\n");
    add_name(output, name, "_count", sample);
    output_add_count(output, count);
    output_add(output, "\n");
}

static void add_sample(struct output *output, const char *name, const struct status_sample *sample,
                       struct bound_texts *texts)
{
    if (sample->histogram != NULL) {
        add_histogram(output, name, sample, texts);
        return;
    }
    add_name(output, name, "", sample);
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
    struct bound_texts texts = { 0 };
    for (uint32_t i = 0; i < metrics->family_count; i++) {
        const struct status_family *family = &metrics->family[i];
        if (family->count == 0)
            continue;
        output_add_format(output, "# HELP %s ", family->name);
        add_escaped(output, family->help, false);
        output_add_format(output, "\n# TYPE %s %s\n", family->name, types[family->type]);
        for (uint32_t k = 0; k < family->count; k++)
            add_sample(output, family->name, &metrics->sample[family->first + k], &texts);
    }
}
