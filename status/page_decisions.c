/* status/page_decisions.c - the last decisions, with their reasons. */
#include "policy/decision_ring.h"
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

#include <string.h>

enum { COLUMN_TIME, COLUMN_OUTCOME, COLUMN_NAME, COLUMN_CLIENT, COLUMN_RULE, COLUMN_WHY, COLUMNS };

static const struct column columns[COLUMNS] = {
    { "Time (UTC)", "time", false, 0 }, { "Outcome", NULL, false, 0 },
    { "Name", "name", false, 0 },       { "Client", NULL, false, 0 },
    { "Rule", "number", false, 0 },     { "Why", "sentence", false, 0 },
};

static const char *class_of(const struct status_decision *decision)
{
    const char *outcome = decision->outcome != NULL ? decision->outcome : "";
    if (strcmp(outcome, "denied") == 0 || strcmp(outcome, "refused") == 0)
        return "state bad";
    if (strcmp(outcome, "allowed") == 0 || strcmp(outcome, "closed") == 0)
        return "state good";
    return "state odd";
}

/* For the very client that it happened to. */
static void add_explain_link(const struct status_decision *decision, struct output *output)
{
    html_markup(output, " <a class=\"more\" href=\"/explain?target=");
    html_argument(output, decision->name);
    html_markup(output, "&amp;client=");
    html_argument(output, decision->client);
    html_markup(output, "\">Explain<span class=\"unseen\"> ");
    html_text(output, decision->name);
    html_markup(output, " for ");
    html_text(output, decision->client);
    html_markup(output, "</span></a>");
}

static void add_why(const struct table *table, const struct status_decision *decision,
                    struct output *output)
{
    table_cell_open(table, COLUMN_WHY, output);
    html_markup(output, "<div class=\"why\">");
    html_element(output, "span", "word", decision->reason);
    if (html_is_set(decision->name))
        add_explain_link(decision, output);
    html_markup(output, "</div>");
    if (html_is_set(decision->sentence))
        html_element(output, "small", NULL, decision->sentence);
    table_cell_close(COLUMN_WHY, output);
}

static void add_outcome(const struct table *table, const struct status_decision *decision,
                        struct output *output)
{
    table_cell_open(table, COLUMN_OUTCOME, output);
    html_element(output, "span", class_of(decision), decision->outcome);
    html_element(output, "small", NULL, decision->kind);
    table_cell_close(COLUMN_OUTCOME, output);
}

static void add_row(const struct table *table, const struct status_decision *decision,
                    struct output *output)
{
    table_row_open(output);
    table_cell_open(table, COLUMN_TIME, output);
    html_clock(output, decision->time_ms);
    table_cell_close(COLUMN_TIME, output);
    add_outcome(table, decision, output);
    table_cell_code(table, COLUMN_NAME, decision->name, output);
    table_cell_client(table, COLUMN_CLIENT, decision->client, decision->client_group, output);
    table_cell_rule(table, COLUMN_RULE, decision->rule_id, output);
    add_why(table, decision, output);
    table_row_close(output);
}

static void add_sample(struct output *output)
{
    output_add_format(output,
                      "<p class=\"found\">Queries are a sample: of each second and worker the "
                      "first %d that were allowed, and the first %d that were not.</p>\n",
                      DECISION_ALLOWED_PER_SECOND, DECISION_DENIED_PER_SECOND);
}

static void add_choices(const struct view *view, struct output *output)
{
    static const struct {
        const char *label;
        enum status_outcome outcome;
    } choices[] = {
        { "All", STATUS_OUTCOME_ANY },
        { "Allowed", STATUS_OUTCOME_ALLOWED },
        { "Not allowed", STATUS_OUTCOME_DENIED },
    };
    struct arguments arguments = *view->arguments;
    table_choices_open("Which decisions", output);
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        arguments.outcome = choices[i].outcome;
        table_choice(view, choices[i].label, &arguments, output);
    }
    table_choices_close(output);
}

void part_decisions(const struct view *view, struct output *output)
{
    const struct status_decisions *decisions = &view->data->decisions;
    const struct table table = { "Recent decisions", columns, COLUMNS, NULL };
    if (table_missing(decisions->missing, output))
        return;
    if (decisions->count == 0) {
        table_empty("Nothing to show: no such decision was made lately.", output);
        return;
    }
    table_open(&table, view, output);
    for (uint32_t i = 0; i < decisions->count; i++)
        add_row(&table, &decisions->row[i], output);
    table_close(output);
}

void page_decisions(const struct view *view, struct output *output)
{
    page_open(view, "Recent decisions", output);
    table_search(view, "Name, client, group or reason", output);
    add_choices(view, output);
    add_sample(output);
    html_markup(output, "<div id=\"decisions\" data-live>\n");
    part_decisions(view, output);
    html_markup(output, "</div>\n");
    page_close(output);
}
