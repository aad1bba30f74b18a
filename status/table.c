/* status/table.c - the page's tables. */
#include "status/table.h"
#include "status/html.h"

#include <string.h>

/* "?q=" of the first argument, "&amp;state=" of each that follows. */
static void add_name(const char *name, bool *is_first, struct output *output)
{
    output_add(output, *is_first ? "?" : "&amp;");
    output_add(output, name);
    output_add(output, "=");
    *is_first = false;
}

static void add_word(const char *name, const char *word, bool *is_first, struct output *output)
{
    if (word[0] == '\0')
        return;
    add_name(name, is_first, output);
    html_argument(output, word);
}

static void add_number(const char *name, uint64_t number, bool *is_first, struct output *output)
{
    if (number == 0)
        return;
    add_name(name, is_first, output);
    output_add_format(output, "%llu", (unsigned long long)number);
}

static const char *order_word_of(const struct arguments *arguments)
{
    return arguments->has_order ? arguments_order_word(arguments->order) : "";
}

/* "/rules?q=...&state=...&sort=...&from=..." */
static void add_link(const struct view *view, const struct arguments *arguments,
                     struct output *output)
{
    bool is_first = true;
    html_markup(output, " href=\"");
    html_text(output, view->path);
    add_word("q", arguments->search, &is_first, output);
    add_word("state", status_state_word(arguments->state), &is_first, output);
    add_word("outcome", arguments_outcome_word(arguments->outcome), &is_first, output);
    add_number("rule", (uint64_t)arguments->rule_id, &is_first, output);
    add_word("sort", order_word_of(arguments), &is_first, output);
    add_number("from", arguments->from, &is_first, output);
    html_markup(output, "\"");
}

static void add_link_from(const struct view *view, uint64_t from, struct output *output)
{
    struct arguments other = *view->arguments;
    other.from = from;
    add_link(view, &other, output);
}

static void add_link_by(const struct view *view, enum status_order order, struct output *output)
{
    struct arguments other = *view->arguments;
    other.order = order;
    other.has_order = true;
    other.from = 0;
    add_link(view, &other, output);
}

static bool sorts_falling(enum status_order order)
{
    return order != STATUS_ORDER_ID && order != STATUS_ORDER_UNUSED && order != STATUS_ORDER_NAME &&
           order != STATUS_ORDER_CLIENT;
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
        add_link_by(view, column->order, output);
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
    if (html_is_set(text))
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

void table_cell_rule(const struct table *table, uint32_t column, int64_t rule_id,
                     struct output *output)
{
    table_cell_open(table, column, output);
    if (rule_id != 0)
        output_add_format(output, "<a href=\"/rules?rule=%lld\">%lld</a>", (long long)rule_id,
                          (long long)rule_id);
    else
        table_dash(output);
    table_cell_close(column, output);
}

void table_cell_client(const struct table *table, uint32_t column, const char *client,
                       const char *group, struct output *output)
{
    table_cell_open(table, column, output);
    html_element(output, "code", NULL, client);
    if (html_is_set(group))
        html_element(output, "small", NULL, group);
    table_cell_close(column, output);
}

void table_cell_code(const struct table *table, uint32_t column, const char *text,
                     struct output *output)
{
    table_cell_open(table, column, output);
    if (html_is_set(text))
        html_element(output, "code", NULL, text);
    else
        table_dash(output);
    table_cell_close(column, output);
}

static void add_hidden(const char *name, const char *value, struct output *output)
{
    if (value[0] == '\0')
        return;
    html_markup(output, "<input type=\"hidden\"");
    html_attribute(output, "name", name);
    html_attribute(output, "value", value);
    html_markup(output, ">");
}

static void add_hidden_rule(int64_t rule_id, struct output *output)
{
    if (rule_id != 0)
        output_add_format(output, "<input type=\"hidden\" name=\"rule\" value=\"%lld\">",
                          (long long)rule_id);
}

/* What the form can't show. */
static void add_narrowing(const struct view *view, struct output *output)
{
    const struct arguments *arguments = view->arguments;
    if (arguments->rule_id != 0 && strcmp(view->path, "/rules") != 0)
        output_add_format(output,
                          "<span class=\"dim\">of <a href=\"/rules?rule=%lld\">rule "
                          "%lld</a></span>",
                          (long long)arguments->rule_id, (long long)arguments->rule_id);
    if (arguments->state == STATUS_STATE_ANY)
        return;
    html_markup(output, "<span class=\"dim\">");
    html_text(output, status_state_word(arguments->state));
    html_markup(output, " ones</span>");
}

static bool is_narrowed(const struct arguments *arguments)
{
    return arguments->search[0] != '\0' || arguments->state != STATUS_STATE_ANY ||
           arguments->outcome != STATUS_OUTCOME_ANY || arguments->rule_id != 0;
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
    add_hidden("state", status_state_word(arguments->state), output);
    add_hidden("outcome", arguments_outcome_word(arguments->outcome), output);
    add_hidden_rule(arguments->rule_id, output);
    add_hidden("sort", order_word_of(arguments), output);
    html_markup(output, "<button type=\"submit\">Search</button>");
    add_narrowing(view, output);
    if (is_narrowed(arguments)) {
        html_markup(output, " <a");
        html_attribute(output, "href", view->path);
        html_markup(output, ">Show all</a>");
    }
    html_markup(output, "</form>\n");
}

void table_choices_open(const char *label, struct output *output)
{
    html_markup(output, "<nav class=\"choices\"");
    html_attribute(output, "aria-label", label);
    html_markup(output, "><ul>");
}

void table_choice(const struct view *view, const char *label, const struct arguments *arguments,
                  struct output *output)
{
    const struct arguments *now = view->arguments;
    bool is_now = arguments->state == now->state && arguments->outcome == now->outcome &&
                  arguments->has_order == now->has_order && arguments->order == now->order;
    html_markup(output, "<li><a");
    add_link(view, arguments, output);
    if (is_now)
        html_attribute(output, "aria-current", "true");
    html_markup(output, ">");
    html_text(output, label);
    html_markup(output, "</a></li>");
}

void table_choices_close(struct output *output)
{
    html_markup(output, "</ul></nav>\n");
}

void table_pager(const struct view *view, uint64_t next, struct output *output)
{
    uint64_t from = view->arguments->from;
    if (from == 0 && next == 0)
        return;
    html_markup(output, "<nav class=\"pager\" aria-label=\"Pages of the table\">");
    if (from > 0) {
        html_markup(output, "<a");
        add_link_from(view, 0, output);
        html_markup(output, ">First page</a> ");
    }
    if (next > 0) {
        html_markup(output, "<a rel=\"next\"");
        add_link_from(view, next, output);
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
