/* app/observer.c - what happened on one worker, to the log and to the table of denials. */
#include "app/observer.h"
#include "app/record_thread.h"
#include "base/clock.h"
#include "policy/policy_feed.h"
#include "resolver/dns.h"
#include "resolver/resolver.h"
#include "sni-gate/gate_event.h"
#include "upstream/certificate_checks.h"

#include <string.h>

/* What a client asked for; `name` NULL: nothing that could be read. */
struct asked {
    const struct policy *policy; /* whose groups tell whose client it is */
    const struct ip_address *client;
    const struct host_name *name;
    uint16_t port;
    int64_t now_s;
};

/* 443 where the gate has it, as such a target needs no port. */
static uint16_t choose_lookup_port(const struct policy_ports *ports)
{
    for (uint32_t i = 0; i < ports->count; i++)
        if (ports->port[i] == RULE_DEFAULT_PORT)
            return RULE_DEFAULT_PORT;
    return ports->count > 0 ? ports->port[0] : RULE_DEFAULT_PORT;
}

bool observer_init(struct observer *observer, const struct observer_parts *parts)
{
    *observer = (struct observer){ .record = parts->record,
                                   .view = parts->view,
                                   .denials = denial_table_new(OBSERVER_DENIALS_MAX),
                                   .lookup_port = choose_lookup_port(&parts->ports) };
    event_log_init(&observer->log, parts->log, parts->ring);
    return activity_init(&observer->activity) && observer->denials != NULL;
}

void observer_release(struct observer *observer)
{
    activity_release(&observer->activity);
    denial_table_free(observer->denials);
    observer->denials = NULL;
}

/* What the client was denied for, or would have been were it not only observed; REASON_ALLOWED: for
 * nothing. */
static enum reason denial_reason_of(const struct verdict *verdict)
{
    if (verdict->reason == REASON_OBSERVED)
        return verdict->would_be;
    return verdict->decision == DECISION_DENY ? verdict->reason : REASON_ALLOWED;
}

/* True for what a rule decided, or the lack of one; false for what went wrong on the way. */
static bool is_denial(enum reason reason)
{
    switch (reason) {
    case REASON_NO_RULE:
    case REASON_OTHER_PORT:
    case REASON_DENY_RULE:
    case REASON_PARENT:
    case REASON_NO_SERVER_NAME:
    case REASON_BAD_SERVER_NAME:
    case REASON_ADDRESS_AS_SERVER_NAME:
    case REASON_MALFORMED_HELLO:
    case REASON_HELLO_TOO_LARGE:
    case REASON_HELLO_TIMEOUT:
    case REASON_HELLO_CUT_SHORT:
    case REASON_NOT_TLS:
        return true;
    case REASON_NO_LISTENER:
    case REASON_PROXY_UNTRUSTED:
    case REASON_PROXY_HEADER_MISSING:
    case REASON_PROXY_HEADER_MALFORMED:
    case REASON_PROXY_WITHOUT_CLIENT:
    case REASON_UPSTREAM_NOT_FOUND:
    case REASON_UPSTREAM_DNS_FAILED:
    case REASON_UPSTREAM_ADDRESS_REFUSED:
    case REASON_UPSTREAM_CONNECT_FAILED:
    case REASON_UPSTREAM_CLOSED:
    case REASON_UPSTREAM_SILENT:
    case REASON_UPSTREAM_MALFORMED:
    case REASON_UPSTREAM_REFUSED:
    case REASON_CERTIFICATE_UNTRUSTED:
    case REASON_CERTIFICATE_EXPIRED:
    case REASON_CERTIFICATE_NOT_YET_VALID:
    case REASON_CERTIFICATE_WRONG_NAME:
    case REASON_CERTIFICATE_ABSENT:
    case REASON_CERTIFICATE_UNPROVEN:
    case REASON_PIN_MISMATCH:
    case REASON_PINS_EXPIRED:
    case REASON_RESUMPTION_DENIED:
    case REASON_PROBE_UNREACHABLE:
    case REASON_PROBE_FAILED:
    case REASON_PROBE_LIMIT:
    case REASON_NAME_CHANGED:
    case REASON_ADDRESS_MISMATCH:
    case REASON_ECH_DENIED:
    case REASON_TOO_MANY_CONNECTIONS:
    case REASON_TOO_MANY_OF_CLIENT:
    case REASON_TOO_MANY_HANDSHAKES:
    case REASON_REVOKED:
    case REASON_OUT_OF_RESOURCES:
    case REASON_OBSERVED:
    case REASON_ALLOWED:
    case REASON_COUNT:
        break;
    }
    return false;
}

