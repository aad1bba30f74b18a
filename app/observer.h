/* app/observer.h - who is told what happened on one worker: the log, some lines a second, and the
 * table of denials, all of them, which the record thread writes down as denied_name. */
#pragma once
#include "app/activity.h"
#include "app/certificate_log.h"
#include "app/event_log.h"
#include "policy/policy.h"

struct certificate_event;
struct denial_table;
struct policy_view;
struct record_thread;

/* Names, ports and groups that a worker has room for until it hands them over. */
enum { OBSERVER_DENIALS_MAX = 1024 };

/* What it works with; borrowed for its life. */
struct observer_parts {
    struct log_thread *log;
    uint32_t ring; /* in it */
    struct record_thread *record;
    struct policy_ports ports; /* that clients may connect to */
    struct policy_view *view;  /* of the same thread */
};

/* Belongs to one thread. */
struct observer {
    struct event_log log;
    struct record_thread *record;
    struct denial_table *denials; /* owned */
    struct denial_tally told;
    struct policy_view *view;
    struct expiry_notes expiries;
    struct activity activity;
    uint16_t lookup_port; /* that a denied question is taken to be about */
};

/* False when out of memory; release it all the same. */
bool observer_init(struct observer *observer, const struct observer_parts *parts);
void observer_release(struct observer *observer);

/* A resolver's and a gate's sink: `context` is the observer of their thread. */
void observer_query_denied(void *context, const struct resolver_event *event);
void observer_rule_expected(void *context, int64_t rule_id);
void observer_rule_decided(void *context, const struct resolver_decision *decision);
void observer_connection_opened(void *context, const struct gate_event *event);
void observer_connection_ended(void *context, const struct gate_event *event);
/* A checker's. */
void observer_certificate_checked(void *context, const struct certificate_event *event);

/* A forwarder's sink, likewise. */
void observer_zone_server_changed(void *context, const struct forwarder_event *event);

/* Hands over the denials, and says what was left out of the log and of them in the seconds that are
 * over. Call it about once a second, and at the end. */
void observer_report(struct observer *observer, int64_t now_ms);
