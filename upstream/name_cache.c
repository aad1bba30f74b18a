/* upstream/name_cache.c - what the upstream DNS said of names. */
#include "upstream/name_cache.h"
#include "base/clock.h"
#include "base/reader.h"
#include "base/siphash.h"
#include "base/text.h"
#include "policy/host_name.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 16384, FAMILIES = 2 };

TAILQ_HEAD(name_waiters, name_waiter);

/* One family of a name. */
struct name_record {
    struct name_entry *entry;
    uint8_t family;
    enum name_status status; /* by the last reply; a failure is none */
    bool has_failed;         /* the last query did */
    int64_t expires_ms;      /* of `status`; in the past: there was no reply yet */
    int64_t retry_ms;        /* after a failure: not asked again before */
    uint32_t address_count;
    uint32_t turn;                   /* which address comes first next time */
    struct ip_address *addresses;    /* owned */
    struct recent_addresses *recent; /* owned; NULL: its addresses never changed */
    struct dns_lookup *query;        /* in flight; else NULL */
    struct name_waiters waiters;
};

struct name_entry {
    struct name_cache *cache;
    LIST_ENTRY(name_entry) bucket;
    TAILQ_ENTRY(name_entry) use; /* most recently asked for first */
    unsigned holders;            /* callbacks under way: it must stay */
    struct name_record records[FAMILIES];
    uint8_t name_size;
    uint8_t name[]; /* wire format */
};

LIST_HEAD(name_bucket, name_entry);
TAILQ_HEAD(name_uses, name_entry);

struct name_cache {
    struct dns_channel *channel;
    int64_t (*now_ms)(void);
    struct siphash_key key;
    uint32_t name_count;
    struct name_uses by_use;
    _Atomic uint64_t counters[NAME_CACHE_COUNTERS]; /* written by the owner alone */
    _Atomic int64_t answered_s, failed_s;           /* likewise */
    struct name_bucket buckets[BUCKETS];
};

static void count(struct name_cache *cache, enum name_cache_counter counter)
{
    uint64_t value = atomic_load_explicit(&cache->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&cache->counters[counter], value + 1, memory_order_relaxed);
}

static void note_time(_Atomic int64_t *time_s)
{
    atomic_store_explicit(time_s, clock_realtime_s(), memory_order_relaxed);
}

struct name_cache_times name_cache_times(const struct name_cache *cache)
{
    return (
        struct name_cache_times){ atomic_load_explicit(&cache->answered_s, memory_order_relaxed),
                                  atomic_load_explicit(&cache->failed_s, memory_order_relaxed) };
}

uint64_t name_cache_count(const struct name_cache *cache, enum name_cache_counter counter)
{
    return atomic_load_explicit(&cache->counters[counter], memory_order_relaxed);
}

const char *name_cache_counter_word(enum name_cache_counter counter)
{
#define NAME_CACHE_COUNTER_WORD(constant, word) [NAME_CACHE_##constant] = word,
    static const char *const words[NAME_CACHE_COUNTERS] = { NAME_CACHE_COUNTER_LIST(
        NAME_CACHE_COUNTER_WORD) };
#undef NAME_CACHE_COUNTER_WORD
    return words[counter];
}

/* Names */

static void remove_entry(struct name_entry *entry)
{
    for (int i = 0; i < FAMILIES; i++) {
        dns_lookup_cancel(entry->records[i].query);
        free(entry->records[i].addresses);
        free(entry->records[i].recent);
    }
    LIST_REMOVE(entry, bucket);
    TAILQ_REMOVE(&entry->cache->by_use, entry, use);
    entry->cache->name_count--;
    free(entry);
}

/* Whoever waits has a query in flight. */
static bool is_idle(const struct name_entry *entry)
{
    return entry->holders == 0 && entry->records[0].query == NULL &&
           entry->records[1].query == NULL;
}

/* Lets the name go that was not asked for for the longest time. There are more names than queries
 * may be in flight, so one is idle. */
