/* app/status_explanation.c - what `pinhole explain` says, for the status page. On the record
 * thread, which can read the providers. */
#include "app/explanation.h"
#include "app/gate_ranges.h"
#include "app/status_tables.h"
#include "base/fault.h"
#include "base/text.h"
#include "db/page_reader.h"
#include "policy/policy_feed.h"
#include "policy/provider.h"

#include <stdlib.h>
#include <string.h>

static void add_lines(const char *at, struct status_explanation *data)
{
    while (*at != '\0' && data->line_count < STATUS_LINES_MAX) {
        size_t size = strcspn(at, "\n");
        data->line[data->line_count++] = arena_copy_bytes(&data->arena, at, size);
        at += size + (at[size] == '\n');
    }
}

static void write_explanation(const struct explanation *explanation,
                              struct status_explanation *data)
{
    char buffer[EXPLANATION_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    explanation_add_to(explanation, &text);
    add_lines(buffer, data);
    data->outcome = explanation_outcome(explanation);
}

static bool explain(const struct tables_reading *reading, struct policy *policy,
                    const struct provider_catalogue *providers, struct fault *fault)
{
    const struct status_query *query = &reading->request->query;
    const struct explanation_question question = { reading->options, query->client, query->target,
                                                   policy, providers };
    struct explanation *explanation = calloc(1, sizeof(*explanation));
    fault_what(fault, "out of memory");
    bool is_made = explanation != NULL && gate_ranges_have_key(reading->options, policy, fault) &&
                   explanation_make(&question, explanation, fault);
    if (is_made)
        write_explanation(explanation, &reading->request->data->explanation);
    free(explanation);
    return is_made;
}

void status_explanation_fill(const struct tables_reading *reading, struct database *database)
{
    struct status_explanation *data = &reading->request->data->explanation;
    struct provider_catalogue *providers = NULL;
    struct fault fault = { 0 };
    if (!explanation_can_read(reading->request->query.target, &fault)) {
        data->refused = status_tables_missing(DATABASE_FAILED, &fault, &data->arena);
        return;
    }
    enum database_status status = page_reader_providers(database, &providers, &fault);
    if (status == DATABASE_OK) {
        struct policy *policy = policy_feed_latest(reading->feed);
        if (!explain(reading, policy, providers, &fault))
            status = DATABASE_FAILED;
        policy_unref(policy);
    }
    provider_catalogue_unref(providers);
    data->missing = status_tables_missing(status, &fault, &data->arena);
}
