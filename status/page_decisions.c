/* status/page_decisions.c - the last decisions, with their reasons. */
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

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *class_of(const struct status_decision *decision)
{
    const char *outcome = decision->outcome != NULL ? decision->outcome : "";
    if (strcmp(outcome, "denied") == 0 || strcmp(outcome, "refused") == 0)
        return "state bad";
    if (strcmp(outcome, "allowed") == 0 || strcmp(outcome, "closed") == 0)
        return "state good";
    return "state odd";
}

static void add_why(const struct table *table, const struct status_decision *decision,
                    struct output *output)
{
    table_cell_open(table, COLUMN_WHY, output);
    html_element(output, "span", "word", decision->reason);
    if (is_set(decision->sentence))
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
    table_cell_open(table, COLUMN_NAME, output);
    if (is_set(decision->name))
        html_element(output, "code", NULL, decision->name);
    else
        table_dash(output);
    table_cell_close(COLUMN_NAME, output);
    table_cell_open(table, COLUMN_CLIENT, output);
    html_element(output, "code", NULL, decision->client);
    if (is_set(decision->client_group))
        html_element(output, "small", NULL, decision->client_group);
    table_cell_close(COLUMN_CLIENT, output);
    table_cell_open(table, COLUMN_RULE, output);
    if (decision->rule_id != 0)
        output_add_format(output, "%lld", (long long)decision->rule_id);
    else
        table_dash(output);
    table_cell_close(COLUMN_RULE, output);
    add_why(table, decision, output);
    table_row_close(output);
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
    html_markup(output, "<div id=\"decisions\" data-live>\n");
    part_decisions(view, output);
    html_markup(output, "</div>\n");
    page_close(output);
}
