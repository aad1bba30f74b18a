/* status/route.c - what is found under which path. */
#include "status/route.h"
#include "status/api.h"
#include "status/metrics_text.h"
#include "status/page.h"

#include <string.h>

enum { OVERVIEW_ROWS = 10 };

static void write_metrics(const struct view *view, struct output *output)
{
    metrics_text_add(&view->data->metrics, output);
}

static const struct route routes[] = {
    { "/", MEDIA_HTML,
      STATUS_HEALTH | STATUS_TRAFFIC | STATUS_RULES | STATUS_DENIED | STATUS_CONNECTIONS |
          STATUS_DECISIONS,
      TABLE_NONE, page_overview },
    { "/rules", MEDIA_HTML, STATUS_HEALTH | STATUS_RULES, TABLE_RULES, page_rules },
    { "/denied", MEDIA_HTML, STATUS_HEALTH | STATUS_DENIED, TABLE_DENIED, page_denied },
    { "/connections", MEDIA_HTML, STATUS_HEALTH | STATUS_CONNECTIONS, TABLE_CONNECTIONS,
      page_connections },
    { "/decisions", MEDIA_HTML, STATUS_HEALTH | STATUS_DECISIONS, TABLE_DECISIONS, page_decisions },
    { "/explain", MEDIA_HTML, STATUS_HEALTH | STATUS_EXPLANATION, TABLE_NONE, page_explain },
    { "/metrics", MEDIA_METRICS, STATUS_METRICS, TABLE_NONE, write_metrics },
    { "/api/v1/health", MEDIA_JSON, STATUS_HEALTH, TABLE_NONE, api_health },
    { "/api/v1/traffic", MEDIA_JSON, STATUS_TRAFFIC, TABLE_NONE, api_traffic },
    { "/api/v1/rules", MEDIA_JSON, STATUS_RULES, TABLE_RULES, api_rules },
    { "/api/v1/denied", MEDIA_JSON, STATUS_DENIED, TABLE_DENIED, api_denied },
    { "/api/v1/connections", MEDIA_JSON, STATUS_CONNECTIONS, TABLE_CONNECTIONS, api_connections },
    { "/api/v1/decisions", MEDIA_JSON, STATUS_DECISIONS, TABLE_DECISIONS, api_decisions },
    { "/api/v1/explain", MEDIA_JSON, STATUS_EXPLANATION, TABLE_NONE, api_explain },
};

