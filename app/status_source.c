/* app/status_source.c - what the status page shows, gathered from where it is. */
#include "app/status_source.h"
#include "app/policy_thread.h"
#include "app/status_health.h"
#include "app/status_live.h"
#include "app/status_metrics.h"
#include "base/clock.h"

#include <string.h>

enum {
    PARTS_OF_TABLES = STATUS_HEALTH | STATUS_RULES | STATUS_DENIED | STATUS_EXPLANATION,
    PARTS_OF_WORKERS = STATUS_CONNECTIONS | STATUS_DECISIONS,
    STATES_FRESH_MS = 5000, /* a scrape does not ask anew for what was counted so lately */
};

static const char *not_ready(void *context)
{
    const struct status_gatherer *gatherer = context;
    return atomic_load(gatherer->parts.is_ready) ? NULL : "draining";
}

static struct worker_counts count_all(const struct status_gatherer *gatherer)
{
    struct worker_counts counts = { 0 };
    for (uint32_t i = 0; i < gatherer->parts.worker_count; i++)
        worker_add_counts(gatherer->parts.workers[i], &counts);
    return counts;
}

/* Traffic */

static struct status_slot totals_of(const struct worker_counts *counts)
{
    struct status_slot totals = {
        .queries = counts->resolver[RESOLVER_QUERIES_UDP] + counts->resolver[RESOLVER_QUERIES_TCP],
        .queries_denied = counts->resolver[RESOLVER_DENIED],
        .bytes_up = counts->bytes_up,
        .bytes_down = counts->bytes_down,
    };
    for (int i = 0; i < REASON_COUNT; i++) {
        totals.connections += counts->connections[i];
        if (i != REASON_ALLOWED && i != REASON_OBSERVED)
            totals.connections_refused += counts->connections[i];
    }
    return totals;
}

static void await_end_of_slot(struct status_gatherer *gatherer);

static void on_slot_over(uv_timer_t *timer)
{
    struct status_gatherer *gatherer = timer->data;
    struct worker_counts counts = count_all(gatherer);
    struct status_slot totals = totals_of(&counts);
    traffic_history_note(&gatherer->traffic, clock_monotonic_ms(), &totals);
    await_end_of_slot(gatherer);
}

static void await_end_of_slot(struct status_gatherer *gatherer)
{
    int64_t left_ms = gatherer->traffic.slot_ends_ms - clock_monotonic_ms();
    (void)uv_timer_start(&gatherer->slot_over, on_slot_over, left_ms > 0 ? (uint64_t)left_ms : 1,
                         0); /* fails without callback alone */
}

static void fill_traffic(struct status_gatherer *gatherer, struct status_traffic *traffic)
{
    struct traffic_moment moment = { clock_monotonic_ms(), clock_realtime_s(),
                                     totals_of(&gatherer->counts) };
    traffic_history_note(&gatherer->traffic, moment.now_ms, &moment.totals);
    traffic_history_show(&gatherer->traffic, &moment, traffic);
    traffic->open_connections = gatherer->counts.live_connections;
}

/* Asking other threads */

/* Any thread. */
static void end_part(void *context)
{
    struct status_gatherer *gatherer = context;
    if (atomic_fetch_sub(&gatherer->pending, 1) == 1)
        (void)uv_async_send(&gatherer->is_gathered); /* fails for a handle of another kind alone */
}

/* On the record thread. */
static void publish_states(struct status_gatherer *gatherer)
{
    (void)pthread_mutex_lock(&gatherer->lock);
    gatherer->known = gatherer->states;
    (void)pthread_mutex_unlock(&gatherer->lock);
}

static struct counted_states known_states(struct status_gatherer *gatherer)
{
    (void)pthread_mutex_lock(&gatherer->lock);
    struct counted_states known = gatherer->known;
    (void)pthread_mutex_unlock(&gatherer->lock);
    return known;
}

/* On the record thread. */
static void recount(void *context, struct database *database, const struct fault *fault)
{
    struct status_gatherer *gatherer = context;
    (void)fault;
    if (database != NULL)
        status_tables_count(database, &gatherer->states);
    publish_states(gatherer);
    atomic_store(&gatherer->is_recounting, false);
}

/* On the record thread. */
static void read_tables(void *context, struct database *database, const struct fault *fault)
{
    struct status_gatherer *gatherer = context;
    const struct status_gatherer_parts *parts = &gatherer->parts;
    const struct tables_reading reading = {
        .request = gatherer->request,
        .states = &gatherer->states,
        .uses = { parts->workers, parts->worker_count },
        .board = parts->board,
        .options = parts->options,
        .feed = policy_thread_feed(parts->policy),
    };
    status_tables_fill(&reading, database, fault);
    publish_states(gatherer);
    end_part(gatherer);
}

static void ask_record_thread(struct status_gatherer *gatherer)
{
    (void)atomic_fetch_add(&gatherer->pending, 1);
    gatherer->reading = (struct record_reading){ .act = read_tables, .context = gatherer };
    record_thread_read(policy_thread_record(gatherer->parts.policy), &gatherer->reading);
}

