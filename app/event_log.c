/* app/event_log.c - what happened on one thread, as log lines. */
#include "app/event_log.h"
#include "app/certificate_log.h"
#include "base/clock.h"
#include "base/text.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "resolver/resolver.h"
#include "sni-gate/gate_event.h"

void event_log_init(struct event_log *log, struct log_thread *thread, uint32_t ring)
{
    *log = (struct event_log){ .thread = thread, .ring = log_thread_ring(thread, ring) };
}

struct log_record *event_log_start(struct event_log *log, const char *event)
{
    struct log_record *record = log_ring_claim(log->ring);
    if (record != NULL)
        log_record_start(record, event);
    return record;
}

void event_log_send(struct event_log *log)
{
    log_ring_publish(log->ring);
    log_thread_wake(log->thread);
}

static void add_endpoint(struct log_record *record, const char *key,
                         const struct endpoint *endpoint)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(endpoint, &text);
    log_record_bytes(record, key, text.at, text.size);
}

/* The client's home group, by the policy's networks. */
static void add_group(struct log_record *record, const struct policy *policy,
                      const struct endpoint *client)
{
    const struct client_groups *groups = policy_client_groups(policy);
    struct client found = client_of(groups, &client->address);
    log_record_text(record, "group", client_groups_name(groups, client_home_group(&found)));
}

static void add_name_as(struct log_record *record, const char *key, const struct host_name *name)
{
    char buffer[4 * HOST_NAME_WIRE_MAX];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(name, &text);
    log_record_bytes(record, key, text.at, text.size);
}

static void add_name(struct log_record *record, const struct host_name *name)
{
    add_name_as(record, "name", name);
}

/* Nothing where the name came to its own address, or where there are no ranges. */
static void add_arrival(struct log_record *record, const struct arrival_address *arrived_at)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    if (arrived_at->address.family == 0 || arrived_at->fit == GATE_ADDRESS_OF_NAME)
        return;
    ip_address_add_to(&arrived_at->address, &text);
    log_record_bytes(record, "arrived_at", text.at, text.size);
    if (arrived_at->fit == GATE_ADDRESS_OUTSIDE)
        log_record_text(record, "address_check", "skipped");
}

/* The type's word, or TYPE and its number (RFC 3597 5). */
static void add_type(struct log_record *record, uint16_t type)
{
    static const struct {
        uint16_t number;
        const char *word;
    } words[] = { { 1, "A" },    { 2, "NS" },    { 5, "CNAME" },  { 6, "SOA" },
                  { 12, "PTR" }, { 15, "MX" },   { 16, "TXT" },   { 28, "AAAA" },
                  { 33, "SRV" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 255, "ANY" } };
    char buffer[16];
    struct text text = text_in(buffer, sizeof(buffer));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && text.size == 0; i++)
        if (words[i].number == type)
            text_add(&text, words[i].word);
    if (text.size == 0)
        text_add_format(&text, "TYPE%u", type);
    log_record_bytes(record, "type", text.at, text.size);
}

static void add_verdict(struct log_record *record, const struct verdict *verdict)
{
    log_record_text(record, "decision", verdict->decision == DECISION_ALLOW ? "allow" : "deny");
    log_record_text(record, "reason", reason_word(verdict->reason));
    if (verdict->reason == REASON_OBSERVED)
        log_record_text(record, "would_be", reason_word(verdict->would_be));
    if (verdict->rule_id != 0)
        log_record_number(record, "rule", verdict->rule_id);
}

