/* policy/rule_counters.h - how often each rule decided, for the rules that did: a table of fixed
 * size by rule id, as a million rules may exist and few are used.
 *
 * One thread writes, without a lock or an allocation; any thread reads at the same time. A rule
 * that finds no place free takes that of the rule among its neighbours that was used longest ago,
 * unless each of these was used lately or has open connections. What the place counted, and what is
 * decided without one, is counted as left out: until then what is known of a rule is all of it.
 * Ids are given once and never again. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule_counters;

/* What is known of one rule. */
struct rule_count {
    int64_t rule_id;
    uint64_t queries, connections; /* that it allowed or denied */
    int64_t last_used_s;           /* Unix seconds; 0: never */
    uint64_t live_connections;
};

enum {
    RULE_COUNTERS_PROBES = 16,           /* places that a rule may take */
    RULE_COUNTERS_IDLE_S = 600,          /* a place that was used so lately is kept */
    RULE_COUNTERS_TRIES_PER_SECOND = 64, /* looks for a place that may be taken */
};

/* `places` is a power of two, at least RULE_COUNTERS_PROBES. NULL when out of memory. */
struct rule_counters *rule_counters_new(uint32_t places);
/* NULL is fine. */
void rule_counters_free(struct rule_counters *counters);

/* The owner: the rule is counted soon, and what that needs may be far away in memory. */
void rule_counters_expect(const struct rule_counters *counters, int64_t rule_id);
/* The owner; `rule_id` is not 0. */
void rule_counters_query(struct rule_counters *counters, int64_t rule_id, int64_t now_s);
void rule_counters_connection(struct rule_counters *counters, int64_t rule_id, int64_t now_s);
/* One of its connections, which was counted just before, is open now; is no more. Those of a rule
 * that had no place when they opened may be missing among the open ones. */
void rule_counters_opened(struct rule_counters *counters, int64_t rule_id);
void rule_counters_closed(struct rule_counters *counters, int64_t rule_id);

/* Any thread: adds what is known of `rule_id` to `sum`. */
void rule_counters_add_to(const struct rule_counters *counters, int64_t rule_id,
                          struct rule_count *sum);

/* Any thread: calls `each` for every rule that has a place. */
void rule_counters_each(const struct rule_counters *counters,
                        void (*each)(void *context, const struct rule_count *count), void *context);

/* Any thread: decisions that are no more, or never were, in the counts of their rule. Read it after
 * the counts that it shall speak of. */
uint64_t rule_counters_left_out(const struct rule_counters *counters);
