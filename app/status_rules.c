/* app/status_rules.c - rules as the status page shows them: the table's rows, and what was counted
 * of them. */
#include "app/status_tables.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/page_reader.h"

#include <stdlib.h>
#include <string.h>

enum {
    DAY_S = 86400,
    LOOKED_AT_MAX = 2000, /* rules that one page by hits passes at most */
};

/* A page that is being filled. */
struct filling {
    const struct tables_reading *reading;
    struct status_rules *rules;
    uint32_t limit;
    int64_t now_s;
};

/* "chain with 2 pins", as requirement_add_name() says it; nothing for a deny. */
static const char *strength_of(const struct rule_page_row *row, struct arena *arena)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    if (strcmp(row->action, "deny") == 0)
        return "";
    text_add(&text, row->verify);
    if (row->pin_count > 0 && strcmp(row->verify, "none") != 0)
        text_add_format(&text, " with %llu pin%s", (unsigned long long)row->pin_count,
                        row->pin_count == 1 ? "" : "s");
    return arena_copy(arena, buffer);
}

static void add_certificate(const struct filling *filling, const struct rule_page_row *row,
                            struct status_rule *rule)
{
    int64_t left_s = row->certificate_ends - filling->now_s;
    rule->has_certificate = row->certificate_ends != 0;
    if (rule->has_certificate)
        rule->certificate_days = (int32_t)(left_s / DAY_S - (left_s < 0 && left_s % DAY_S != 0));
}

static void add_rule(void *context, const struct rule_page_row *row)
{
    struct filling *filling = context;
    struct status_rules *rules = filling->rules;
    struct arena *arena = &rules->arena;
    if (rules->count == filling->limit) {
        rules->next = (uint64_t)rules->row[rules->count - 1].id;
        return;
    }
    struct rule_count used = rule_uses_of(&filling->reading->uses, row->id);
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

void status_rules_fill(const struct tables_reading *reading, struct database *database)
{
    struct status_rules *rules = &reading->request->data->rules;
    const struct status_selection *selection = &reading->request->query.rules;
    struct filling filling = { reading, rules, selection->limit, clock_realtime_s() };
    struct fault fault = { 0 };
    struct rule_page page = { .search = selection->search,
                              .state = status_state_word(selection->state),
                              .after_id = (int64_t)selection->from,
                              .limit = selection->limit,
                              .now_s = filling.now_s,
                              .row = add_rule,
                              .context = &filling };
    enum database_status status = selection->order == STATUS_ORDER_HITS
                                      ? fill_by_hits(&filling, &page, database, &fault)
                                      : page_reader_rules(database, &page, &fault);
    rules->missing = status_tables_missing(status, &fault, &rules->arena);
}
