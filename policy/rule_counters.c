/* policy/rule_counters.c - how often each rule decided. */
#include "policy/rule_counters.h"
#include "base/counter.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#define OF_NOBODY INT64_MIN /* a rule id that no rule has */

/* Half a line of the cache, and never parts of two. */
struct place {
    alignas(32) _Atomic int64_t rule_id; /* 0: free since the start */
    _Atomic uint64_t queries, connections;
    _Atomic uint32_t last_used_s; /* Unix seconds, which 32 bits hold until 2106 */
    _Atomic uint32_t live_connections;
};
static_assert(sizeof(struct place) == 32, "two places are a line of the cache");

struct rule_counters {
    uint32_t mask;
    _Atomic uint64_t left_out;
    int64_t taking_s;      /* the second, */
    uint32_t taking_tries; /* and how often a place was to be taken over in it */
    struct place *place;   /* owned */
};

/* Fresh pages are zero, aligned, and cost nothing before they are touched. */
struct rule_counters *rule_counters_new(uint32_t places)
{
    assert(places >= RULE_COUNTERS_PROBES && (places & (places - 1)) == 0);
    struct rule_counters *counters = calloc(1, sizeof(*counters));
    if (counters == NULL)
        return NULL;
    counters->mask = places - 1;
    counters->place = mmap(NULL, places * sizeof(*counters->place), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (counters->place != MAP_FAILED)
        return counters;
    free(counters);
    return NULL;
}

void rule_counters_free(struct rule_counters *counters)
{
    if (counters == NULL)
        return;
    (void)munmap(counters->place, ((size_t)counters->mask + 1) * sizeof(*counters->place));
    free(counters);
}

/* Ids follow each other, as the database gives them: so do their places, close together and without
 * collisions as long as the ids span fewer than there are. Whoever can type rules may have any
 * policy, so no key is needed. */
static uint32_t first_place(const struct rule_counters *counters, int64_t rule_id)
{
    return (uint32_t)rule_id & counters->mask;
}

/* NULL: it has none. */
static struct place *find(const struct rule_counters *counters, int64_t rule_id)
{
    uint32_t first = first_place(counters, rule_id);
    for (uint32_t i = 0; i < RULE_COUNTERS_PROBES; i++) {
        struct place *place = &counters->place[(first + i) & counters->mask];
        int64_t held = atomic_load_explicit(&place->rule_id, memory_order_acquire);
        if (held == rule_id)
            return place;
        if (held == 0)
            return NULL;
    }
    return NULL;
}

/* How readers know a place that changes hands meanwhile: its id is OF_NOBODY before its counts are
 * cleared, and they look at the id again behind the counts. Each clearing store is a release, which
 * heads the owner's later ones to the same count (C17 5.1.2.4, release sequence); and whoever sees
 * an id changed sees what was left out for it. */
static void clear(struct place *place)
{
    atomic_store_explicit(&place->queries, 0, memory_order_release);
    atomic_store_explicit(&place->connections, 0, memory_order_release);
    atomic_store_explicit(&place->last_used_s, 0, memory_order_release);
    atomic_store_explicit(&place->live_connections, 0, memory_order_release);
}

static uint32_t live_connections(const struct place *place)
{
    return atomic_load_explicit(&place->live_connections, memory_order_relaxed);
}

static bool is_idle(const struct place *place, int64_t now_s)
{
    int64_t last_used_s = atomic_load_explicit(&place->last_used_s, memory_order_relaxed);
    return live_connections(place) == 0 && now_s - last_used_s >= RULE_COUNTERS_IDLE_S;
}

static bool is_older(const struct place *place, const struct place *other)
{
    return atomic_load_explicit(&place->last_used_s, memory_order_relaxed) <
           atomic_load_explicit(&other->last_used_s, memory_order_relaxed);
}

/* The owner's, where the rule has no place and none is free. */
static struct place *take_over(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    uint32_t first = first_place(counters, rule_id);
    struct place *oldest = NULL;
    for (uint32_t i = 0; i < RULE_COUNTERS_PROBES; i++) {
        struct place *place = &counters->place[(first + i) & counters->mask];
        if (is_idle(place, now_s) && (oldest == NULL || is_older(place, oldest)))
            oldest = place;
    }
    if (oldest == NULL)
        return NULL;
    counter_add(&counters->left_out,
                counter_read(&oldest->queries) + counter_read(&oldest->connections));
    atomic_store_explicit(&oldest->rule_id, OF_NOBODY, memory_order_release);
    clear(oldest);
    atomic_store_explicit(&oldest->rule_id, rule_id, memory_order_release);
    return oldest;
}

/* To look for one is slow: where far more rules are in use than there are places, most looks must
 * not be made. */
static bool may_take_over(struct rule_counters *counters, int64_t now_s)
{
    if (counters->taking_s != now_s)
        counters->taking_tries = 0;
    counters->taking_s = now_s;
    return counters->taking_tries++ < RULE_COUNTERS_TRIES_PER_SECOND;
}

/* The owner's: takes a place where there is none of the rule's. */
static struct place *find_or_take(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    uint32_t first = first_place(counters, rule_id);
    for (uint32_t i = 0; i < RULE_COUNTERS_PROBES; i++) {
        struct place *place = &counters->place[(first + i) & counters->mask];
        int64_t held = atomic_load_explicit(&place->rule_id, memory_order_relaxed);
        if (held == 0)
            atomic_store_explicit(&place->rule_id, rule_id, memory_order_relaxed);
        if (held == 0 || held == rule_id)
            return place;
    }
    return may_take_over(counters, now_s) ? take_over(counters, rule_id, now_s) : NULL;
}

static struct place *use(struct rule_counters *counters, int64_t rule_id, int64_t now_s)
{
    struct place *place = find_or_take(counters, rule_id, now_s);
    if (place == NULL)
        counter_add(&counters->left_out, 1);
    else
        atomic_store_explicit(&place->last_used_s, (uint32_t)now_s, memory_order_relaxed);
    return place;
}

void rule_counters_expect(const struct rule_counters *counters, int64_t rule_id)
{
    __builtin_prefetch(&counters->place[first_place(counters, rule_id)], 1);
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

/* The owner alone writes: no locked instruction. */
static void set_live_connections(struct place *place, uint32_t count)
{
    atomic_store_explicit(&place->live_connections, count, memory_order_relaxed);
}

void rule_counters_opened(struct rule_counters *counters, int64_t rule_id)
{
    struct place *place = find(counters, rule_id);
    if (place != NULL)
        set_live_connections(place, live_connections(place) + 1);
}

/* It may have opened while the rule had no place: never below nothing. */
void rule_counters_closed(struct rule_counters *counters, int64_t rule_id)
{
    struct place *place = find(counters, rule_id);
    if (place != NULL && live_connections(place) > 0)
        set_live_connections(place, live_connections(place) - 1);
}

static uint64_t acquire(const _Atomic uint64_t *count)
{
    return atomic_load_explicit(count, memory_order_acquire);
}

/* False: the place changed hands meanwhile, and what was read may be of both. */
static bool read_place(const struct place *place, struct rule_count *ret_count)
{
    int64_t rule_id = atomic_load_explicit(&place->rule_id, memory_order_acquire);
    const struct rule_count count = {
        .rule_id = rule_id,
        .queries = acquire(&place->queries),
        .connections = acquire(&place->connections),
        .last_used_s = atomic_load_explicit(&place->last_used_s, memory_order_acquire),
        .live_connections = atomic_load_explicit(&place->live_connections, memory_order_acquire),
    };
    if (atomic_load_explicit(&place->rule_id, memory_order_acquire) != rule_id)
        return false;
    *ret_count = count;
    return true;
}

void rule_counters_add_to(const struct rule_counters *counters, int64_t rule_id,
                          struct rule_count *sum)
{
    struct rule_count count;
    const struct place *place = find(counters, rule_id);
    sum->rule_id = rule_id;
    if (place == NULL || !read_place(place, &count) || count.rule_id != rule_id)
        return;
    sum->queries += count.queries;
    sum->connections += count.connections;
    sum->live_connections += count.live_connections;
    if (count.last_used_s > sum->last_used_s)
        sum->last_used_s = count.last_used_s;
}

void rule_counters_each(const struct rule_counters *counters,
                        void (*each)(void *context, const struct rule_count *count), void *context)
{
    struct rule_count count;
    for (uint32_t i = 0; i <= counters->mask; i++)
        if (read_place(&counters->place[i], &count) && count.rule_id != 0 &&
            count.rule_id != OF_NOBODY)
            each(context, &count);
}

uint64_t rule_counters_left_out(const struct rule_counters *counters)
{
    return counter_read(&counters->left_out);
}
