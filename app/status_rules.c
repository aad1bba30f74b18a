/* app/status_rules.c - rules as the status page shows them: the table's rows, and what was counted
 * of them. */
#include "app/certificate_ends.h"
#include "app/status_tables.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/page_reader.h"

#include <stdlib.h>
#include <string.h>

enum {
    DAY_S = 86400,
    LOOKED_AT_MAX = 2000, /* rules that one page by hits, or of unused ones, passes at most */
};

/* A page that is being filled. */
struct filling {
    const struct tables_reading *reading;
    struct status_rules *rules;
    const struct certificate_ends *ends;
    uint32_t limit;
    int64_t now_s;
    uint32_t looked_at;
    int64_t last_id; /* of these */
};

static bool is_in_force(enum status_state state)
{
    return state != STATUS_STATE_INVALID && state != STATUS_STATE_REFUSED &&
           state != STATUS_STATE_EXPIRED && state != STATUS_STATE_DISABLED;
}

/* "chain with 2 pins", as requirement_add_name() says it; nothing for a deny. */
static const char *strength_of(const struct rule_page_row *row, struct arena *arena)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    if (strcmp(row->action, "deny") == 0)
        return "";
    if (!is_in_force(status_state_of(row->state)))
        return "admits nothing";
    text_add(&text, row->verify);
    if (row->pin_count > 0 && strcmp(row->verify, "none") != 0)
        text_add_format(&text, " with %llu pin%s", (unsigned long long)row->pin_count,
                        row->pin_count == 1 ? "" : "s");
    return arena_copy(arena, buffer);
}

/* What checks have found lately goes before what the policy file remembers of an exact name. */
static void add_certificate(const struct filling *filling, const struct rule_page_row *row,
                            struct status_rule *rule)
{
    int64_t known_s = certificate_ends_of(filling->ends, row->id);
    int64_t end_s = known_s != 0 ? known_s : row->certificate_ends;
    int64_t left_s = end_s - filling->now_s;
    rule->has_certificate = end_s != 0;
    if (rule->has_certificate)
        rule->certificate_days = (int32_t)(left_s / DAY_S - (left_s < 0 && left_s % DAY_S != 0));
}

/* Where the page is at its end, the next one begins behind the last that was looked at. */
static bool is_taken(struct filling *filling, const struct rule_page_row *row,
                     const struct rule_count *used)
{
    struct status_rules *rules = filling->rules;
    bool is_unwanted = filling->reading->request->query.rules.order == STATUS_ORDER_UNUSED &&
                       used->queries + used->connections > 0;
    bool is_full = rules->count == filling->limit && !is_unwanted;
    if (rules->next == 0 && (is_full || filling->looked_at == LOOKED_AT_MAX))
        rules->next = (uint64_t)filling->last_id;
    if (rules->next != 0)
        return false;
    filling->looked_at++;
    filling->last_id = row->id;
    return !is_unwanted;
}

static void add_rule(void *context, const struct rule_page_row *row)
{
    struct filling *filling = context;
    struct status_rules *rules = filling->rules;
    struct arena *arena = &rules->arena;
    struct rule_count used = rule_uses_of(&filling->reading->uses, row->id);
    if (!is_taken(filling, row, &used))
        return;
    struct status_rule *rule = &rules->row[rules->count++];
    *rule = (struct status_rule){
        .id = row->id,
        .target = arena_copy(arena, row->target),
        .action = arena_copy(arena, row->action),
        .clients = arena_copy(arena, row->clients),
        .comment = arena_copy(arena, row->comment),
        .state = status_state_of(row->state),
        .hostname = arena_copy(arena, row->hostname),
        .reason = arena_copy(arena, row->reason),
        .verify = arena_copy(arena, row->verify),
        .strength = strength_of(row, arena),
        .pin_count = (uint32_t)row->pin_count,
        .hits = used.queries + used.connections,
        .last_used_s = used.last_used_s,
        .live_connections = used.live_connections,
        .expires_s = row->expires_at,
    };
    add_certificate(filling, row, rule);
}

/* `from` is how many of those that have hits were passed. */
static enum database_status fill_by_hits(struct filling *filling, struct rule_page *page,
                                         struct database *database, struct fault *fault)
{
    int64_t *ids;
    size_t count, looked_at = 0;
    uint64_t from = filling->reading->request->query.rules.from;
    if (!rule_uses_list(&filling->reading->uses, &ids, &count)) {
        fault_what(fault, "out of memory");
        return DATABASE_FAILED;
    }
    size_t left = from < count ? count - (size_t)from : 0;
    struct rule_ids some = { ids + (count - left), left < LOOKED_AT_MAX ? left : LOOKED_AT_MAX };
    enum database_status status = page_reader_rules_of(database, page, &some, &looked_at, fault);
    if (status == DATABASE_OK && looked_at < left)
        filling->rules->next = from + looked_at;
    free(ids);
    return status;
}

static enum database_status fill(struct filling *filling, struct rule_page *page,
                                 struct database *database, struct fault *fault)
{
    const struct status_selection *selection = &filling->reading->request->query.rules;
    const struct rule_ids one = { &selection->rule_id, 1 };
    size_t looked_at;
    if (selection->rule_id != 0)
        return page_reader_rules_of(database, page, &one, &looked_at, fault);
    if (selection->order == STATUS_ORDER_HITS)
        return fill_by_hits(filling, page, database, fault);
    if (selection->order == STATUS_ORDER_UNUSED)
        page->limit = LOOKED_AT_MAX;
    return page_reader_rules(database, page, fault);
}

void status_rules_fill(const struct tables_reading *reading, struct database *database)
{
    struct status_rules *rules = &reading->request->data->rules;
    const struct status_selection *selection = &reading->request->query.rules;
    struct certificate_ends *ends = certificate_ends_new(reading->board);
    struct filling filling = { .reading = reading,
                               .rules = rules,
                               .ends = ends,
                               .limit = selection->limit,
                               .now_s = clock_realtime_s() };
    struct fault fault = { 0 };
    struct rule_page page = { .search = selection->search,
                              .state = status_state_word(selection->state),
                              .after_id = (int64_t)selection->from,
                              .is_newest_first = selection->order == STATUS_ORDER_NEWEST,
                              .limit = selection->limit,
                              .now_s = filling.now_s,
                              .row = add_rule,
                              .context = &filling };
    if (ends != NULL)
        rules->missing =
            status_tables_missing(fill(&filling, &page, database, &fault), &fault, &rules->arena);
    else
        rules->missing = "out of memory";
    rules->uses_left_out = rule_uses_left_out(&reading->uses);
    certificate_ends_free(ends);
}