static void add_denial(struct observer *observer, const struct asked *asked, enum reason reason)
{
    const struct client_groups *groups = policy_client_groups(asked->policy);
    struct client client = client_of(groups, asked->client);
    struct denial denial = { .group = client_home_group(&client),
                             .port = asked->port,
                             .reason = reason,
                             .count = 1,
                             .first_seen_s = asked->now_s,
                             .last_seen_s = asked->now_s,
                             .name = *asked->name };
    const char *group_name = client_groups_name(groups, denial.group);
    memcpy(denial.group_name, group_name, strlen(group_name) + 1);
    denial_table_add(observer->denials, &denial);
}

static void observe(struct observer *observer, const struct asked *asked,
                    const struct verdict *verdict)
{
    enum reason reason = denial_reason_of(verdict);
    if (!is_denial(reason))
        return;
    if (asked->name != NULL && host_name_reads_back(asked->name))
        add_denial(observer, asked, reason);
    else
        denial_table_leave_out(observer->denials, DENIAL_WITHOUT_NAME, reason, 1);
}

void observer_query_denied(void *context, const struct resolver_event *event)
{
    struct observer *observer = context;
    struct asked asked = { event->policy, &event->client.address, event->name,
                           observer->lookup_port, event->now_s };
    event_log_query_denied(&observer->log, event);
    activity_query_denied(&observer->activity, event);
    /* Who asks for other types does not want to connect, and no rule would give an answer. */
    if (event->type == DNS_TYPE_A || event->type == DNS_TYPE_AAAA)
        observe(observer, &asked, &event->verdict);
}

void observer_rule_expected(void *context, int64_t rule_id)
{
    struct observer *observer = context;
    activity_rule_expected(&observer->activity, rule_id);
}

void observer_rule_decided(void *context, const struct resolver_decision *decision)
{
    struct observer *observer = context;
    activity_rule_decided(&observer->activity, decision);
}

void observer_connection_opened(void *context, const struct gate_event *event)
{
    struct observer *observer = context;
    activity_connection_opened(&observer->activity, event);
}

void observer_connection_ended(void *context, const struct gate_event *event)
{
    struct observer *observer = context;
    struct asked asked = { event->policy, &event->client.address, event->name, event->port,
                           clock_realtime_s() };
    event_log_connection_ended(&observer->log, event);
    activity_connection_ended(&observer->activity, event);
    observe(observer, &asked, &event->verdict);
}

void observer_certificate_checked(void *context, const struct certificate_event *event)
{
    struct observer *observer = context;
    const struct settings *settings = policy_settings(policy_view_get(observer->view));
    certificate_log_checked(&observer->log, event, settings->certificate_warning_days,
                            &observer->expiries);
    activity_certificate_checked(&observer->activity, event);
    if (event->reason == REASON_ALLOWED || event->reason == REASON_PIN_MISMATCH)
        record_thread_take_certificate(observer->record, event->name, event->endpoint.port,
                                       event->finding);
}

void observer_zone_server_changed(void *context, const struct forwarder_event *event)
{
    struct observer *observer = context;
    event_log_zone_server_changed(&observer->log, event);
}

void observer_report(struct observer *observer, int64_t now_ms)
{
    record_thread_take_denials(observer->record, observer->denials);
    event_log_tell_not_recorded(&observer->log, observer->denials, &observer->told);
    event_log_tell_left_out(&observer->log, now_ms);
}