static void add_sentence(struct log_record *record, const struct verdict *verdict,
                         const struct host_name *name, uint16_t port)
{
    char buffer[LOG_VALUE_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    verdict_add_sentence(verdict, name, port, &text);
    log_record_bytes(record, "sentence", text.at, text.size);
}

void event_log_query_denied(void *context, const struct resolver_event *event)
{
    struct event_log *log = context;
    struct rate_limit *limit = &log->queries[event->verdict.reason];
    if (!rate_limit_pass(limit, clock_monotonic_ms(), EVENT_LOG_DENIALS_PER_SECOND))
        return;
    bool is_observed = event->verdict.decision == DECISION_ALLOW;
    struct log_record *record =
        event_log_start(log, is_observed ? "query_observed" : "query_denied");
    if (record == NULL)
        return;
    add_endpoint(record, "client", &event->client);
    add_group(record, event->policy, &event->client);
    add_name(record, event->name);
    add_type(record, event->type);
    add_verdict(record, &event->verdict);
    add_sentence(record, &event->verdict, event->name, 0);
    event_log_send(log);
}

void event_log_connection_ended(void *context, const struct gate_event *event)
{
    struct event_log *log = context;
    struct rate_limit *limit = &log->connections[event->verdict.reason];
    uint32_t per_second = event->verdict.decision == DECISION_ALLOW
                              ? EVENT_LOG_CONNECTIONS_PER_SECOND
                              : EVENT_LOG_DENIALS_PER_SECOND;
    if (!rate_limit_pass(limit, clock_monotonic_ms(), per_second))
        return;
    struct log_record *record = event_log_start(log, "connection");
    if (record == NULL)
        return;
    add_endpoint(record, "client", &event->client);
    if (event->proxy.address.family != 0)
        add_endpoint(record, "proxy", &event->proxy);
    add_group(record, event->policy, &event->client);
    if (event->name != NULL)
        add_name(record, event->name);
    if (event->has_ech)
        log_record_text(record, "ech", "yes");
    log_record_number(record, "port", event->port);
    add_arrival(record, &event->arrived_at);
    add_verdict(record, &event->verdict);
    if (event->server.address.family != 0)
        add_endpoint(record, "upstream", &event->server);
    if (event->verdict.reason == REASON_UPSTREAM_ADDRESS_REFUSED)
        log_record_text(record, "address", address_fitness_word(event->server_fitness));
    if (event->has_stale_addresses)
        log_record_text(record, "addresses", "stale");
    if (event->server.address.family != 0)
        certificate_log_add_connection(record, event);
    log_record_number(record, "bytes_up", (int64_t)event->bytes_up);
    log_record_number(record, "bytes_down", (int64_t)event->bytes_down);
    log_record_number(record, "duration_ms", event->duration_ms);
    log_record_text(record, "ended", gate_end_word(event->end));
    if (event->verdict.reason != REASON_ALLOWED)
        add_sentence(record, &event->verdict, event->name, event->port);
    event_log_send(log);
}

void event_log_zone_server_changed(struct event_log *log, const struct forwarder_event *event)
{
    if (!rate_limit_pass(&log->zones, clock_monotonic_ms(), EVENT_LOG_ZONES_PER_SECOND))
        return;
    struct log_record *record =
        event_log_start(log, event->is_up ? "zone_server_up" : "zone_server_down");
    if (record == NULL)
        return;
    add_name_as(record, "zone", &event->zone->name);
    add_endpoint(record, "server", event->server);
    if (!event->is_up)
        log_record_text(record, "zone_is_down", event->is_zone_down ? "yes" : "no");
    event_log_send(log);
}

void event_log_rule_not_in_force(struct event_log *log, int64_t rule_id,
                                 const struct rule_outcome *outcome)
{
    if (!rate_limit_pass(&log->rules, clock_monotonic_ms(), EVENT_LOG_DENIALS_PER_SECOND))
        return;
    struct log_record *record = event_log_start(log, "rule_not_in_force");
    if (record == NULL)
        return;
    log_record_number(record, "rule", rule_id);
    log_record_text(record, "state", rule_state_word(outcome->state));
    log_record_text(record, "sentence", outcome->reason);
    event_log_send(log);
}

static void tell_loss(struct event_log *log, enum denial_loss loss, enum reason reason,
                      uint64_t count)
{
    struct log_record *record = event_log_start(log, "denials_not_recorded");
    if (record == NULL)
        return;
    log_record_text(record, "why", denial_loss_word(loss));
    log_record_text(record, "reason", reason_word(reason));
    log_record_number(record, "count", (int64_t)count);
    event_log_send(log);
}

void event_log_tell_not_recorded(struct event_log *log, const struct denial_table *table,
                                 struct denial_tally *tally)
{
    for (int loss = 0; loss < DENIAL_LOSS_COUNT; loss++) {
        for (int reason = 0; reason < REASON_COUNT; reason++) {
            uint64_t *told = &tally->told[loss][reason];
            uint64_t count =
                denial_table_left_out(table, (enum denial_loss)loss, (enum reason)reason);
            if (count > *told)
                tell_loss(log, (enum denial_loss)loss, (enum reason)reason, count - *told);
            *told = count;
        }
    }
}

/* `reason` NULL: events of this kind have none. */
static void tell(struct event_log *log, struct rate_limit *limit, const char *event,
                 const char *reason, int64_t now_ms)
{
    uint64_t count = rate_limit_take_left_out(limit, now_ms);
    struct log_record *record = count > 0 ? event_log_start(log, "left_out") : NULL;
    if (record == NULL)
        return;
    log_record_text(record, "of", event);
    if (reason != NULL)
        log_record_text(record, "reason", reason);
    log_record_number(record, "count", (int64_t)count);
    event_log_send(log);
}

void event_log_tell_left_out(struct event_log *log, int64_t now_ms)
{
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        tell(log, &log->queries[reason],
             reason == REASON_OBSERVED ? "query_observed" : "query_denied",
             reason_word((enum reason)reason), now_ms);
        tell(log, &log->connections[reason], "connection", reason_word((enum reason)reason),
             now_ms);
    }
    tell(log, &log->rules, "rule_not_in_force", NULL, now_ms);
    tell(log, &log->certificates, "certificate", NULL, now_ms);
    tell(log, &log->zones, "zone_server_changed", NULL, now_ms);
}
