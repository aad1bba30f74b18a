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

void activity_rule_decided(struct activity *activity, int64_t rule_id, int64_t now_s)
{
    rule_counters_query(activity->rules, rule_id, now_s);
}

static const char *outcome_of(const struct verdict *verdict)
{
    if (verdict->reason == REASON_OBSERVED)
        return "observed";
    return verdict->decision == DECISION_ALLOW ? "allowed" : "denied";
}

void activity_query_denied(struct activity *activity, const struct resolver_event *event)
{
    struct recent_decision *recent = decision_ring_add(&activity->recent);
    recent->time_ms = clock_realtime_coarse_ms();
    recent->is_connection = false;
    recent->outcome = outcome_of(&event->verdict);
    recent->client = event->client.address;
    recent->port = 0;
    recent->has_name = true;
    recent->name = *event->name;
    recent->verdict = event->verdict;
}

static void remember(struct activity *activity, const struct gate_event *event, const char *outcome)
{
    struct recent_decision *recent = decision_ring_add(&activity->recent);
    recent->time_ms = clock_realtime_coarse_ms();
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
    remember(activity, event, outcome_of(&event->verdict));
}

void activity_connection_ended(struct activity *activity, const struct gate_event *event)
{
    counter_add(&activity->ends[event->end], 1);
    if (!event->was_opened) {
        count_decision(activity, event);
        remember(activity, event,
                 event->end == GATE_END_REFUSED ? outcome_of(&event->verdict)
                                                : gate_end_word(event->end));
        return;
    }
    if (event->verdict.rule_id != 0)
        rule_counters_closed(activity->rules, event->verdict.rule_id);
    if (event->end == GATE_END_REVOKED)
        remember(activity, event, gate_end_word(event->end));
}

void activity_certificate_checked(struct activity *activity, const struct certificate_event *event)
{
    histogram_add(&activity->probe, event->duration_ms * 1000000);
}
