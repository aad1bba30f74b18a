/* app/event_log.h - what happened on one thread, as log lines: at most so many a second for each
 * reason, and a count of what was left out. The keys are listed in docs/operating.md. */
#pragma once
#include "app/log_thread.h"
#include "base/rate_limit.h"
#include "policy/denial_table.h"

struct forwarder_event;
struct gate_event;
struct resolver_event;
struct rule_outcome;

/* Lines a second, of one reason, from one thread. */
enum {
    EVENT_LOG_DENIALS_PER_SECOND = 50,
    EVENT_LOG_CONNECTIONS_PER_SECOND = 200,
    EVENT_LOG_ZONES_PER_SECOND = 10
};

/* Belongs to one thread. */
struct event_log {
    struct log_thread *thread; /* borrowed */
    struct log_ring *ring;     /* this thread's, borrowed */
    struct rate_limit queries[REASON_COUNT], connections[REASON_COUNT], rules, certificates, zones;
};

void event_log_init(struct event_log *log, struct log_thread *thread, uint32_t ring);

/* A record to fill, or NULL while the ring is full; not limited in rate. Hand it over with
 * event_log_send(). */
struct log_record *event_log_start(struct event_log *log, const char *event);
void event_log_send(struct event_log *log);

/* A resolver's and a gate's sink: `context` is the event_log of their thread. */
void event_log_query_denied(void *context, const struct resolver_event *event);
void event_log_connection_ended(void *context, const struct gate_event *event);

/* A server of an internal zone went down, or is up again. */
void event_log_zone_server_changed(struct event_log *log, const struct forwarder_event *event);

/* A rule that can't hold as it is typed. */
void event_log_rule_not_in_force(struct event_log *log, int64_t rule_id,
                                 const struct rule_outcome *outcome);

/* What was said of a table's denials that are not written down; starts as zeros. */
struct denial_tally {
    uint64_t told[DENIAL_LOSS_COUNT][REASON_COUNT];
};

/* Says how many denials `table` has left out since the last time, and why. */
void event_log_tell_not_recorded(struct event_log *log, const struct denial_table *table,
                                 struct denial_tally *tally);

/* Says what was left out in the seconds that are over. Call it about once a second, and at the end.
 */
void event_log_tell_left_out(struct event_log *log, int64_t now_ms);
