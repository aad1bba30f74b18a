/* status/page_rules.c - the rules: what each became, and what it does. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

enum {
    COLUMN_TARGET,
    COLUMN_STATE,
    COLUMN_CLIENTS,
    COLUMN_STRENGTH,
    COLUMN_HITS,
    COLUMN_USED,
    COLUMN_LIVE,
    COLUMN_CERTIFICATE,
    COLUMNS
};

static const struct column columns[COLUMNS] = {
    { "Target", "name ruled", true, STATUS_ORDER_ID },
    { "Became", "sentence", false, 0 },
    { "Clients", NULL, false, 0 },
    { "How strong", "sentence", false, 0 },
    { "Hits", "number", true, STATUS_ORDER_HITS },
    { "Last used", "number", false, 0 },
    { "Live", "number", false, 0 },
    { "Certificate", "number", false, 0 },
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *class_of(const struct status_rule *rule)
{
    switch (rule->state) {
    case STATUS_STATE_INVALID:
    case STATUS_STATE_REFUSED:
        return "state bad";
    case STATUS_STATE_WIDENED:
    case STATUS_STATE_SHADOWED:
    case STATUS_STATE_EXPIRED:
        return "state odd";
    case STATUS_STATE_ACTIVE:
        return "state good";
    case STATUS_STATE_ANY:
    case STATUS_STATE_DISABLED:
    case STATUS_STATES:
        break;
    }
    return "state dim";
}

static void add_target(const struct table *table, const struct status_rule *rule,
                       struct output *output)
{
    table_cell_open(table, COLUMN_TARGET, output);
    output_add_format(output, "<span class=\"id\">%lld</span> ", (long long)rule->id);
    if (is_set(rule->action) && rule->action[0] == 'd')
        html_markup(output, "<span class=\"kind bad\">deny</span> ");
    html_element(output, "code", NULL, rule->target);
    if (is_set(rule->comment))
        html_element(output, "small", NULL, rule->comment);
    table_cell_close(COLUMN_TARGET, output);
}

/* Its state, and where that does not say all, what the target became and why. */
static void add_state(const struct table *table, const struct status_rule *rule,
                      struct output *output)
{
    const char *word = status_state_word(rule->state);
    table_cell_open(table, COLUMN_STATE, output);
    html_element(output, "span", class_of(rule), is_set(word) ? word : "not judged yet");
    if (is_set(rule->hostname)) {
        html_markup(output, " ");
        html_element(output, "code", NULL, rule->hostname);
    }
    if (is_set(rule->reason))
        html_element(output, "small", NULL, rule->reason);
    table_cell_close(COLUMN_STATE, output);
}

static void add_strength(const struct table *table, const struct status_rule *rule,
                         struct output *output)
{
    table_cell_open(table, COLUMN_STRENGTH, output);
    if (is_set(rule->strength))
        html_text(output, rule->strength);
    else
        table_dash(output);
    table_cell_close(COLUMN_STRENGTH, output);
}

static void add_certificate(const struct table *table, const struct status_rule *rule,
                            struct output *output)
{
    table_cell_open(table, COLUMN_CERTIFICATE, output);
    if (!rule->has_certificate)
        table_dash(output);
    else if (rule->certificate_days < 0)
        html_markup(output, "<span class=\"state bad\">expired</span>");
    else
        output_add_format(output, "<span%s>%d d</span>",
                          rule->certificate_days < 14 ? " class=\"state odd\"" : "",
                          rule->certificate_days);
    table_cell_close(COLUMN_CERTIFICATE, output);
}

static void add_row(const struct table *table, const struct status_rule *rule,
                    const struct view *view, struct output *output)
{
    table_row_open(output);
    add_target(table, rule, output);
    add_state(table, rule, output);
    table_cell(table, COLUMN_CLIENTS, rule->clients, output);
    add_strength(table, rule, output);
    table_cell_count(table, COLUMN_HITS, rule->hits, output);
    table_cell_ago(table, COLUMN_USED, rule->last_used_s, view, output);
    table_cell_count(table, COLUMN_LIVE, rule->live_connections, output);
    add_certificate(table, rule, output);
    table_row_close(output);
}

static void add_table(const struct view *view, const struct status_selection *selection,
                      struct output *output)
{
    const struct status_rules *rules = &view->data->rules;
    const struct table table = { "Rules", columns, COLUMNS, selection };
    if (table_missing(rules->missing, output))
        return;
    if (rules->count == 0) {
        table_empty(selection == NULL ? "No rule yet: everything is denied."
                                      : "No rule is like that.",
                    output);
        return;
    }
    table_open(&table, view, output);
    for (uint32_t i = 0; i < rules->count; i++)
        add_row(&table, &rules->row[i], view, output);
    table_close(output);
}

void part_rules(const struct view *view, struct output *output)
{
    add_table(view, NULL, output);
}

void page_rules(const struct view *view, struct output *output)
{
    const struct status_rules *rules = &view->data->rules;
    page_open(view, "Rules", output);
    table_search(view, "Target, group or comment", output);
    html_markup(output, "<div id=\"rules\" data-live>\n");
    if (rules->has_total && rules->missing == NULL) {
        html_markup(output, "<p class=\"found\">");
        html_count(output, rules->total);
        html_markup(output, rules->total == 1 ? " rule</p>\n" : " rules</p>\n");
    }
    add_table(view, &view->query->rules, output);
    table_pager(view, rules->next, output);
    html_markup(output, "</div>\n");
    page_close(output);
}