const struct route *route_find(const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

/* What each table can be ordered by; the first is what it is ordered by when nothing is said. */
static const struct {
    enum status_order orders[4];
    uint32_t order_count;
    uint32_t limit;
} tables[] = {
    [TABLE_NONE] = { { STATUS_ORDER_ID }, 1, OVERVIEW_ROWS },
    [TABLE_RULES] = { { STATUS_ORDER_ID, STATUS_ORDER_NEWEST, STATUS_ORDER_HITS,
                        STATUS_ORDER_UNUSED },
                      4,
                      STATUS_ROWS_MAX },
    [TABLE_DENIED] = { { STATUS_ORDER_LAST, STATUS_ORDER_COUNT, STATUS_ORDER_FIRST,
                         STATUS_ORDER_NAME },
                       4,
                       STATUS_ROWS_MAX },
    [TABLE_CONNECTIONS] = { { STATUS_ORDER_AGE, STATUS_ORDER_BYTES, STATUS_ORDER_NAME,
                              STATUS_ORDER_CLIENT },
                            4,
                            STATUS_CONNECTIONS_MAX },
    [TABLE_DECISIONS] = { { STATUS_ORDER_AGE }, 1, STATUS_ROWS_MAX },
};

static bool can_order(enum route_table table, enum status_order order)
{
    for (uint32_t i = 0; i < tables[table].order_count; i++)
        if (tables[table].orders[i] == order)
            return true;
    return false;
}

static struct status_selection *selection_of(enum route_table table, struct status_query *query)
{
    switch (table) {
    case TABLE_NONE:
        break;
    case TABLE_RULES:
        return &query->rules;
    case TABLE_DENIED:
        return &query->denied;
    case TABLE_CONNECTIONS:
        return &query->connections;
    case TABLE_DECISIONS:
        return &query->decisions;
    }
    return NULL;
}

static const char *select_rows(const struct route *route, const struct arguments *arguments,
                               struct status_query *query)
{
    for (enum route_table table = TABLE_RULES; table <= TABLE_DECISIONS; table++) {
        struct status_selection *selection = selection_of(table, query);
        selection->order = tables[table].orders[0];
        selection->limit = table == route->table ? tables[table].limit : OVERVIEW_ROWS;
    }
    if (route->table == TABLE_NONE)
        query->rules.order = STATUS_ORDER_NEWEST; /* whoever has edited looks for that */
    struct status_selection *selection = selection_of(route->table, query);
    if (selection == NULL)
        return NULL;
    if (arguments->has_order && !can_order(route->table, arguments->order))
        return "this table can't be sorted so";
    if (arguments->has_order)
        selection->order = arguments->order;
    if (arguments->state != STATUS_STATE_ANY && route->table != TABLE_RULES)
        return "rules alone have a state";
    if (arguments->outcome != STATUS_OUTCOME_ANY && route->table != TABLE_DECISIONS)
        return "decisions alone have an outcome";
    if (arguments->rule_id != 0 && route->table == TABLE_DENIED)
        return "denied names have no rule";
    selection->state = arguments->state;
    selection->outcome = arguments->outcome;
    selection->rule_id = arguments->rule_id;
    selection->from = arguments->from;
    memcpy(selection->search, arguments->search, sizeof(selection->search));
    return NULL;
}

/* The form without anything typed explains nothing yet. */
static const char *select_target(const struct route *route, const struct arguments *arguments,
                                 struct status_query *query)
{
    const char *client = arguments->client[0] != '\0' ? arguments->client : "127.0.0.1";
    if ((query->parts & STATUS_EXPLANATION) == 0)
        return NULL;
    if (arguments->target[0] == '\0' && route->media == MEDIA_HTML) {
        query->parts &= ~(unsigned)STATUS_EXPLANATION;
        return NULL;
    }
    if (arguments->target[0] == '\0')
        return "target is missing: the host or URL to explain";
    if (!ip_address_parse(client, &query->client))
        return "client is no IP address";
    memcpy(query->target, arguments->target, sizeof(query->target));
    return NULL;
}

const char *route_query(const struct route *route, const struct arguments *arguments,
                        struct status_query *ret_query)
{
    struct status_query query = { .parts = route->parts };
    const char *wrong = select_rows(route, arguments, &query);
    if (wrong == NULL)
        wrong = select_target(route, arguments, &query);
    if (wrong == NULL)
        *ret_query = query;
    return wrong;
}

const char *route_refused(const struct route *route, const struct status_query *query,
                          const struct status_data *data)
{
    bool is_asked = (query->parts & STATUS_EXPLANATION) != 0 && route->media != MEDIA_HTML;
    return is_asked ? data->explanation.refused : NULL;
}

const char *route_missing(const struct route *route, const struct status_query *query,
                          const struct status_data *data)
{
    const struct {
        enum status_part part;
        const char *missing;
    } sets[] = {
        { STATUS_HEALTH, data->health.missing },
        { STATUS_TRAFFIC, data->traffic.missing },
        { STATUS_RULES, data->rules.missing },
        { STATUS_DENIED, data->denied.missing },
        { STATUS_CONNECTIONS, data->connections.missing },
        { STATUS_DECISIONS, data->decisions.missing },
        { STATUS_EXPLANATION, data->explanation.missing },
        { STATUS_METRICS, data->metrics.missing },
    };
    if (route->media == MEDIA_HTML)
        return NULL;
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        if ((query->parts & sets[i].part) != 0 && sets[i].missing != NULL)
            return sets[i].missing;
    return NULL;
}
