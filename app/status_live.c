/* app/status_live.c - what the status page shows of live connections and recent decisions. */
#include "app/status_live.h"
#include "app/status_decisions.h"
#include "app/status_words.h"
#include "base/clock.h"
#include "base/text.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

#include <stdlib.h>
#include <string.h>

/* What one worker found. Its own while it is asked. */
struct share {
    struct status_live *live;
    struct worker_look look;
    struct connection_list connections;
    uint64_t found; /* of its live connections, by the search */
};

struct status_live {
    struct live_setup setup;
    struct policy *policy;           /* owns a reference: whose groups the clients are in */
    struct recent_decisions *recent; /* owned: a place for each worker; NULL: not wanted */
    struct share share[];
};

static connection_order_fn order_of(enum status_order order)
{
    switch (order) {
    case STATUS_ORDER_BYTES:
        return connection_order_bytes;
    case STATUS_ORDER_NAME:
        return connection_order_name;
    case STATUS_ORDER_CLIENT:
        return connection_order_client;
    case STATUS_ORDER_AGE:
    case STATUS_ORDER_ID:
    case STATUS_ORDER_HITS:
    case STATUS_ORDER_NEWEST:
    case STATUS_ORDER_UNUSED:
    case STATUS_ORDER_COUNT:
    case STATUS_ORDER_LAST:
    case STATUS_ORDER_FIRST:
        break;
    }
    return connection_order_age;
}

static uint32_t limit_of(const struct status_selection *selection)
{
    return selection->limit < CONNECTION_LIST_MAX ? selection->limit : CONNECTION_LIST_MAX;
}

struct status_live *status_live_new(const struct live_setup *setup)
{
    struct status_live *live =
        calloc(1, sizeof(*live) + setup->worker_count * sizeof(struct share));
    if (live == NULL)
        return NULL;
    live->setup = *setup;
    live->policy = policy_feed_latest(setup->feed);
    if ((setup->request->query.parts & STATUS_DECISIONS) == 0)
        return live;
    live->recent = calloc(setup->worker_count, sizeof(*live->recent));
    if (live->recent != NULL)
        return live;
    status_live_free(live);
    return NULL;
}

void status_live_free(struct status_live *live)
{
    if (live == NULL)
        return;
    policy_unref(live->policy);
    free(live->recent);
    free(live);
}

/* On the worker. */

static bool is_searched(const struct status_live *live, const struct gate_connection *connection)
{
    const struct status_selection *selection = &live->setup.request->query.connections;
    char name[STATUS_NAME_BYTES] = "", client[STATUS_CLIENT_BYTES];
    if (selection->rule_id != 0 && connection->rule_id != selection->rule_id)
        return false;
    if (selection->search[0] == '\0')
        return true;
    if (connection->has_name)
        status_write_name(&connection->name, connection->port, name);
    status_write_address(&connection->client.address, client);
    return status_contains(name, selection->search) || status_contains(client, selection->search) ||
           status_contains(status_group_of(live->policy, &connection->client.address),
                           selection->search);
}

static void take_connection(void *context, const struct gate_connection *connection)
{
    struct share *share = context;
    if (!is_searched(share->live, connection))
        return;
    share->found++;
    connection_list_add(&share->connections, connection);
}

static void on_looked(struct worker_look *look)
{
    struct share *share = look->context;
    share->live->setup.done(share->live->setup.context);
}

bool status_live_ask(struct status_live *live, uint32_t worker)
{
    struct share *share = &live->share[worker];
    struct status_request *request = live->setup.request;
    bool wants_connections = (request->query.parts & STATUS_CONNECTIONS) != 0;
    share->live = live;
    share->connections.order = order_of(request->query.connections.order);
    share->connections.limit = limit_of(&request->query.connections);
    share->look =
        (struct worker_look){ .ret_recent = live->recent != NULL ? &live->recent[worker] : NULL,
                              .connection = wants_connections ? take_connection : NULL,
                              .context = share,
                              .is_abandoned = &request->is_abandoned,
                              .done = on_looked };
    return worker_look(live->setup.workers[worker], &share->look);
}

/* Connections */

static const char *verified_words(const struct gate_connection *connection)
{
    bool is_seen = connection->proof == GATE_PROOF_HANDSHAKE;
    if (connection->is_checking)
        return "under way";
    if (connection->mode == VERIFY_NONE || connection->is_observed)
        return "not checked";
    if (connection->proof == GATE_PROOF_NONE)
        return "not yet";
    if (connection->proof == GATE_PROOF_RESUMED)
        return "resumed: by the check before it";
    if (connection->mode == VERIFY_PIN_ONLY)
        return is_seen ? "pin, in this handshake" : "pin, by a check";
    if (connection->has_pins)
        return is_seen ? "chain and pin, in this handshake" : "chain and pin, by a check";
    return is_seen ? "chain, in this handshake" : "chain, by a check";
}

static void add_connection(const struct status_live *live, const struct gate_connection *connection,
                           struct status_connections *data)
{
    char name[STATUS_NAME_BYTES] = "", client[STATUS_CLIENT_BYTES];
    char server[STATUS_CLIENT_BYTES] = "";
    struct text text = text_in(server, sizeof(server));
    const char *group = status_group_of(live->policy, &connection->client.address);
    int64_t age_ms = clock_monotonic_ms() - connection->started_ms;
    if (connection->has_name)
        status_write_name(&connection->name, connection->port, name);
    if (connection->server.address.family != 0)
        endpoint_add_to(&connection->server, &text);
    status_write_address(&connection->client.address, client);
    data->row[data->count++] = (struct status_connection){
        .client = arena_copy(&data->arena, client),
        .client_group = arena_copy(&data->arena, group),
        .name = arena_copy(&data->arena, name),
        .server = arena_copy(&data->arena, server),
        .rule_id = connection->rule_id,
        .verified = verified_words(connection),
        .bytes_up = connection->bytes_up,
        .bytes_down = connection->bytes_down,
        .started_s = clock_realtime_s() - age_ms / 1000,
    };
}

static void fill_connections(const struct status_live *live, struct status_connections *data)
{
    const struct status_selection *selection = &live->setup.request->query.connections;
    struct connection_list *all = calloc(1, sizeof(*all));
    if (all == NULL) {
        data->missing = "out of memory";
        return;
    }
    all->order = order_of(selection->order);
    all->limit = limit_of(selection);
    for (uint32_t i = 0; i < live->setup.worker_count; i++) {
        const struct share *share = &live->share[i];
        data->found += share->found;
        for (uint32_t rank = 0; rank < share->connections.count; rank++)
            connection_list_add(all, connection_list_at(&share->connections, rank));
    }
    for (uint32_t rank = 0; rank < all->count; rank++)
        add_connection(live, connection_list_at(all, rank), data);
    free(all);
}

void status_live_fill(const struct status_live *live)
{
    struct status_request *request = live->setup.request;
    const struct decisions_reading reading = { live->recent, live->setup.worker_count, live->policy,
                                               &request->query.decisions };
    if ((request->query.parts & STATUS_CONNECTIONS) != 0)
        fill_connections(live, &request->data->connections);
    if ((request->query.parts & STATUS_DECISIONS) != 0)
        status_decisions_fill(&reading, &request->data->decisions);
}
