/* status/page_connections.c - what is open through the gate right now. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

enum {
    COLUMN_NAME,
    COLUMN_CLIENT,
    COLUMN_SERVER,
    COLUMN_RULE,
    COLUMN_VERIFIED,
    COLUMN_UP,
    COLUMN_DOWN,
    COLUMN_AGE,
    COLUMNS
};

static const struct column columns[COLUMNS] = {
    { "Name", "name", true, STATUS_ORDER_NAME },
    { "Client", NULL, true, STATUS_ORDER_CLIENT },
    { "Server", NULL, false, 0 },
    { "Rule", "number", false, 0 },
    { "Proven how", "sentence", false, 0 },
    { "Sent", "number", false, 0 },
    { "Received", "number", true, STATUS_ORDER_BYTES },
    { "Age", "number", true, STATUS_ORDER_AGE },
};

static void add_row(const struct table *table, const struct status_connection *connection,
                    const struct view *view, struct output *output)
{
    table_row_open(output);
    table_cell_code(table, COLUMN_NAME, connection->name, output);
    table_cell_client(table, COLUMN_CLIENT, connection->client, connection->client_group, output);
    table_cell_code(table, COLUMN_SERVER, connection->server, output);
    table_cell_rule(table, COLUMN_RULE, connection->rule_id, output);
    table_cell(table, COLUMN_VERIFIED, connection->verified, output);
    table_cell_bytes(table, COLUMN_UP, connection->bytes_up, output);
    table_cell_bytes(table, COLUMN_DOWN, connection->bytes_down, output);
    table_cell_open(table, COLUMN_AGE, output);
    html_duration(output, view->now_s - connection->started_s);
    table_cell_close(COLUMN_AGE, output);
    table_row_close(output);
}

static void add_total(const struct status_connections *connections, struct output *output)
{
    html_markup(output, "<p class=\"found\">");
    html_count(output, connections->total);
    html_markup(output, " open");
    if (connections->found != connections->total) {
        html_markup(output, ", ");
        html_count(output, connections->found);
        html_markup(output, " found");
    }
    if (connections->count < connections->found)
        output_add_format(output, ", the first %u shown", connections->count);
    html_markup(output, "</p>\n");
}

static void add_table(const struct view *view, const struct status_selection *selection,
                      struct output *output)
{
    const struct status_connections *connections = &view->data->connections;
    const struct table table = { "Live connections", columns, COLUMNS, selection };
    if (table_missing(connections->missing, output))
        return;
    if (connections->count == 0) {
        table_empty(connections->total == 0 ? "No connection is open."
                                            : "No connection is like that.",
                    output);
        return;
    }
    if (selection != NULL || connections->count < connections->found)
        add_total(connections, output);
    table_open(&table, view, output);
    for (uint32_t i = 0; i < connections->count; i++)
        add_row(&table, &connections->row[i], view, output);
    table_close(output);
}

void part_connections(const struct view *view, struct output *output)
{
    add_table(view, NULL, output);
}

void page_connections(const struct view *view, struct output *output)
{
    page_open(view, "Live connections", output);
    table_search(view, "Client, name or group", output);
    html_markup(output, "<div id=\"connections\" data-live>\n");
    add_table(view, &view->query->connections, output);
    html_markup(output, "</div>\n");
    page_close(output);
}
