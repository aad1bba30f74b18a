/* app/activity.h - what one worker did, in numbers and by its last decisions, for the status page.
 * The worker writes, without a lock or an allocation; counts may be read by any thread, the last
 * decisions by the worker alone. */
#pragma once
#include "base/histogram.h"
#include "policy/decision_ring.h"
#include "policy/rule_counters.h"
#include "sni-gate/gate_event.h"

struct certificate_event;
struct resolver_decision;
struct resolver_event;

/* Rules that one worker counts by themselves: 4 MiB, of which only what is used takes memory. */
enum { ACTIVITY_RULES_MAX = 131072 };

struct activity {
    struct rule_counters *rules; /* owned */
    /* Once a connection: what was decided when it began to be relayed, or else when it ended. */
    _Atomic uint64_t connections[REASON_COUNT];
    _Atomic uint64_t ends[GATE_END_COUNT]; /* of all that ended */
    struct histogram probe;                /* of servers' certificates */
    struct recent_decisions recent;
    struct decision_quota allowed_queries, denied_queries; /* that are among them */
};

/* False when out of memory; release it all the same. */
bool activity_init(struct activity *activity);
void activity_release(struct activity *activity);

/* What the sinks of resolver, gate and checker are told of. */
void activity_rule_expected(struct activity *activity, int64_t rule_id);
void activity_rule_decided(struct activity *activity, const struct resolver_decision *decision);
void activity_query_denied(struct activity *activity, const struct resolver_event *event);
void activity_connection_opened(struct activity *activity, const struct gate_event *event);
void activity_connection_ended(struct activity *activity, const struct gate_event *event);
void activity_certificate_checked(struct activity *activity, const struct certificate_event *event);
