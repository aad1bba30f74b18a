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
    { "Target", "name ruled", false, 0 },
    { "Became", "sentence", false, 0 },
    { "Clients", NULL, false, 0 },
    { "How strong", "sentence", false, 0 },
    { "Hits", "number", true, STATUS_ORDER_HITS },
    { "Last used", "number", false, 0 },
    { "Live", "number", false, 0 },
    { "Certificate", "number", false, 0 },
};

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
    if (html_is_set(rule->action) && rule->action[0] == 'd')
        html_markup(output, "<span class=\"kind bad\">deny</span> ");
    html_element(output, "code", NULL, rule->target);
    if (html_is_set(rule->comment))
        html_element(output, "small", NULL, rule->comment);
    table_cell_close(COLUMN_TARGET, output);
}

/* Its state, and where that does not say all, what the target became and why. */
static void add_state(const struct table *table, const struct status_rule *rule,
                      struct output *output)
{
    const char *word = status_state_word(rule->state);
    table_cell_open(table, COLUMN_STATE, output);
    html_element(output, "span", class_of(rule), html_is_set(word) ? word : "not judged yet");
    if (html_is_set(rule->hostname)) {
        html_markup(output, " ");
        html_element(output, "code", NULL, rule->hostname);
    }
    if (html_is_set(rule->reason))
        html_element(output, "small", NULL, rule->reason);
    table_cell_close(COLUMN_STATE, output);
}

static void add_strength(const struct table *table, const struct status_rule *rule,
                         struct output *output)
{
    table_cell_open(table, COLUMN_STRENGTH, output);
    if (html_is_set(rule->strength))
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
        output_add_format(output, "<span%s>%d d left</span>",
                          rule->certificate_days < 14 ? " class=\"state odd\"" : "",
                          rule->certificate_days);
    table_cell_close(COLUMN_CERTIFICATE, output);
}

/* "48,211", leading to where they are to be seen. */
static void add_linked_count(const struct table *table, uint32_t column, uint64_t count,
                             const char *path, int64_t rule_id, struct output *output)
{
    table_cell_open(table, column, output);
    if (count > 0)
        output_add_format(output, "<a href=\"%s?rule=%lld\">", path, (long long)rule_id);
    html_count(output, count);
    html_markup(output, count > 0 ? "</a>" : "");
    table_cell_close(column, output);
}

static void add_row(const struct table *table, const struct status_rule *rule,
                    const struct view *view, struct output *output)
{
    table_row_open(output);
    add_target(table, rule, output);
    add_state(table, rule, output);
    table_cell(table, COLUMN_CLIENTS, rule->clients, output);
    add_strength(table, rule, output);
    add_linked_count(table, COLUMN_HITS, rule->hits, "/decisions", rule->id, output);
    if (rule->last_used_s == 0 && view->data->rules.uses_left_out > 0)
        table_cell(table, COLUMN_USED, "not known", output);
    else
        table_cell_ago(table, COLUMN_USED, rule->last_used_s, view, output);
    add_linked_count(table, COLUMN_LIVE, rule->live_connections, "/connections", rule->id, output);
    add_certificate(table, rule, output);
    table_row_close(output);
}

/* There may be some further on: a page of unused rules goes by their numbers, one of used rules by
 * how often they are. */
static void add_none(const struct status_rules *rules, const struct status_selection *selection,
                     struct output *output)
{
    if (selection == NULL) {
        table_empty("No rule yet: everything is denied.", output);
    } else if (rules->next == 0) {
        table_empty("No rule is like that.", output);
    } else {
        html_markup(output, "<p class=\"empty\">None among the ");
        html_markup(output, selection->order == STATUS_ORDER_HITS ? "most used rules, place "
                                                                  : "rules with ids from ");
        html_count(output, selection->from + 1);
        html_markup(output, " to ");
        html_count(output, rules->next);
        html_markup(output, " is like that. The next page looks at more.</p>\n");
    }
}

static void add_table(const struct view *view, const struct status_selection *selection,
                      struct output *output)
{
    const struct status_rules *rules = &view->data->rules;
    const struct table table = { "Rules", columns, COLUMNS, selection };
    if (table_missing(rules->missing, output))
        return;
    if (rules->count == 0) {
        add_none(rules, selection, output);
        return;
    }
    table_open(&table, view, output);
    for (uint32_t i = 0; i < rules->count; i++)
        add_row(&table, &rules->row[i], view, output);
    table_close(output);
}

static void add_choices(const struct view *view, struct output *output)
{
    static const struct {
        const char *label;
        enum status_order order;
    } choices[] = {
        { "Latest first", STATUS_ORDER_NEWEST },
        { "Oldest first", STATUS_ORDER_ID },
        { "Most used", STATUS_ORDER_HITS },
        { "Unused", STATUS_ORDER_UNUSED },
    };
    struct view sorted = *view;
    struct arguments now = *view->arguments, other = *view->arguments;
    now.has_order = other.has_order = true;
    now.order = view->query->rules.order;
    other.from = 0;
    sorted.arguments = &now;
    table_choices_open("Which rules", output);
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        other.order = choices[i].order;
        table_choice(&sorted, choices[i].label, &other, output);
    }
    table_choices_close(output);
}

/* Whoever deletes rules that seem unused must know. */
static void add_left_out(const struct status_rules *rules, struct output *output)
{
    if (rules->uses_left_out == 0)
        return;
    html_markup(output, "<p class=\"missing\">");
    html_count(output, rules->uses_left_out);
    html_markup(output, " decisions are missing in the hits of their rules: more rules were used "
                        "than are counted by themselves. A rule without hits may be in use.</p>\n");
}

/* What the choice can't say in a word. */
static void add_meaning(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    enum status_order order = view->query->rules.order;
    if ((order != STATUS_ORDER_UNUSED && order != STATUS_ORDER_HITS) || health->missing != NULL)
        return;
    html_markup(output, "<p class=\"found\">");
    if (order == STATUS_ORDER_HITS)
        html_markup(output, "Counted since Pinhole started, ");
    else if (view->data->rules.uses_left_out > 0)
        html_markup(output, "No decision known since Pinhole started, ");
    else
        html_markup(output, "Decided nothing since Pinhole started, ");
    html_ago(output, health->started_s, view->now_s);
    html_markup(output, ".</p>\n");
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
    add_choices(view, output);
    html_markup(output, "<div id=\"rules\" data-live>\n");
    add_meaning(view, output);
    if (rules->missing == NULL)
        add_left_out(rules, output);
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
