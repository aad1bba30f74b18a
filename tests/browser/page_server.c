/* tests/browser/page_server.c - the status page with made-up data, some of it hostile, so that all
 * of the page can be looked at. Prints its port; reads orders from standard input, a line each:
 *
 *     deny NAME     one more denied name
 *     drain         is ready no more
 *     idle          nothing has happened yet
 *
 * and ends with it. */
#include "base/clock.h"
#include "base/text.h"
#include "net/socket.h"
#include "status/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As long as names get. */
#define LABEL     "a-label-of-sixty-three-characters-with-nowhere-to-break-it-xxxxxx"
#define LONG_NAME LABEL "." LABEL "." LABEL ".example"

struct stage {
    uv_loop_t loop;
    uv_poll_t orders;
    struct status *status;
    bool is_draining, is_idle;
    char denied[300];
    uint64_t asked_count;
};

static void fill_health(struct stage *stage, struct status_health *health, int64_t now_s)
{
    health->is_ready = !stage->is_draining;
    health->not_ready = stage->is_draining ? "draining" : "";
    health->version = "0.1.0";
    health->started_s = now_s - 3 * 86400 - 4000;
    health->policy_version = 12;
    health->policy_loaded_s = now_s - 192;
    health->load_fault = "";
    health->has_states = true;
    health->by_state[STATUS_STATE_ACTIVE] = 1412;
    health->by_state[STATUS_STATE_REFUSED] = stage->is_idle ? 0 : 2;
    health->by_state[STATUS_STATE_WIDENED] = stage->is_idle ? 0 : 1;
    health->by_state[STATUS_STATE_EXPIRED] = 9;
    health->by_state[STATUS_STATE_DISABLED] = 4;
    health->rule_count = 1428;
    const struct status_listener listeners[] = { { "dns", "10.20.0.2:53", "" },
                                                 { "dns", "[2001:db8::53]:53", "" },
                                                 { "tls", "10.20.0.2:443", "for port 443" },
                                                 { "status", "127.0.0.1:9180", "" } };
    health->listener_count = sizeof(listeners) / sizeof(listeners[0]);
    memcpy(health->listener, listeners, sizeof(listeners));
    const struct status_server servers[] = {
        { .zone = "",
          .address = "10.0.0.2:53",
          .is_healthy = true,
          .queries = 61204,
          .last_answer_s = now_s - 1,
          .latency_us = 1240 },
        { .zone = "",
          .address = "10.0.0.3:53",
          .is_healthy = stage->is_idle,
          .fault = "the last question timed out",
          .queries = 18,
          .failures = 5,
          .last_answer_s = now_s - 5000,
          .last_failure_s = now_s - 40,
          .latency_us = 1310 },
        { .zone = "cluster.local",
          .address = "10.96.0.10:53",
          .is_healthy = true,
          .queries = 9031,
          .last_answer_s = now_s - 2,
          .latency_us = 320 },
    };
    health->server_count = sizeof(servers) / sizeof(servers[0]);
    memcpy(health->server, servers, sizeof(servers));
    health->database_path = "/var/lib/pinhole/policy.db";
    health->database_fault = "";
    health->is_database_writable = true;
    health->database_bytes = 1843200;
    health->worker_count = 4;
    health->descriptors = 412;
    health->descriptor_limit = 65536;
    health->memory_bytes = 48ULL << 20;
}

static void fill_traffic(struct stage *stage, struct status_traffic *traffic, int64_t now_s)
{
    uint32_t seed = 7;
    traffic->end_s = now_s;
    traffic->slot_s = 60;
    traffic->slot_count = stage->is_idle ? 1 : STATUS_SLOTS;
    for (uint32_t i = 0; !stage->is_idle && i < STATUS_SLOTS; i++) {
        seed = seed * 1103515245 + 12345;
        uint64_t noise = seed >> 16 & 0xff;
        bool is_incident = i > 41 && i < 52;
        traffic->slot[i] = (struct status_slot){
            .queries = 800 + noise + (is_incident ? 900 : 0),
            .queries_denied = 4 + noise / 32 + (is_incident ? 850 : 0),
            .connections = 120 + noise / 3,
            .connections_refused = noise > 220 ? 9 : noise / 200,
            .bytes_up = 300000 + noise * 4000,
            .bytes_down = 5000000 + noise * (i > 20 ? 60000 : 9000),
        };
    }
    traffic->open_connections = 37;
}

static void reverse_rules(struct status_rules *rules)
{
    for (uint32_t i = 0; i < rules->count / 2; i++) {
        struct status_rule swapped = rules->row[i];
        rules->row[i] = rules->row[rules->count - 1 - i];
        rules->row[rules->count - 1 - i] = swapped;
    }
}

