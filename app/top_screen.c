/* app/top_screen.c - what `pinhole top` shows. */
#include "app/top_screen.h"

#include <string.h>

enum { LINE_BYTES = 1024, CELL_BYTES = 256, LEAST_ROWS = 3, TABLES = 3, TABLE_HEAD_LINES = 2 };

/* A line that is being written; cut at the columns when it is added. */
static void add_line(const char *line, struct top_size size, struct text *screen)
{
    size_t length = strlen(line);
    text_add_bytes(screen, line, length < size.columns ? length : size.columns);
    text_add(screen, "\n");
}

static int64_t number_in(struct json object, const char *key)
{
    return json_number(json_member(object, key));
}

static void add_amount(int64_t bytes, struct text *text)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        amount /= 1024;
    text_add_format(text, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

static void add_duration(int64_t seconds, struct text *text)
{
    if (seconds < 60)
        text_add_format(text, "%lld s", (long long)(seconds > 0 ? seconds : 0));
    else if (seconds < 3600)
        text_add_format(text, "%lld min", (long long)(seconds / 60));
    else if (seconds < 86400)
        text_add_format(text, "%lld h", (long long)(seconds / 3600));
    else
        text_add_format(text, "%lld d", (long long)(seconds / 86400));
}

static void add_fault(struct json fault, const char *what, struct top_size size,
                      struct text *screen)
{
    char buffer[LINE_BYTES];
    struct text line = text_in(buffer, sizeof(buffer));
    text_add(&line, what);
    size_t before = line.size;
    json_add_plain(fault, &line);
    if (line.size > before)
        add_line(buffer, size, screen);
}

/* A line for each that fails: "! DNS server 10.96.0.10:53 of cluster.local fails: ...". */
static void add_failing_servers(struct json servers, struct top_size size, struct text *screen)
{
    char buffer[LINE_BYTES];
    struct json server;
    struct json_elements all = json_elements_of(servers);
    while (json_elements_next(&all, &server)) {
        if (json_is_true(json_member(server, "healthy")))
            continue;
        struct text what = text_in(buffer, sizeof(buffer));
        text_add(&what, "! DNS server ");
        json_add_plain(json_member(server, "address"), &what);
        size_t before = what.size;
        text_add(&what, " for ");
        size_t after = what.size;
        json_add_plain(json_member(server, "zone"), &what);
        if (what.size == after) /* of all other names */
            what.size = before;
        text_add(&what, " fails: ");
        add_fault(json_member(server, "fault"), buffer, size, screen);
    }
}

static void add_health(struct json health, struct top_size size, struct text *screen)
{
    char buffer[LINE_BYTES];
    struct text line = text_in(buffer, sizeof(buffer));
    int64_t now_s = number_in(health, "now");
    struct json policy = json_member(health, "policy"), process = json_member(health, "process");
    text_add(&line, "pinhole ");
    json_add_plain(json_member(health, "version"), &line);
    text_add(&line, json_is_true(json_member(health, "ready")) ? ": ready" : ": NOT READY ");
    json_add_plain(json_member(health, "not_ready"), &line);
    text_add(&line, ", up ");
    add_duration(now_s - number_in(health, "started"), &line);
    text_add_format(&line, ", policy %lld loaded ", (long long)number_in(policy, "version"));
    add_duration(now_s - number_in(policy, "loaded"), &line);
    text_add(&line, " ago, ");
    add_amount(number_in(process, "memory_bytes"), &line);
    add_line(buffer, size, screen);
    add_fault(json_member(policy, "load_fault"), "! the policy is stale: ", size, screen);
    add_fault(json_member(json_member(health, "database"), "fault"), "! database: ", size, screen);
    add_failing_servers(json_member(health, "dns_servers"), size, screen);
}

static void add_rules(struct json rules, struct top_size size, struct text *screen)
{
    static const char *const states[] = { "active",  "invalid",  "refused",  "widened",
                                          "expired", "shadowed", "disabled", "unjudged" };
    char buffer[LINE_BYTES];
    struct text line = text_in(buffer, sizeof(buffer));
    struct json by_state = json_member(rules, "by_state");
    text_add_format(&line, "rules        %lld", (long long)number_in(rules, "total"));
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (number_in(by_state, states[i]) > 0)
            text_add_format(&line, ", %lld %s", (long long)number_in(by_state, states[i]),
                            states[i]);
    add_line(buffer, size, screen);
}

/* Since the last screen; 0 for the first. */
static double rate(int64_t now, int64_t before, int64_t elapsed_ms)
{
    return elapsed_ms > 0 ? 1000.0 * (double)(now - before) / (double)elapsed_ms : 0;
}

static void add_traffic(struct json traffic, struct top_before *before, int64_t now_ms,
                        struct top_size size, struct text *screen)
{
    char buffer[LINE_BYTES];
    struct json total = json_member(traffic, "total");
    const struct top_before now = { now_ms, number_in(total, "queries"),
                                    number_in(total, "connections"), number_in(total, "bytes_up"),
                                    number_in(total, "bytes_down") };
    int64_t elapsed_ms = before->at_ms != 0 ? now_ms - before->at_ms : 0;
    struct text line = text_in(buffer, sizeof(buffer));
    text_add_format(&line, "queries      %lld, %lld denied, %.1f/s", (long long)now.queries,
                    (long long)number_in(total, "queries_denied"),
                    rate(now.queries, before->queries, elapsed_ms));
    add_line(buffer, size, screen);
    line = text_in(buffer, sizeof(buffer));
    text_add_format(&line, "connections  %lld, %lld refused, %lld open, %.1f/s",
                    (long long)now.connections, (long long)number_in(total, "connections_refused"),
                    (long long)number_in(traffic, "open_connections"),
                    rate(now.connections, before->connections, elapsed_ms));
    add_line(buffer, size, screen);
    line = text_in(buffer, sizeof(buffer));
    text_add(&line, "bytes        ");
    add_amount(now.bytes_up, &line);
    text_add(&line, " up, ");
    add_amount(now.bytes_down, &line);
    text_add(&line, " down, ");
    add_amount((int64_t)rate(now.bytes_up, before->bytes_up, elapsed_ms), &line);
    text_add(&line, "/s up, ");
    add_amount((int64_t)rate(now.bytes_down, before->bytes_down, elapsed_ms), &line);
    text_add(&line, "/s down");
    add_line(buffer, size, screen);
    *before = now;
}

/* A table's column: what stands in it, and how wide it is. */
enum cell { CELL_TEXT = 0, CELL_BYTES_COUNT, CELL_AGE };
struct column {
    const char *title, *key;
    int width;
    enum cell cell;
};

struct table {
    const char *title, *key;
    const struct column *columns;
    size_t column_count;
};

static void add_cell(const struct column *column, struct json row, int64_t now_s, struct text *line)
{
    char buffer[CELL_BYTES];
    struct text cell = text_in(buffer, sizeof(buffer));
    struct json value = json_member(row, column->key);
    switch (column->cell) {
    case CELL_TEXT:
        json_add_plain(value, &cell);
        break;
    case CELL_BYTES_COUNT:
        add_amount(json_number(value), &cell);
        break;
    case CELL_AGE:
        add_duration(now_s - json_number(value), &cell);
        break;
    }
    text_add_format(line, "%-*.*s ", column->width, column->width, buffer);
}

static void add_table(const struct table *table, struct json answer, int64_t now_s,
                      struct top_size size, struct text *screen)
{
    char buffer[LINE_BYTES];
    struct json row;
    struct json_elements rows = json_elements_of(json_member(answer, table->key));
    struct text line = text_in(buffer, sizeof(buffer));
    add_line("", size, screen);
    for (size_t i = 0; i < table->column_count; i++)
        text_add_format(&line, "%-*.*s ", table->columns[i].width, table->columns[i].width,
                        i == 0 ? table->title : table->columns[i].title);
    add_line(buffer, size, screen);
    for (unsigned count = 0; count < size.rows && json_elements_next(&rows, &row); count++) {
        line = text_in(buffer, sizeof(buffer));
        for (size_t i = 0; i < table->column_count; i++)
            add_cell(&table->columns[i], row, now_s, &line);
        add_line(buffer, size, screen);
    }
}

static const struct column denied_columns[] = { { "NAME", "target", 44, CELL_TEXT },
                                                { "GROUP", "client_group", 12, CELL_TEXT },
                                                { "TIMES", "count", 8, CELL_TEXT },
                                                { "LAST", "last_seen", 7, CELL_AGE },
                                                { "REASON", "reason", 24, CELL_TEXT } };
static const struct column connection_columns[] = { { "NAME", "name", 34, CELL_TEXT },
                                                    { "CLIENT", "client", 15, CELL_TEXT },
                                                    { "SERVER", "server", 21, CELL_TEXT },
                                                    { "UP", "bytes_up", 9, CELL_BYTES_COUNT },
                                                    { "DOWN", "bytes_down", 9, CELL_BYTES_COUNT },
                                                    { "AGE", "started", 7, CELL_AGE },
                                                    { "PROVEN", "verified", 32, CELL_TEXT } };
static const struct column decision_columns[] = { { "NAME", "name", 34, CELL_TEXT },
                                                  { "CLIENT", "client", 15, CELL_TEXT },
                                                  { "KIND", "kind", 10, CELL_TEXT },
                                                  { "OUTCOME", "outcome", 10, CELL_TEXT },
                                                  { "REASON", "reason", 24, CELL_TEXT } };

#define COLUMNS_OF(columns) columns, sizeof(columns) / sizeof((columns)[0])
static const struct table denied_table = { "DENIED NAMES", "denied", COLUMNS_OF(denied_columns) };
static const struct table connection_table = { "LIVE CONNECTIONS", "connections",
                                               COLUMNS_OF(connection_columns) };
static const struct table decision_table = { "RECENT DECISIONS", "decisions",
                                             COLUMNS_OF(decision_columns) };

static unsigned count_lines(const struct text *screen)
{
    unsigned count = 0;
    for (size_t i = 0; i < screen->size; i++)
        count += screen->at[i] == '\n';
    return count;
}

void top_screen_add(const struct top_answers *answers, struct top_before *before, int64_t now_ms,
                    struct top_size size, struct text *screen)
{
    int64_t now_s = number_in(answers->health, "now");
    add_health(answers->health, size, screen);
    add_rules(json_member(answers->health, "rules"), size, screen);
    add_traffic(answers->traffic, before, now_ms, size, screen);
    unsigned taken = count_lines(screen) + TABLES * TABLE_HEAD_LINES + 1; /* the cursor's line */
    unsigned left = size.rows > taken ? (size.rows - taken) / TABLES : 0;
    struct top_size table_size = { size.columns, left > LEAST_ROWS ? left : LEAST_ROWS };
    add_table(&denied_table, answers->denied, now_s, table_size, screen);
    add_table(&connection_table, answers->connections, now_s, table_size, screen);
    add_table(&decision_table, answers->decisions, now_s, table_size, screen);
}
