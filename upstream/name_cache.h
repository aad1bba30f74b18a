/* upstream/name_cache.h - what the upstream DNS said of names, kept for as long as it may be.
 * Each family of a name is looked up, kept and told by itself, so that one whose answer never comes
 * does not delay the other (RFC 8305 3). There is one query in flight for a name and family,
 * however many wait for it. While the upstream DNS fails, the last good addresses serve for a
 * bounded time (RFC 8767). Everything here belongs to one worker's loop. */
#pragma once
#include "net/dns_channel.h"
#include "upstream/recent_addresses.h"

#include <stddef.h>
#include <sys/queue.h>

struct host_name;
struct name_cache;
struct name_lookup;
struct name_record;

/* How long answers live. At least a second, whatever the TTL, so that a worker asks for a name once
 * a second at most; at most an hour, because a TTL of weeks is a mistake that nobody could mend
 * otherwise. Names that may come to be are looked for again within a minute (RFC 2308 5 allows 3
 * hours), and a failure is not believed for long. Stale addresses serve for an hour: RFC 8767 4
 * would have days, but clouds give addresses to the next customer sooner. */
enum {
    NAME_CACHE_NAMES_MAX = 10000, /* the least recently asked for makes room */
    NAME_CACHE_TTL_MIN_S = 1,
    NAME_CACHE_TTL_MAX_S = 3600,
    NAME_CACHE_NEGATIVE_MAX_S = 60,
    NAME_CACHE_FAILURE_S = 1,     /* a failure is the answer for so long */
    NAME_CACHE_STALE_RETRY_S = 5, /* and for so long where stale addresses bridge it */
    NAME_CACHE_STALE_S = 3600,    /* beyond the TTL */
};

/* What became of a look-up. Zero is a failure. */
enum name_status {
    NAME_FAILED = 0,     /* the upstream DNS did not answer, or not with sense */
    NAME_HAS_NO_ADDRESS, /* it exists */
    NAME_DOES_NOT_EXIST,
    NAME_HAS_ADDRESSES,
};

/* What is known of one family. */
struct name_answer {
    uint8_t family; /* 4 or 6 */
    enum name_status status;
    bool is_stale;
    struct ip_address address[DNS_REPLY_ADDRESSES_MAX]; /* another first each time */
    uint32_t address_count;                             /* 0 unless NAME_HAS_ADDRESSES */
    struct ip_address recent[RECENT_ADDRESSES_MAX];     /* that it had lately, and has no more */
    uint32_t recent_count; /* 0 unless it has others, by a reply that is in force */
};

/* Called once for each family, perhaps from within name_cache_look_up(). `lookup` has counted the
 * answer already. It may cancel the look-up. */
typedef void (*name_lookup_fn)(struct name_lookup *lookup, const struct name_answer *answer);

struct name_waiter {
    struct name_lookup *lookup;
    struct name_record *record; /* NULL: waits for nothing */
    TAILQ_ENTRY(name_waiter) waiters;
};

/* Somebody who wants to know; embedded in its owner. All zero, it may be cancelled. Who only wants
 * to know whether the name exists looks at `status` when `pending` is 0. */
struct name_lookup {
    name_lookup_fn on_answer; /* NULL: over, or cancelled */
    unsigned pending;         /* families that have not answered */
    enum name_status status;  /* of the name, as far as families have answered: has addresses if one
                                 has, does not exist if one says so, failed if one did */
    bool lacks_resources;     /* a query could not be made: memory, or too many under way */
    struct name_waiter waiters[2];
};

/* Every counter: constant, word in metrics (stable). All count families of names. */
#define NAME_CACHE_COUNTER_LIST(COUNTER)                                                           \
    COUNTER(HITS, "hits")         /* answered from memory, by a reply that is in force */          \
    COUNTER(QUERIES, "queries")   /* made */                                                       \
    COUNTER(FAILURES, "failures") /* that failed */                                                \
    COUNTER(STALE, "stale")       /* answered with stale addresses */                              \
    COUNTER(EVICTED, "evicted")   /* names that made room */

#define NAME_CACHE_COUNTER_CONSTANT(constant, word) NAME_CACHE_##constant,
enum name_cache_counter {
    NAME_CACHE_COUNTER_LIST(NAME_CACHE_COUNTER_CONSTANT) NAME_CACHE_COUNTERS
};
#undef NAME_CACHE_COUNTER_CONSTANT

/* `now_ms` is a monotonic clock; `channel` is borrowed, and must outlive the cache. NULL when out
 * of memory. */
struct name_cache *name_cache_new(struct dns_channel *channel, int64_t (*now_ms)(void));
/* Nobody may wait any more. NULL is fine. */
void name_cache_free(struct name_cache *cache);

/* Tells both families of `name`, at once where they are known. A name that is not
 * host_name_is_printable() is not asked for: it fails. */
void name_cache_look_up(struct name_cache *cache, const struct host_name *name,
                        struct name_lookup *lookup, name_lookup_fn on_answer);
/* The caller will not wait longer for what is pending if stale addresses can be had: then they are
 * told. */
void name_lookup_accept_stale(struct name_cache *cache, struct name_lookup *lookup);
/* No callback will come. Safe twice, and within the callback. */
void name_lookup_cancel(struct name_lookup *lookup);

/* So far; the word of a counter: a literal. Any thread may ask. */
uint64_t name_cache_count(const struct name_cache *cache, enum name_cache_counter counter);
/* When the upstream DNS last answered, and when it last failed to, in Unix seconds; 0: never. Any
 * thread may ask. */
struct name_cache_times {
    int64_t answered_s, failed_s;
};
struct name_cache_times name_cache_times(const struct name_cache *cache);
const char *name_cache_counter_word(enum name_cache_counter counter);
