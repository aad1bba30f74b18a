/* app/status_tables.c - what the status page shows of the policy file's tables. */
#include "app/status_tables.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/page_reader.h"
#include "policy/verdict.h"

#include <string.h>

static const char busy[] = "somebody is writing to the policy file";

const char *status_tables_missing(enum database_status status, const struct fault *fault,
                                  struct arena *arena)
{
    char sentence[1024];
    struct text text = text_in(sentence, sizeof(sentence));
    if (status == DATABASE_OK)
        return NULL;
    if (status == DATABASE_BUSY)
        return busy;
    fault_add_to(fault, &text);
    return arena_copy(arena, sentence);
}

static void add_state(void *context, const char *state, uint64_t count)
{
    struct counted_states *states = context;
    states->by_state[status_state_of(state)] += count;
    states->rule_count += count;
}

/* For how many times as long as counting took a count is kept while somebody writes: for a person
 * who looks, and for scrapes, which come all day and must not cost more than half a percent of a
 * core. */
enum { KEPT_FOR_PAGE = 20, KEPT_FOR_SCRAPE = 200 };

static bool is_fresh(const struct counted_states *states, const struct policy_file_look *look,
                     int64_t keep_ms)
{
    return states->look.exists && (policy_file_look_equal(&states->look, look) ||
                                   clock_monotonic_ms() < states->counted_ms + keep_ms);
}

static enum database_status count_states(struct database *database, struct counted_states *states,
                                         int kept_for, struct fault *fault)
{
    struct policy_file_look look = policy_file_look(database_path(database));
    int64_t started_ms = clock_monotonic_ms();
    if (is_fresh(states, &look, kept_for * states->took_ms)) {
        states->held_ms = started_ms;
        return DATABASE_OK;
    }
    struct counted_states counted = { .look = look };
    struct state_counts counts = { add_state, &counted };
    enum database_status status = page_reader_states(database, &counts, fault);
    if (status != DATABASE_OK)
        return status;
    counted.counted_ms = counted.held_ms = clock_monotonic_ms();
    counted.took_ms = counted.counted_ms - started_ms;
    *states = counted;
    return DATABASE_OK;
}

static void fill_health(struct status_request *request, struct counted_states *states,
                        struct database *database)
{
    struct status_health *health = &request->data->health;
    struct fault fault = { 0 };
    enum database_status status = count_states(database, states, KEPT_FOR_PAGE, &fault);
    health->has_states = status == DATABASE_OK;
    if (status == DATABASE_OK) {
        memcpy(health->by_state, states->by_state, sizeof(health->by_state));
        health->rule_count = states->rule_count;
    }
    if (status == DATABASE_FAILED)
        health->database_fault = status_tables_missing(status, &fault, &health->arena);
}

/* What a person would paste into the sqlite3 shell. Targets and groups are plain words (both tables
 * have CHECKs), but a quote is doubled all the same. */
static const char *write_sql(const struct denied_page_row *row, struct arena *arena)
{
    char sql[1024];
    struct text text = text_in(sql, sizeof(sql));
    text_add(&text, "INSERT INTO rule (target, clients) VALUES ('");
    for (const char *at = row->target; *at != '\0'; at++)
        text_add_bytes(&text, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    text_add(&text, "', '");
    for (const char *at = row->client_group; *at != '\0'; at++)
        text_add_bytes(&text, *at == '\'' ? "''" : at, *at == '\'' ? 2 : 1);
    text_add(&text, "');");
    return text.cut ? "" : arena_copy(arena, sql);
}

/* What the SQL does not say by itself. */
static const char *caution_of(const char *reason)
{
    if (strcmp(reason, reason_word(REASON_DENY_RULE)) == 0)
        return "A deny goes before an allow: delete or narrow it.";
    if (strcmp(reason, reason_word(REASON_PARENT)) == 0)
        return "Names below it are allowed, and it is not. If it serves all buckets of a store, "
               "the SQL allows them all.";
    return "";
}

static void add_denied(void *context, const struct denied_page_row *row)
{
    struct status_request *request = context;
    struct status_denied_names *denied = &request->data->denied;
    bool is_by_rule = strcmp(row->reason, reason_word(REASON_DENY_RULE)) == 0;
    if (denied->count == request->query.denied.limit)
        return;
    struct arena *arena = &denied->arena;
    denied->row[denied->count++] = (struct status_denied){
        .target = arena_copy(arena, row->target),
        .client_group = arena_copy(arena, row->client_group),
        .reason = arena_copy(arena, row->reason),
        .sentence = caution_of(row->reason),
        .count = row->count,
        .first_s = row->first_seen,
        .last_s = row->last_seen,
        .sql = is_by_rule ? "" : write_sql(row, arena),
    };
}

static enum denied_order order_of(enum status_order order)
{
    switch (order) {
    case STATUS_ORDER_COUNT:
        return DENIED_ORDER_COUNT;
    case STATUS_ORDER_FIRST:
        return DENIED_ORDER_FIRST;
    case STATUS_ORDER_NAME:
        return DENIED_ORDER_TARGET;
    case STATUS_ORDER_LAST:
    case STATUS_ORDER_ID:
    case STATUS_ORDER_HITS:
    case STATUS_ORDER_NEWEST:
    case STATUS_ORDER_UNUSED:
    case STATUS_ORDER_AGE:
    case STATUS_ORDER_BYTES:
    case STATUS_ORDER_CLIENT:
        break;
    }
    return DENIED_ORDER_LAST;
}

static void fill_denied(struct status_request *request, struct database *database)
{
    const struct status_selection *selection = &request->query.denied;
    struct status_denied_names *denied = &request->data->denied;
    struct fault fault = { 0 };
    struct denied_page page = { .search = selection->search,
                                .order = order_of(selection->order),
                                .skip = selection->from,
                                .limit = selection->limit,
                                .row = add_denied,
                                .context = request };
    enum database_status status = page_reader_denied(database, &page, &denied->total, &fault);
    denied->missing = status_tables_missing(status, &fault, &denied->arena);
    if (status == DATABASE_OK && selection->from + denied->count < denied->total)
        denied->next = selection->from + denied->count;
}

static void say_missing(struct status_request *request, const struct fault *fault)
{
    struct status_data *data = request->data;
    const char *sentence = status_tables_missing(DATABASE_FAILED, fault, &data->rules.arena);
    data->rules.missing = data->denied.missing = data->explanation.missing = sentence;
    if ((request->query.parts & STATUS_HEALTH) != 0)
        data->health.database_fault = arena_copy(&data->health.arena, sentence);
}

void status_tables_count(struct database *database, struct counted_states *states)
{
    struct fault ignored = { 0 }; /* what was known stays known */
    (void)count_states(database, states, KEPT_FOR_SCRAPE, &ignored);
}

void status_tables_fill(const struct tables_reading *reading, struct database *database,
                        const struct fault *fault)
{
    struct status_request *request = reading->request;
    unsigned parts = request->query.parts;
    if (database == NULL) {
        say_missing(request, fault);
        return;
    }
    if ((parts & STATUS_HEALTH) != 0)
        fill_health(request, reading->states, database);
    else if ((parts & STATUS_METRICS) != 0)
        status_tables_count(database, reading->states);
    if ((parts & STATUS_RULES) != 0 && !atomic_load(&request->is_abandoned))
        status_rules_fill(reading, database);
    if ((parts & STATUS_DENIED) != 0 && !atomic_load(&request->is_abandoned))
        fill_denied(request, database);
    if ((parts & STATUS_EXPLANATION) != 0 && !atomic_load(&request->is_abandoned))
        status_explanation_fill(reading, database);
}