static void make_room(struct name_cache *cache)
{
    struct name_entry *entry = TAILQ_LAST(&cache->by_use, name_uses);
    while (entry != NULL && !is_idle(entry))
        entry = TAILQ_PREV(entry, name_uses, use);
    if (entry == NULL)
        return;
    remove_entry(entry);
    count(cache, NAME_CACHE_EVICTED);
}

static struct name_entry *add_entry(struct name_cache *cache, struct name_bucket *bucket,
                                    const struct host_name *name)
{
    if (cache->name_count >= NAME_CACHE_NAMES_MAX)
        make_room(cache);
    struct name_entry *entry =
        cache->name_count < NAME_CACHE_NAMES_MAX ? calloc(1, sizeof(*entry) + name->size) : NULL;
    if (entry == NULL)
        return NULL;
    entry->cache = cache;
    entry->name_size = name->size;
    memcpy(entry->name, name->wire, name->size);
    for (int i = 0; i < FAMILIES; i++) {
        struct name_record *record = &entry->records[i];
        record->entry = entry;
        record->family = i == 0 ? 6 : 4;
        record->expires_ms = INT64_MIN;
        TAILQ_INIT(&record->waiters);
    }
    LIST_INSERT_HEAD(bucket, entry, bucket);
    TAILQ_INSERT_HEAD(&cache->by_use, entry, use);
    cache->name_count++;
    return entry;
}

/* NULL when out of memory. */
static struct name_entry *get_entry(struct name_cache *cache, const struct host_name *name)
{
    struct name_bucket *bucket =
        &cache->buckets[siphash(&cache->key, name->wire, name->size) % BUCKETS];
    struct name_entry *entry;
    LIST_FOREACH(entry, bucket, bucket)
        if (entry->name_size == name->size && memcmp(entry->name, name->wire, name->size) == 0)
            break;
    if (entry == NULL)
        return add_entry(cache, bucket, name);
    TAILQ_REMOVE(&cache->by_use, entry, use);
    TAILQ_INSERT_HEAD(&cache->by_use, entry, use);
    return entry;
}

/* Answers */

static bool is_fresh(const struct name_record *record, int64_t now_ms)
{
    return now_ms < record->expires_ms;
}

static bool can_serve_stale(const struct name_record *record, int64_t now_ms)
{
    return record->address_count > 0 && now_ms - record->expires_ms < NAME_CACHE_STALE_S * 1000LL;
}

static struct name_answer failed_answer(uint8_t family)
{
    return (struct name_answer){ .family = family, .status = NAME_FAILED };
}

static void add_recent(const struct name_record *record, struct name_answer *answer)
{
    if (record->recent != NULL && record->address_count > 0)
        answer->recent_count =
            recent_addresses_get(record->recent, record->entry->cache->now_ms(), record->addresses,
                                 record->address_count, answer->recent);
}

/* By what is known; addresses that are too old are the caller's to leave out. */
static struct name_answer answer_of(struct name_record *record, bool is_stale)
{
    struct name_answer answer = { .family = record->family,
                                  .status = record->status,
                                  .is_stale = is_stale,
                                  .address_count = record->address_count };
    for (uint32_t i = 0; i < record->address_count; i++)
        answer.address[i] = record->addresses[(record->turn + i) % record->address_count];
    record->turn++;
    if (is_stale)
        count(record->entry->cache, NAME_CACHE_STALE);
    else
        add_recent(record, &answer);
    return answer;
}

static struct name_answer answer_now(struct name_record *record, int64_t now_ms)
{
    if (is_fresh(record, now_ms))
        return answer_of(record, false);
    return can_serve_stale(record, now_ms) ? answer_of(record, true)
                                           : failed_answer(record->family);
}

/* The status of a name of which one family has `left` and the other `right`. */
static enum name_status join(enum name_status left, enum name_status right)
{
    static const enum name_status strongest_first[] = { NAME_HAS_ADDRESSES, NAME_DOES_NOT_EXIST,
                                                        NAME_FAILED };
    for (size_t i = 0; i < sizeof(strongest_first) / sizeof(strongest_first[0]); i++)
        if (left == strongest_first[i] || right == strongest_first[i])
            return strongest_first[i];
    return NAME_HAS_NO_ADDRESS;
}

