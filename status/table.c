/* status/table.c - the page's tables. */
#include "status/table.h"
#include "status/html.h"

/* "/rules?q=...&state=...&sort=...&from=...": this page with another order or start. */
static void add_link(const struct view *view, const char *sort, uint64_t from,
                     struct output *output)
{
    const struct arguments *arguments = view->arguments;
    const char *between = "?";
    html_markup(output, " href=\"");
    html_text(output, view->path);
    if (arguments->search[0] != '\0') {
        html_markup(output, "?q=");
        html_argument(output, arguments->search);
        between = "&amp;";
    }
    if (arguments->state != STATUS_STATE_ANY) {
        output_add_format(output, "%sstate=%s", between, status_state_word(arguments->state));
        between = "&amp;";
    }
    if (sort != NULL) {
        output_add_format(output, "%ssort=%s", between, sort);
        between = "&amp;";
    }
    if (from > 0)
        output_add_format(output, "%sfrom=%llu", between, (unsigned long long)from);
    html_markup(output, "\"");
}

static bool sorts_falling(enum status_order order)
{
    return order != STATUS_ORDER_ID && order != STATUS_ORDER_NAME && order != STATUS_ORDER_CLIENT;
}

static void add_heading(const struct table *table, const struct column *column,
                        const struct view *view, struct output *output)
{
    bool is_link = table->selection != NULL && column->is_sortable;
    html_markup(output, "<th scope=\"col\"");
    if (column->class != NULL)
        html_attribute(output, "class", column->class);
    if (is_link && table->selection->order == column->order)
        html_attribute(output, "aria-sort",
                       sorts_falling(column->order) ? "descending" : "ascending");
    html_markup(output, ">");
    if (is_link) {
        html_markup(output, "<a");
        add_link(view, arguments_order_word(column->order), 0, output);
        html_markup(output, ">");
    }
    html_text(output, column->label);
    html_markup(output, is_link ? "</a></th>" : "</th>");
}

void table_open(const struct table *table, const struct view *view, struct output *output)
{
    html_markup(output, "<table><caption>");
    html_text(output, table->caption);
    html_markup(output, "</caption><thead><tr>");
    for (uint32_t i = 0; i < table->column_count; i++)
        add_heading(table, &table->columns[i], view, output);
    html_markup(output, "</tr></thead><tbody>\n");
}

void table_close(struct output *output)
{
    html_markup(output, "</tbody></table>\n");
}

void table_row_open(struct output *output)
{
    html_markup(output, "<tr>");
}

void table_row_close(struct output *output)
{
    html_markup(output, "</tr>\n");
}

void table_cell_open(const struct table *table, uint32_t column, struct output *output)
{
    html_markup(output, column == 0 ? "<th scope=\"row\"" : "<td");
    if (table->columns[column].class != NULL)
        html_attribute(output, "class", table->columns[column].class);
    html_attribute(output, "data-label", table->columns[column].label);
    html_markup(output, ">");
}

void table_cell_close(uint32_t column, struct output *output)
{
    html_markup(output, column == 0 ? "</th>" : "</td>");
}

void table_cell(const struct table *table, uint32_t column, const char *text, struct output *output)
{
    table_cell_open(table, column, output);
    if (text != NULL && text[0] != '\0')
        html_text(output, text);
    else
        table_dash(output);
    table_cell_close(column, output);
}

void table_dash(struct output *output)
{
    html_markup(output, "<span class=\"none\">–</span>");
}

void table_cell_count(const struct table *table, uint32_t column, uint64_t count,
                      struct output *output)
{
    table_cell_open(table, column, output);
    html_count(output, count);
    table_cell_close(column, output);
}

void table_cell_bytes(const struct table *table, uint32_t column, uint64_t bytes,
                      struct output *output)
{
    table_cell_open(table, column, output);
    html_bytes(output, bytes);
    table_cell_close(column, output);
}

void table_cell_ago(const struct table *table, uint32_t column, int64_t time_s,
                    const struct view *view, struct output *output)
{
    table_cell_open(table, column, output);
    html_ago(output, time_s, view->now_s);
    table_cell_close(column, output);
}

static void add_hidden(const char *name, const char *value, struct output *output)
{
    html_markup(output, "<input type=\"hidden\"");
    html_attribute(output, "name", name);
    html_attribute(output, "value", value);
    html_markup(output, ">");
}

void table_search(const struct view *view, const char *label, struct output *output)
{
    const struct arguments *arguments = view->arguments;
    html_markup(output, "<form class=\"search\" role=\"search\" method=\"get\"");
    html_attribute(output, "action", view->path);
    html_markup(output, "><label for=\"q\">");
    html_text(output, label);
    html_markup(output, "</label><input type=\"search\" id=\"q\" name=\"q\" maxlength=\"100\" "
                        "autocomplete=\"off\" spellcheck=\"false\"");
    html_attribute(output, "value", arguments->search);
    html_markup(output, ">");
    if (arguments->state != STATUS_STATE_ANY)
        add_hidden("state", status_state_word(arguments->state), output);
    if (arguments->has_order)
        add_hidden("sort", arguments_order_word(arguments->order), output);
    html_markup(output, "<button type=\"submit\">Search</button>");
    if (arguments->search[0] != '\0' || arguments->state != STATUS_STATE_ANY) {
        html_markup(output, " <a");
        html_attribute(output, "href", view->path);
        html_markup(output, ">Show all</a>");
    }
    html_markup(output, "</form>\n");
}

void table_pager(const struct view *view, uint64_t next, struct output *output)
{
    const struct arguments *arguments = view->arguments;
    const char *sort = arguments->has_order ? arguments_order_word(arguments->order) : NULL;
    if (arguments->from == 0 && next == 0)
        return;
    html_markup(output, "<nav class=\"pager\" aria-label=\"Pages of the table\">");
    if (arguments->from > 0) {
        html_markup(output, "<a");
        add_link(view, sort, 0, output);
        html_markup(output, ">First page</a> ");
    }
    if (next > 0) {
        html_markup(output, "<a rel=\"next\"");
        add_link(view, sort, next, output);
        html_markup(output, ">Next page</a>");
    }
    html_markup(output, "</nav>\n");
}

void table_empty(const char *sentence, struct output *output)
{
    html_element(output, "p", "empty", sentence);
}

bool table_missing(const char *missing, struct output *output)
{
    if (missing == NULL)
        return false;
    html_markup(output, "<p class=\"missing\">Not to be had at the moment: ");
    html_text(output, missing);
    html_markup(output, "</p>\n");
    return true;
}