static void fill_rules(struct status_rules *rules, enum status_order order, int64_t now_s)
{
    const struct status_rule rows[] = {
        { 1, "api.example.com", "allow", "any", "payments", STATUS_STATE_ACTIVE, "api.example.com",
          "", "chain", "chain with 2 pins", 2, 48211, now_s - 2, 12, true, 61, 0 },
        { 2, "https://storage.googleapis.com/my-bucket/", "allow", "build",
          "<script>document.title = 'owned'</script>", STATUS_STATE_ACTIVE,
          "my-bucket.storage.googleapis.com", "", "chain", "chain", 0, 9120, now_s - 31, 3, true, 9,
          0 },
        { 3, "*.example.org", "allow", "any", "", STATUS_STATE_WIDENED, "*.example.org",
          "The client chooses the label.", "chain", "chain", 0, 77, now_s - 4000, 0, true, 200, 0 },
        { 4, "https://github.com/foo/", "allow", "any", "", STATUS_STATE_REFUSED, "",
          "github.com has no host name for this path: mirror what you need to a host of your own.",
          "chain", "admits nothing", 0, 0, 0, 0, false, 0, 0 },
        { 5, "**.ads.example", "deny", "any", "\" onmouseover=\"alert(1)", STATUS_STATE_ACTIVE,
          "**.ads.example", "", "chain", "", 0, 310, now_s - 77, 0, false, 0, 0 },
        { 9, "old.example.net:8443", "allow", "ci", "", STATUS_STATE_EXPIRED,
          "old.example.net:8443", "Expired.", "none", "admits nothing", 0, 12, now_s - 900000, 0,
          true, -3, now_s - 86400 },
    };
    rules->count = sizeof(rows) / sizeof(rows[0]);
    memcpy(rules->row, rows, sizeof(rows));
    if (order == STATUS_ORDER_NEWEST)
        reverse_rules(rules);
    rules->has_total = true;
    rules->total = 1428;
    rules->next = 9;
    rules->uses_left_out = order == STATUS_ORDER_UNUSED ? 1204 : 0;
}

static void add_denied(struct status_denied_names *denied, const struct status_denied *row)
{
    char sql[512];
    struct text text = text_in(sql, sizeof(sql));
    text_add_format(&text, "INSERT INTO rule (target, clients) VALUES ('%s', '%s');", row->target,
                    row->client_group);
    denied->row[denied->count] = *row;
    denied->row[denied->count++].sql = arena_copy(&denied->arena, sql);
    denied->total = denied->count;
}

static void fill_denied(struct stage *stage, struct status_denied_names *denied, int64_t now_s)
{
    const struct status_denied rows[] = {
        { "pypi.org", "build", "no_rule", "", 851, now_s - 1080, now_s - 490, "" },
        { "files.pythonhosted.org", "build", "no_rule", "", 212, now_s - 1079, now_s - 495, "" },
        { "telemetry.vendor.example:8443", "any", "other_port", "", 40, now_s - 200000,
          now_s - 3000, "" },
        { LONG_NAME, "any", "no_rule", "", 1, now_s - 190000, now_s - 3900, "" },
    };
    const struct status_denied fresh = { stage->denied, "any", "no_rule", "", 1, now_s, now_s, "" };
    if (stage->denied[0] != '\0')
        add_denied(denied, &fresh);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add_denied(denied, &rows[i]);
}

static void fill_connections(struct status_connections *connections, int64_t now_s)
{
    const struct status_connection rows[] = {
        { "10.20.1.17", "build", "my-bucket.storage.googleapis.com", "142.250.1.207:443", 2,
          "chain, by a check", 81200, 94371840, now_s - 14 },
        { "10.20.1.40", "any", "api.example.com", "203.0.113.7:443", 1,
          "chain and pin, in this handshake", 4210, 18034, now_s - 65 },
        { "2001:db8:0:17::a", "any", "api.example.com", "203.0.113.8:443", 1, "under way", 517, 0,
          now_s },
    };
    connections->count = sizeof(rows) / sizeof(rows[0]);
    memcpy(connections->row, rows, sizeof(rows));
    connections->total = 37;
    connections->found = 37;
}

