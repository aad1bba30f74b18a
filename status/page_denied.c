/* status/page_denied.c - what clients asked for and were not given, with the SQL that would. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

#include <string.h>

enum {
    COLUMN_TARGET,
    COLUMN_GROUP,
    COLUMN_COUNT,
    COLUMN_LAST,
    COLUMN_FIRST,
    COLUMN_REASON,
    COLUMN_SQL,
    COLUMNS
};

static const struct column columns[COLUMNS] = {
    { "Target", "name", true, STATUS_ORDER_NAME },   { "Clients", NULL, false, 0 },
    { "Times", "number", true, STATUS_ORDER_COUNT }, { "Last", "number", true, STATUS_ORDER_LAST },
    { "First", "number", true, STATUS_ORDER_FIRST }, { "Why", "sentence", false, 0 },
    { "SQL that would allow it", "sql", false, 0 },
};

/* To who asked for it lately, as far as that is kept: the search finds parts of names too, and
 * queries have no port. */
static void add_decisions_link(const struct status_denied *denied, struct output *output)
{
    char name[STATUS_SEARCH_BYTES] = "";
    size_t size = strcspn(denied->target, ":");
    memcpy(name, denied->target, size < sizeof(name) ? size : sizeof(name) - 1);
    html_markup(output, " <a class=\"more\" href=\"/decisions?outcome=denied&amp;q=");
    html_argument(output, name);
    html_markup(output, "\">Who asked<span class=\"unseen\"> for ");
    html_text(output, denied->target);
    html_markup(output, "</span></a>");
}

static void add_reason(const struct table *table, const struct status_denied *denied,
                       struct output *output)
{
    table_cell_open(table, COLUMN_REASON, output);
    html_markup(output, "<div class=\"why\">");
    html_element(output, "span", "word", denied->reason);
    add_decisions_link(denied, output);
    html_markup(output, "</div>");
    if (html_is_set(denied->sentence))
        html_element(output, "small", NULL, denied->sentence);
    table_cell_close(COLUMN_REASON, output);
}

/* The script copies what stands in the code before the button. */
static void add_sql(const struct table *table, const struct status_denied *denied,
                    struct output *output)
{
    table_cell_open(table, COLUMN_SQL, output);
    if (html_is_set(denied->sql)) {
        html_markup(output, "<div class=\"offer\">");
        html_element(output, "code", NULL, denied->sql);
        html_markup(output, "<button type=\"button\" class=\"copy\"");
        output_add(output, " aria-label=\"Copy the SQL that allows ");
        html_text(output, denied->target);
        html_markup(output, "\">Copy</button></div>");
    } else {
        table_dash(output);
    }
    table_cell_close(COLUMN_SQL, output);
}

static void add_row(const struct table *table, const struct status_denied *denied,
                    const struct view *view, struct output *output)
{
    table_row_open(output);
    table_cell_open(table, COLUMN_TARGET, output);
    html_element(output, "code", NULL, denied->target);
    table_cell_close(COLUMN_TARGET, output);
    table_cell(table, COLUMN_GROUP, denied->client_group, output);
    table_cell_count(table, COLUMN_COUNT, denied->count, output);
    table_cell_ago(table, COLUMN_LAST, denied->last_s, view, output);
    table_cell_ago(table, COLUMN_FIRST, denied->first_s, view, output);
    add_reason(table, denied, output);
    add_sql(table, denied, output);
    table_row_close(output);
}

static void add_table(const struct view *view, const struct status_selection *selection,
                      struct output *output)
{
    const struct status_denied_names *denied = &view->data->denied;
    const struct table table = { "Denied names", columns, COLUMNS, selection };
    if (table_missing(denied->missing, output))
        return;
    if (denied->count == 0) {
        table_empty(selection == NULL ? "Nothing was denied yet." : "No denied name is like that.",
                    output);
        return;
    }
    table_open(&table, view, output);
    for (uint32_t i = 0; i < denied->count; i++)
        add_row(&table, &denied->row[i], view, output);
    table_close(output);
}

void part_denied(const struct view *view, struct output *output)
{
    add_table(view, NULL, output);
}

void page_denied(const struct view *view, struct output *output)
{
    const struct status_denied_names *denied = &view->data->denied;
    page_open(view, "Denied names", output);
    table_search(view, "Target, group or reason", output);
    html_markup(output, "<div id=\"denied\" data-live>\n");
    if (denied->missing == NULL) {
        html_markup(output, "<p class=\"found\">");
        html_count(output, denied->total);
        html_markup(output, denied->total == 1 ? " name</p>\n" : " names</p>\n");
    }
    add_table(view, &view->query->denied, output);
    table_pager(view, denied->next, output);
    html_markup(output, "</div>\n");
    page_close(output);
}