static void tell(struct name_lookup *lookup, const struct name_answer *answer)
{
    name_lookup_fn on_answer = lookup->on_answer;
    lookup->status = join(lookup->status, answer->status);
    if (--lookup->pending == 0)
        lookup->on_answer = NULL;
    on_answer(lookup, answer);
}

static void stop_waiting(struct name_waiter *waiter)
{
    if (waiter->record != NULL)
        TAILQ_REMOVE(&waiter->record->waiters, waiter, waiters);
    waiter->record = NULL;
}

/* Replies */

static enum name_status status_of(enum dns_lookup_status status)
{
    switch (status) {
    case DNS_LOOKUP_OK:
        return NAME_HAS_ADDRESSES;
    case DNS_LOOKUP_NO_ADDRESS:
        return NAME_HAS_NO_ADDRESS;
    case DNS_LOOKUP_NO_NAME:
        return NAME_DOES_NOT_EXIST;
    case DNS_LOOKUP_FAILED:
        break;
    }
    return NAME_FAILED;
}

static uint32_t clamp_ttl(const struct dns_lookup_result *reply)
{
    uint32_t most =
        reply->status == DNS_LOOKUP_OK ? NAME_CACHE_TTL_MAX_S : NAME_CACHE_NEGATIVE_MAX_S;
    uint32_t ttl_s = reply->ttl_s < most ? reply->ttl_s : most;
    return ttl_s > NAME_CACHE_TTL_MIN_S ? ttl_s : NAME_CACHE_TTL_MIN_S;
}

static void keep_failure(struct name_record *record, int64_t now_ms)
{
    int64_t wait_s =
        can_serve_stale(record, now_ms) ? NAME_CACHE_STALE_RETRY_S : NAME_CACHE_FAILURE_S;
    record->has_failed = true;
    record->retry_ms = now_ms + wait_s * 1000;
}

/* The addresses are about to be replaced. For want of memory they are forgotten. */
static void keep_recent(struct name_record *record, int64_t now_ms)
{
    if (record->recent == NULL && record->address_count > 0)
        record->recent = calloc(1, sizeof(*record->recent));
    if (record->recent == NULL)
        return;
    for (uint32_t i = 0; i < record->address_count; i++)
        recent_addresses_note(record->recent, &record->addresses[i],
                              record->expires_ms < now_ms ? record->expires_ms : now_ms);
}

static void keep_reply(struct name_record *record, const struct dns_lookup_result *reply,
                       int64_t now_ms)
{
    size_t size = reply->address_count * sizeof(reply->address[0]);
    struct ip_address *addresses = size > 0 ? malloc(size) : NULL;
    if (reply->status == DNS_LOOKUP_FAILED || (size > 0 && addresses == NULL)) {
        keep_failure(record, now_ms);
        return;
    }
    if (addresses != NULL)
        memcpy(addresses, reply->address, size);
    keep_recent(record, now_ms);
    free(record->addresses);
    record->addresses = addresses;
    record->address_count = reply->address_count;
    record->status = status_of(reply->status);
    record->has_failed = false;
    record->expires_ms = now_ms + clamp_ttl(reply) * 1000LL;
}

static void on_reply(void *context, const struct dns_lookup_result *reply)
{
    struct name_record *record = context;
    struct name_cache *cache = record->entry->cache;
    int64_t now_ms = cache->now_ms();
    struct name_waiter *waiter;
    record->query = NULL;
    keep_reply(record, reply, now_ms);
    if (record->has_failed)
        count(cache, NAME_CACHE_FAILURES);
    note_time(record->has_failed ? &cache->failed_s : &cache->answered_s);
    record->entry->holders++;
    while ((waiter = TAILQ_FIRST(&record->waiters)) != NULL) {
        struct name_answer answer = answer_now(record, now_ms);
        stop_waiting(waiter);
        tell(waiter->lookup, &answer);
    }
    record->entry->holders--;
}

