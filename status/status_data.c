/* status/status_data.c - what the status page shows, as data. */
#include "status/status_data.h"

#include <string.h>

#define STATE_WORD(state, word) word,
static const char *const words[STATUS_STATES] = { "", STATUS_STATE_LIST(STATE_WORD) };
#undef STATE_WORD

const char *status_state_word(enum status_state state)
{
    return words[state];
}

enum status_state status_state_of(const char *word)
{
    for (int state = STATUS_STATE_ANY + 1; state < STATUS_STATES; state++)
        if (strcmp(words[state], word) == 0)
            return (enum status_state)state;
    return STATUS_STATE_ANY;
}

void status_metrics_family(struct status_metrics *metrics, enum status_metric_type type,
                           const char *name, const char *help)
{
    if (metrics->family_count == STATUS_FAMILIES_MAX) {
        metrics->is_cut = true;
        return;
    }
    metrics->family[metrics->family_count++] = (struct status_family){
        .name = name, .help = help, .type = type, .first = metrics->sample_count
    };
}

struct status_sample *status_metrics_sample(struct status_metrics *metrics, double value)
{
    /* The last place is the one that is not read. */
    struct status_sample *sample = &metrics->sample[metrics->sample_count];
    *sample = (struct status_sample){ .value = value };
    if (metrics->family_count == 0 || metrics->sample_count == STATUS_SAMPLES_MAX - 1) {
        metrics->is_cut = true;
        return sample;
    }
    metrics->sample_count++;
    metrics->family[metrics->family_count - 1].count++;
    return sample;
}

void status_sample_label(struct status_sample *sample, const char *name, const char *value)
{
    if (sample->label_count < STATUS_LABELS_MAX)
        sample->label[sample->label_count++] = (struct status_label){ name, value };
}

void status_data_release(struct status_data *data)
{
    arena_release(&data->health.arena);
    arena_release(&data->traffic.arena);
    arena_release(&data->rules.arena);
    arena_release(&data->denied.arena);
    arena_release(&data->connections.arena);
    arena_release(&data->decisions.arena);
    arena_release(&data->explanation.arena);
    arena_release(&data->metrics.arena);
}
