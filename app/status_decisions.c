/* app/status_decisions.c - what the status page shows of the workers' last decisions. */
#include "app/status_decisions.h"
#include "app/options.h"
#include "app/status_words.h"
#include "base/text.h"

enum { SENTENCE_BYTES = 1024 };

/* The newest of a kind, of all workers, that are looked for. */
struct found {
    const struct recent_decision *recent[STATUS_ROWS_MAX];
    uint32_t count;
};

static const struct decision_ring *ring_of(const struct recent_decisions *worker, bool is_allowed)
{
    return is_allowed ? &worker->allowed : &worker->others;
}

/* The newest that was not taken before; NULL: there is none. */
static const struct recent_decision *next_decision(const struct decisions_reading *reading,
                                                   bool is_allowed, size_t *taken)
{
    const struct recent_decision *newest = NULL;
    uint32_t of = 0;
    for (uint32_t i = 0; i < reading->worker_count; i++) {
        const struct decision_ring *ring = ring_of(&reading->workers[i], is_allowed);
        if (taken[i] == decision_ring_count(ring))
            continue;
        const struct recent_decision *next = decision_ring_at(ring, taken[i]);
        if (newest == NULL || next->time_us > newest->time_us) {
            newest = next;
            of = i;
        }
    }
    if (newest != NULL)
        taken[of]++;
    return newest;
}

static bool is_looked_for(const struct decisions_reading *reading,
                          const struct recent_decision *recent)
{
    const struct status_selection *selection = reading->selection;
    char name[STATUS_NAME_BYTES] = "", client[STATUS_CLIENT_BYTES];
    if (selection->rule_id != 0 && recent->verdict.rule_id != selection->rule_id)
        return false;
    if (selection->search[0] == '\0')
        return true;
    if (recent->has_name)
        status_write_name(&recent->name, recent->port, name);
    status_write_address(&recent->client, client);
    return status_contains(name, selection->search) || status_contains(client, selection->search) ||
           status_contains(status_group_of(reading->policy, &recent->client), selection->search) ||
           status_contains(reason_word(recent->verdict.reason), selection->search);
}

static uint32_t least(uint32_t left, uint32_t right)
{
    return left < right ? left : right;
}

static void find(const struct decisions_reading *reading, bool is_allowed, uint32_t limit,
                 struct found *ret_found)
{
    size_t taken[OPTIONS_WORKERS_MAX] = { 0 };
    const struct recent_decision *recent;
    ret_found->count = 0;
    while (ret_found->count < limit && (recent = next_decision(reading, is_allowed, taken)) != NULL)
        if (is_looked_for(reading, recent))
            ret_found->recent[ret_found->count++] = recent;
}

static void add_decision(const struct decisions_reading *reading,
                         const struct recent_decision *recent, struct status_decisions *decisions)
{
    char name[STATUS_NAME_BYTES] = "", client[STATUS_CLIENT_BYTES], sentence[SENTENCE_BYTES];
    struct text text = text_in(sentence, sizeof(sentence));
    struct arena *arena = &decisions->arena;
    if (recent->has_name)
        status_write_name(&recent->name, recent->port, name);
    status_write_address(&recent->client, client);
    verdict_add_sentence(&recent->verdict, recent->has_name ? &recent->name : NULL, recent->port,
                         &text);
    decisions->row[decisions->count++] = (struct status_decision){
        .time_ms = recent->time_us / 1000,
        .kind = recent->is_connection ? "connection" : "query",
        .outcome = recent->outcome,
        .client = arena_copy(arena, client),
        .client_group = arena_copy(arena, status_group_of(reading->policy, &recent->client)),
        .name = arena_copy(arena, name),
        .reason = reason_word(recent->verdict.reason),
        .sentence = arena_copy(arena, sentence),
        .rule_id = recent->verdict.rule_id,
    };
}

/* Of two kinds, neither of which may push the other out. */
static void share_rows(struct found *left, struct found *right, uint32_t limit)
{
    uint32_t left_kept = limit - least(right->count, limit / 2);
    left->count = least(left->count, left_kept);
    right->count = least(right->count, limit - left->count);
}

void status_decisions_fill(const struct decisions_reading *reading,
                           struct status_decisions *ret_decisions)
{
    enum status_outcome outcome = reading->selection->outcome;
    uint32_t limit = least(reading->selection->limit, STATUS_ROWS_MAX);
    struct found others = { .count = 0 }, allowed = { .count = 0 };
    if (outcome != STATUS_OUTCOME_ALLOWED)
        find(reading, false, limit, &others);
    if (outcome != STATUS_OUTCOME_DENIED)
        find(reading, true, limit, &allowed);
    share_rows(&others, &allowed, limit);
    for (uint32_t i = 0, j = 0; i < others.count || j < allowed.count;) {
        bool is_other = j == allowed.count || (i < others.count && others.recent[i]->time_us >=
                                                                       allowed.recent[j]->time_us);
        add_decision(reading, is_other ? others.recent[i++] : allowed.recent[j++], ret_decisions);
    }
}