static void fill_decisions(struct status_decisions *decisions, int64_t now_s)
{
    const struct status_decision rows[] = {
        { now_s * 1000, "query", "denied", "10.20.1.17", "build", "pypi.org", "no_rule",
          "pypi.org is denied: no rule allows it.", 0 },
        { now_s * 1000 - 900, "query", "allowed", "10.20.1.17", "build",
          "my-bucket.storage.googleapis.com", "allowed",
          "my-bucket.storage.googleapis.com is allowed by rule 2.", 2 },
        { now_s * 1000 - 1500, "connection", "allowed", "10.20.1.40", "any", "api.example.com",
          "allowed", "api.example.com is allowed by rule 1.", 1 },
        { now_s * 1000 - 9000, "connection", "denied", "10.20.1.99", "any", "<img src=x>.example",
          "bad_server_name", "The ClientHello's server name has bytes that no host name has.", 0 },
        { now_s * 1000 - 30000, "query", "denied", "2001:db8:1111:2222:3333:4444:5555:6666", "any",
          LONG_NAME, "no_rule", LONG_NAME " is denied: no rule allows it.", 0 },
        { now_s * 1000 - 61000, "query", "observed", "10.30.0.4", "lab", "new.example.com",
          "observed",
          "new.example.com would be denied: no rule allows it; it passes because the "
          "client is only observed.",
          0 },
    };
    decisions->count = sizeof(rows) / sizeof(rows[0]);
    memcpy(decisions->row, rows, sizeof(rows));
}

static void fill_explanation(const struct status_query *query,
                             struct status_explanation *explanation)
{
    char line[STATUS_TARGET_BYTES + 64];
    struct text text = text_in(line, sizeof(line));
    struct text *to = &text;
    text_add(to, query->target);
    text_add(to, ", port 443, asked by ");
    ip_address_add_to(&query->client, to);
    explanation->outcome = "denied";
    explanation->line[explanation->line_count++] = arena_copy(&explanation->arena, line);
    explanation->line[explanation->line_count++] = "  rule      none matches";
    explanation->line[explanation->line_count++] = "  DNS A     NXDOMAIN, Blocked";
}

static void fill_metrics(struct stage *stage, struct status_metrics *metrics)
{
    static const double bounds[] = { 0.001, 0.01, 0.1, 1 };
    static const uint64_t counts[] = { 10, 20, 5, 1, 0 };
    static const struct status_histogram histogram = { bounds, counts, 4, 0.75 };
    status_metrics_family(metrics, STATUS_COUNTER, "pinhole_gathers_total", "Questions answered.");
    (void)status_metrics_sample(metrics, (double)stage->asked_count);
    status_metrics_family(metrics, STATUS_HISTOGRAM, "pinhole_connect_seconds", "How long.");
    status_metrics_sample(metrics, 0)->histogram = &histogram;
}

static void gather(void *context, struct status_request *request)
{
    struct stage *stage = context;
    struct status_data *data = request->data;
    int64_t now_s = clock_realtime_s();
    stage->asked_count++;
    fill_health(stage, &data->health, now_s);
    fill_traffic(stage, &data->traffic, now_s);
    fill_metrics(stage, &data->metrics);
    if (request->query.target[0] != '\0')
        fill_explanation(&request->query, &data->explanation);
    if (!stage->is_idle) {
        fill_rules(&data->rules, request->query.rules.order, now_s);
        fill_denied(stage, &data->denied, now_s);
        fill_connections(&data->connections, now_s);
        fill_decisions(&data->decisions, now_s);
    }
    status_answer(request);
}

static const char *not_ready(void *context)
{
    const struct stage *stage = context;
    return stage->is_draining ? "draining" : NULL;
}

static void obey(struct stage *stage, const char *order)
{
    stage->is_draining |= strcmp(order, "drain") == 0;
    stage->is_idle |= strcmp(order, "idle") == 0;
    if (strncmp(order, "deny ", 5) == 0)
        (void)snprintf(stage->denied, sizeof(stage->denied), "%s", order + 5);
}

static void on_orders(uv_poll_t *handle, int error, int events)
{
    struct stage *stage = handle->data;
    char orders[1024];
    ssize_t size = read(STDIN_FILENO, orders, sizeof(orders) - 1);
    (void)error, (void)events;
    if (size <= 0) {
        status_free(stage->status);
        uv_close((uv_handle_t *)handle, NULL);
        return;
    }
    orders[size] = '\0';
    char *rest = orders;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        obey(stage, line);
}

int main(void)
{
    struct stage stage = { 0 };
    struct fault fault = { 0 };
    struct endpoint endpoint = { { 4, { 127, 0, 0, 1 } }, 0 };
    if (!socket_claim(&endpoint, false, &fault) || uv_loop_init(&stage.loop) < 0)
        return 1;
    struct status_setup setup = { .loop = &stage.loop,
                                  .listener = socket_listen_tcp(&endpoint, &fault),
                                  .source = { &stage, gather, not_ready } };
    stage.status = setup.listener >= 0 ? status_new(&setup, &fault) : NULL;
    if (stage.status == NULL || uv_poll_init(&stage.loop, &stage.orders, STDIN_FILENO) < 0)
        return 1;
    stage.orders.data = &stage;
    (void)uv_poll_start(&stage.orders, UV_READABLE, on_orders);
    printf("%u\n", endpoint.port);
    (void)fflush(stdout);
    (void)uv_run(&stage.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&stage.loop) == 0 ? 0 : 1;
}