static void ask_workers(struct status_gatherer *gatherer)
{
    static const char why[] = "out of memory";
    struct status_data *data = gatherer->request->data;
    const struct live_setup setup = { .request = gatherer->request,
                                      .feed = policy_thread_feed(gatherer->parts.policy),
                                      .workers = gatherer->parts.workers,
                                      .worker_count = gatherer->parts.worker_count,
                                      .done = end_part,
                                      .context = gatherer };
    gatherer->live = status_live_new(&setup);
    data->connections.total = gatherer->counts.live_connections;
    if (gatherer->live == NULL)
        data->connections.missing = data->decisions.missing = why;
    for (uint32_t i = 0; gatherer->live != NULL && i < gatherer->parts.worker_count; i++) {
        (void)atomic_fetch_add(&gatherer->pending, 1);
        if (status_live_ask(gatherer->live, i))
            continue;
        (void)atomic_fetch_sub(&gatherer->pending, 1); /* this thread's own part is left */
        data->connections.missing = data->decisions.missing = why;
    }
}

/* A scrape waits for the first count alone. Later it takes what is known, and has it counted anew
 * for the next one: to count a million rules takes longer than anything else in an answer, and the
 * record thread may be busy with an edit. */
static bool must_await_states(struct status_gatherer *gatherer)
{
    struct counted_states known = known_states(gatherer);
    if (!known.look.exists)
        return true;
    if (clock_monotonic_ms() - known.held_ms < STATES_FRESH_MS ||
        atomic_exchange(&gatherer->is_recounting, true))
        return false;
    gatherer->recount = (struct record_reading){ .act = recount, .context = gatherer };
    record_thread_read(policy_thread_record(gatherer->parts.policy), &gatherer->recount);
    return false;
}

/* Answering */

static struct dns_servers_parts servers_of(const struct status_gatherer *gatherer)
{
    return (struct dns_servers_parts){ gatherer->parts.options, gatherer->parts.workers,
                                       gatherer->parts.worker_count };
}

static void fill_metrics(struct status_gatherer *gatherer)
{
    const struct counted_states states = known_states(gatherer);
    const struct metrics_parts parts = {
        .counts = &gatherer->counts,
        .servers = servers_of(gatherer),
        .policy = gatherer->parts.policy,
        .log = gatherer->parts.log,
        .board = gatherer->parts.board,
        .states = &states,
        .started_s = gatherer->started_s,
        .is_ready = not_ready(gatherer) == NULL,
    };
    status_metrics_fill(&parts, &gatherer->request->data->metrics);
}

/* Nobody else fills anything any more. */
static void answer(struct status_gatherer *gatherer)
{
    struct status_request *request = gatherer->request;
    if (request == NULL)
        return;
    if (gatherer->live != NULL)
        status_live_fill(gatherer->live);
    status_live_free(gatherer->live);
    gatherer->live = NULL;
    if ((request->query.parts & STATUS_METRICS) != 0)
        fill_metrics(gatherer);
    gatherer->request = NULL;
    status_answer(request);
}

static void on_gathered(uv_async_t *is_gathered)
{
    struct status_gatherer *gatherer = is_gathered->data;
    if (atomic_load(&gatherer->pending) == 0)
        answer(gatherer);
}

static void fill_health(struct status_gatherer *gatherer)
{
    const struct health_parts parts = { .options = gatherer->parts.options,
                                        .servers = servers_of(gatherer),
                                        .policy = gatherer->parts.policy,
                                        .log = gatherer->parts.log,
                                        .started_s = gatherer->started_s,
                                        .not_ready = not_ready(gatherer) };
    status_health_fill(&parts, &gatherer->request->data->health);
}

static void gather(void *context, struct status_request *request)
{
    struct status_gatherer *gatherer = context;
    unsigned parts = request->query.parts;
    gatherer->request = request;
    gatherer->counts = count_all(gatherer);
    atomic_store(&gatherer->pending, 1); /* this thread's own part */
    if ((parts & STATUS_HEALTH) != 0)
        fill_health(gatherer);
    if ((parts & STATUS_TRAFFIC) != 0)
        fill_traffic(gatherer, &request->data->traffic);
    if ((parts & PARTS_OF_TABLES) != 0 ||
        ((parts & STATUS_METRICS) != 0 && must_await_states(gatherer)))
        ask_record_thread(gatherer);
    if ((parts & PARTS_OF_WORKERS) != 0)
        ask_workers(gatherer);
    if (atomic_fetch_sub(&gatherer->pending, 1) == 1)
        answer(gatherer);
}

int status_gatherer_init(struct status_gatherer *gatherer, uv_loop_t *loop,
                         const struct status_gatherer_parts *parts)
{
    memset(gatherer, 0, sizeof(*gatherer));
    gatherer->parts = *parts;
    gatherer->started_s = clock_realtime_s();
    int error = uv_async_init(loop, &gatherer->is_gathered, on_gathered);
    if (error < 0)
        return error;
    (void)pthread_mutex_init(&gatherer->lock, NULL); /* both always succeed */
    (void)uv_timer_init(loop, &gatherer->slot_over);
    gatherer->is_gathered.data = gatherer->slot_over.data = gatherer;
    const struct status_slot nothing = { 0 };
    traffic_history_init(&gatherer->traffic, clock_monotonic_ms(), &nothing);
    await_end_of_slot(gatherer);
    return 0;
}

void status_gatherer_end(struct status_gatherer *gatherer)
{
    struct status_request *request = gatherer->request;
    status_live_free(gatherer->live);
    gatherer->live = NULL;
    gatherer->request = NULL;
    if (request != NULL) /* nobody waits for it any more, and workers left their parts undone */
        status_answer(request);
    uv_close((uv_handle_t *)&gatherer->is_gathered, NULL);
    uv_close((uv_handle_t *)&gatherer->slot_over, NULL);
    (void)pthread_mutex_destroy(&gatherer->lock);
}

struct status_source status_gatherer_source(struct status_gatherer *gatherer)
{
    return (struct status_source){ gatherer, gather, not_ready };
}
