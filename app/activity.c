/* app/activity.c - what one worker did. */
#include "app/activity.h"
#include "base/clock.h"
#include "base/counter.h"
#include "resolver/resolver.h"
#include "upstream/certificate_checks.h"

bool activity_init(struct activity *activity)
{
    activity->rules = rule_counters_new(ACTIVITY_RULES_MAX);
    return activity->rules != NULL;
}

void activity_release(struct activity *activity)
{
    rule_counters_free(activity->rules);
    activity->rules = NULL;
}

static const char *outcome_of(const struct verdict *verdict)
{
    if (verdict->reason == REASON_OBSERVED)
        return "observed";
    return verdict->decision == DECISION_ALLOW ? "allowed" : "denied";
}

static void note_query(struct decision_ring *ring, const struct endpoint *client,
                       const struct host_name *name, const struct verdict *verdict)
{
    struct recent_decision *recent = decision_ring_add(ring);
    recent->time_us = clock_realtime_us();
    recent->is_connection = false;
    recent->outcome = outcome_of(verdict);
    recent->client = client->address;
    recent->port = 0;
    recent->has_name = true;
    recent->name = *name;
    recent->verdict = *verdict;
}

void activity_rule_expected(struct activity *activity, int64_t rule_id)
{
    rule_counters_expect(activity->rules, rule_id);
}

void activity_rule_decided(struct activity *activity, const struct resolver_decision *decision)
{
    rule_counters_query(activity->rules, decision->verdict->rule_id, decision->now_s);
    if (decision->is_given && decision_quota_take(&activity->allowed_queries, decision->now_s,
                                                  DECISION_ALLOWED_PER_SECOND))
        note_query(&activity->recent.allowed, decision->client, decision->name, decision->verdict);
}

void activity_query_denied(struct activity *activity, const struct resolver_event *event)
{
    if (decision_quota_take(&activity->denied_queries, event->now_s, DECISION_DENIED_PER_SECOND))
        note_query(&activity->recent.others, &event->client, event->name, &event->verdict);
}

static void note_connection(struct decision_ring *ring, const struct gate_event *event,
                            const char *outcome)
{
    struct recent_decision *recent = decision_ring_add(ring);
    recent->time_us = clock_realtime_us();
    recent->is_connection = true;
    recent->outcome = outcome;
    recent->client = event->client.address;
    recent->port = event->port;
    recent->has_name = event->name != NULL;
    if (event->name != NULL)
        recent->name = *event->name;
    recent->verdict = event->verdict;
}

static void count_decision(struct activity *activity, const struct gate_event *event)
{
    counter_add(&activity->connections[event->verdict.reason], 1);
    if (event->verdict.rule_id != 0)
        rule_counters_connection(activity->rules, event->verdict.rule_id, clock_realtime_s());
}

void activity_connection_opened(struct activity *activity, const struct gate_event *event)
{
    count_decision(activity, event);
    if (event->verdict.rule_id != 0)
        rule_counters_opened(activity->rules, event->verdict.rule_id);
    note_connection(event->verdict.reason == REASON_ALLOWED ? &activity->recent.allowed
                                                            : &activity->recent.others,
                    event, outcome_of(&event->verdict));
}

void activity_connection_ended(struct activity *activity, const struct gate_event *event)
{
    counter_add(&activity->ends[event->end], 1);
    if (!event->was_opened) {
        count_decision(activity, event);
        note_connection(&activity->recent.others, event,
                        event->end == GATE_END_REFUSED ? outcome_of(&event->verdict)
                                                       : gate_end_word(event->end));
        return;
    }
    if (event->verdict.rule_id != 0)
        rule_counters_closed(activity->rules, event->verdict.rule_id);
    if (event->end == GATE_END_REVOKED)
        note_connection(&activity->recent.others, event, gate_end_word(event->end));
}

void activity_certificate_checked(struct activity *activity, const struct certificate_event *event)
{
    histogram_add(&activity->probe, event->duration_ms * 1000000);
}