static bool start_query(struct name_record *record)
{
    const struct name_entry *entry = record->entry;
    struct reader wire = reader_over(entry->name, entry->name_size);
    struct host_name name;
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    (void)host_name_read(&wire, &name); /* it is a name's own wire format */
    host_name_add_to(&name, &text);
    const struct dns_question question = { buffer, record->family };
    record->query = dns_channel_lookup(entry->cache->channel, &question, on_reply, record);
    if (record->query == NULL)
        return false;
    count(entry->cache, NAME_CACHE_QUERIES);
    return true;
}

/* From outside */

/* Answers by what is known, asks where that is too old. False where the answer must be awaited. */
static bool answer_or_ask(struct name_record *record, struct name_lookup *lookup,
                          struct name_answer *ret_answer)
{
    struct name_cache *cache = record->entry->cache;
    int64_t now_ms = cache->now_ms();
    if (is_fresh(record, now_ms)) {
        count(cache, NAME_CACHE_HITS);
        *ret_answer = answer_of(record, false);
        return true;
    }
    bool is_due = !record->has_failed || now_ms >= record->retry_ms;
    bool is_asked = record->query != NULL || (is_due && start_query(record));
    if (is_due && !is_asked)
        lookup->lacks_resources = true;
    if (is_asked && !(record->has_failed && can_serve_stale(record, now_ms)))
        return false;
    *ret_answer = answer_now(record, now_ms);
    return true;
}

void name_cache_look_up(struct name_cache *cache, const struct host_name *name,
                        struct name_lookup *lookup, name_lookup_fn on_answer)
{
    struct name_answer answers[FAMILIES];
    bool is_known[FAMILIES] = { true, true };
    bool is_printable = host_name_is_printable(name);
    struct name_entry *entry = is_printable ? get_entry(cache, name) : NULL;
    *lookup = (struct name_lookup){ .on_answer = on_answer,
                                    .pending = FAMILIES,
                                    .status = NAME_HAS_NO_ADDRESS,
                                    .lacks_resources = is_printable && entry == NULL };
    for (int i = 0; i < FAMILIES; i++) {
        struct name_waiter *waiter = &lookup->waiters[i];
        answers[i] = failed_answer(i == 0 ? 6 : 4);
        waiter->lookup = lookup;
        is_known[i] = entry == NULL || answer_or_ask(&entry->records[i], lookup, &answers[i]);
        if (is_known[i])
            continue;
        waiter->record = &entry->records[i];
        TAILQ_INSERT_TAIL(&waiter->record->waiters, waiter, waiters);
    }
    for (int i = 0; i < FAMILIES; i++) /* a callback may end the look-up, and let the entry go */
        if (is_known[i] && lookup->on_answer != NULL)
            tell(lookup, &answers[i]);
}

void name_lookup_accept_stale(struct name_cache *cache, struct name_lookup *lookup)
{
    for (int i = 0; i < FAMILIES; i++) {
        struct name_waiter *waiter = &lookup->waiters[i];
        if (waiter->record == NULL || !can_serve_stale(waiter->record, cache->now_ms()))
            continue;
        struct name_answer answer = answer_of(waiter->record, true);
        stop_waiting(waiter);
        tell(lookup, &answer);
    }
}

void name_lookup_cancel(struct name_lookup *lookup)
{
    lookup->on_answer = NULL;
    for (int i = 0; i < FAMILIES; i++)
        stop_waiting(&lookup->waiters[i]);
}

struct name_cache *name_cache_new(struct dns_channel *channel, int64_t (*now_ms)(void))
{
    struct name_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    cache->channel = channel;
    cache->now_ms = now_ms;
    cache->key = siphash_key_random();
    TAILQ_INIT(&cache->by_use);
    return cache;
}

void name_cache_free(struct name_cache *cache)
{
    struct name_entry *entry;
    if (cache == NULL)
        return;
    while ((entry = TAILQ_FIRST(&cache->by_use)) != NULL)
        remove_entry(entry);
    free(cache);
}
