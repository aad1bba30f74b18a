/* policy/rule_counters.c - how often each rule decided. */
#include "policy/rule_counters.h"
#include "base/counter.h"

#include <assert.h>
#include <stdlib.h>

struct place {
    _Atomic uint64_t queries, connections;
    _Atomic int64_t last_used_s;
    _Atomic uint64_t live_connections;
};

/* The ids stand by themselves, so that a look that ends nowhere takes few lines of the cache.
 * Memory of calloc() that is not touched costs nothing. */
struct rule_counters {
    uint32_t mask;
    _Atomic uint64_t left_out;
    struct place *place;       /* owned */
    _Atomic int64_t rule_id[]; /* of each place; 0: free */
};

struct rule_counters *rule_counters_new(uint32_t places)
{
    assert(places >= RULE_COUNTERS_PROBES && (places & (places - 1)) == 0);
    struct rule_counters *counters =
        calloc(1, sizeof(*counters) + (size_t)places * sizeof(counters->rule_id[0]));
    if (counters == NULL)
        return NULL;
    counters->mask = places - 1;
    counters->place = calloc(places, sizeof(*counters->place));
    if (counters->place != NULL)
        return counters;
    free(counters);
    return NULL;
}

void rule_counters_free(struct rule_counters *counters)
{
    if (counters == NULL)
        return;
    free(counters->place);
    free(counters);
}

/* Ids follow each other, as the database gives them: so do their places, close together and without
 * collisions as long as the ids span fewer than there are. Whoever can type rules may have any
 * policy, so no key is needed. */
static uint32_t first_place(const struct rule_counters *counters, int64_t rule_id)
{
    return (uint32_t)rule_id & counters->mask;
}

static const struct place *find(const struct rule_counters *counters, int64_t rule_id)
{
    uint32_t first = first_place(counters, rule_id);
    for (uint32_t i = 0; i < RULE_COUNTERS_PROBES; i++) {
        uint32_t at = (first + i) & counters->mask;
        int64_t held = atomic_load_explicit(&counters->rule_id[at], memory_order_relaxed);
        if (held == rule_id)
            return &counters->place[at];
        if (held == 0)
            return NULL;
    }
    return NULL;
}

/* The owner's: takes a free place where there is none of the rule's. */
static struct place *find_or_take(struct rule_counters *counters, int64_t rule_id)
{
    uint32_t first = first_place(counters, rule_id);
    for (uint32_t i = 0; i < RULE_COUNTERS_PROBES; i++) {
        uint32_t at = (first + i) & counters->mask;
        int64_t held = atomic_load_explicit(&counters->rule_id[at], memory_order_relaxed);
        if (held == 0)
            atomic_store_explicit(&counters->rule_id[at], rule_id, memory_order_relaxed);
        if (held == 0 || held == rule_id)
            return &counters->place[at];
    }
    return NULL;
}

static struct place *use(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    struct place *place = find_or_take(counters, rule_id);
    if (place == NULL)
        counter_add(&counters->left_out, 1);
    else
        atomic_store_explicit(&place->last_used_s, now_s, memory_order_relaxed);
    return place;
}

void rule_counters_query(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    struct place *place = use(counters, rule_id, now_s);
    if (place != NULL)
        counter_add(&place->queries, 1);
}

void rule_counters_connection(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    struct place *place = use(counters, rule_id, now_s);
    if (place != NULL)
        counter_add(&place->connections, 1);
}

/* Places are never given back, so who found none when it opened finds none when it closes. */
static void add_live(struct rule_counters *counters, int64_t rule_id, uint64_t more)
{
    struct place *place = find_or_take(counters, rule_id);
    if (place != NULL)
        counter_add(&place->live_connections, more);
}

void rule_counters_opened(struct rule_counters *counters, int64_t rule_id)
{
    add_live(counters, rule_id, 1);
}

void rule_counters_closed(struct rule_counters *counters, int64_t rule_id)
{
    add_live(counters, rule_id, UINT64_MAX); /* minus 1 */
}

static void add_place(const struct place *place, struct rule_count *sum)
{
    int64_t last_used_s = atomic_load_explicit(&place->last_used_s, memory_order_relaxed);
    sum->queries += counter_read(&place->queries);
    sum->connections += counter_read(&place->connections);
    sum->live_connections += counter_read(&place->live_connections);
    if (last_used_s > sum->last_used_s)
        sum->last_used_s = last_used_s;
}

void rule_counters_add_to(const struct rule_counters *counters, int64_t rule_id,
                          struct rule_count *sum)
{
    const struct place *place = find(counters, rule_id);
    sum->rule_id = rule_id;
    if (place != NULL)
        add_place(place, sum);
}

void rule_counters_each(const struct rule_counters *counters,
                        void (*each)(void *context, const struct rule_count *count), void *context)
{
    for (uint32_t i = 0; i <= counters->mask; i++) {
        struct rule_count count = { .rule_id = atomic_load_explicit(&counters->rule_id[i],
                                                                    memory_order_relaxed) };
        if (count.rule_id == 0)
            continue;
        add_place(&counters->place[i], &count);
        each(context, &count);
    }
}

uint64_t rule_counters_left_out(const struct rule_counters *counters)
{
    return counter_read(&counters->left_out);
}
