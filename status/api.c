/* status/api.c - the page's tables, and the explanation, as JSON. */
#include "status/api.h"
#include "policy/decision_ring.h"
#include "status/json_writer.h"

/* `next`: what the argument `from` of the next page is; null: there is none. */
static void add_next(struct json_writer *json, uint64_t next)
{
    if (next > 0)
        json_add_count(json, "next", next);
    else
        json_add_null(json, "next");
}

static void add_rule(const struct status_rule *rule, struct json_writer *json)
{
    json_open_object(json, NULL);
    json_add_number(json, "id", rule->id);
    json_add_text(json, "target", rule->target);
    json_add_text(json, "action", rule->action);
    json_add_text(json, "clients", rule->clients);
    json_add_text_or_null(json, "comment", rule->comment);
    json_add_text_or_null(json, "state", status_state_word(rule->state));
    json_add_text_or_null(json, "hostname", rule->hostname);
    json_add_text_or_null(json, "reason", rule->reason);
    json_add_text_or_null(json, "verify", rule->verify);
    json_add_text_or_null(json, "strength", rule->strength);
    json_add_count(json, "pins", rule->pin_count);
    json_add_count(json, "hits", rule->hits);
    json_add_time(json, "last_used", rule->last_used_s);
    json_add_count(json, "live_connections", rule->live_connections);
    if (rule->has_certificate)
        json_add_number(json, "certificate_days", rule->certificate_days);
    else
        json_add_null(json, "certificate_days");
    json_add_time(json, "expires_at", rule->expires_s);
    json_close_object(json);
}

void api_rules(const struct view *view, struct output *output)
{
    const struct status_rules *rules = &view->data->rules;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_open_array(&json, "rules");
    for (uint32_t i = 0; i < rules->count; i++)
        add_rule(&rules->row[i], &json);
    json_close_array(&json);
    if (rules->has_total)
        json_add_count(&json, "total", rules->total);
    else
        json_add_null(&json, "total");
    json_add_count(&json, "uses_left_out", rules->uses_left_out);
    add_next(&json, rules->next);
    json_close_object(&json);
    output_add(output, "\n");
}

static void add_denied(const struct status_denied *denied, struct json_writer *json)
{
    json_open_object(json, NULL);
    json_add_text(json, "target", denied->target);
    json_add_text(json, "client_group", denied->client_group);
    json_add_count(json, "count", denied->count);
    json_add_text(json, "reason", denied->reason);
    json_add_text_or_null(json, "sentence", denied->sentence);
    json_add_time(json, "first_seen", denied->first_s);
    json_add_time(json, "last_seen", denied->last_s);
    json_add_text_or_null(json, "sql", denied->sql);
    json_close_object(json);
}

void api_denied(const struct view *view, struct output *output)
{
    const struct status_denied_names *denied = &view->data->denied;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_open_array(&json, "denied");
    for (uint32_t i = 0; i < denied->count; i++)
        add_denied(&denied->row[i], &json);
    json_close_array(&json);
    json_add_count(&json, "total", denied->total);
    add_next(&json, denied->next);
    json_close_object(&json);
    output_add(output, "\n");
}

static void add_rule_id(struct json_writer *json, int64_t rule_id)
{
    if (rule_id != 0)
        json_add_number(json, "rule", rule_id);
    else
        json_add_null(json, "rule");
}

static void add_connection(const struct status_connection *connection, struct json_writer *json)
{
    json_open_object(json, NULL);
    json_add_text(json, "client", connection->client);
    json_add_text(json, "client_group", connection->client_group);
    json_add_text(json, "name", connection->name);
    json_add_text_or_null(json, "server", connection->server);
    add_rule_id(json, connection->rule_id);
    json_add_text_or_null(json, "verified", connection->verified);
    json_add_count(json, "bytes_up", connection->bytes_up);
    json_add_count(json, "bytes_down", connection->bytes_down);
    json_add_time(json, "started", connection->started_s);
    json_close_object(json);
}

void api_connections(const struct view *view, struct output *output)
{
    const struct status_connections *connections = &view->data->connections;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_open_array(&json, "connections");
    for (uint32_t i = 0; i < connections->count; i++)
        add_connection(&connections->row[i], &json);
    json_close_array(&json);
    json_add_count(&json, "total", connections->total);
    json_add_count(&json, "found", connections->found);
    json_close_object(&json);
    output_add(output, "\n");
}

static void add_decision(const struct status_decision *decision, struct json_writer *json)
{
    json_open_object(json, NULL);
    json_add_number(json, "time_ms", decision->time_ms);
    json_add_text(json, "kind", decision->kind);
    json_add_text(json, "outcome", decision->outcome);
    json_add_text(json, "client", decision->client);
    json_add_text(json, "client_group", decision->client_group);
    json_add_text_or_null(json, "name", decision->name);
    json_add_text(json, "reason", decision->reason);
    json_add_text_or_null(json, "sentence", decision->sentence);
    add_rule_id(json, decision->rule_id);
    json_close_object(json);
}

void api_decisions(const struct view *view, struct output *output)
{
    const struct status_decisions *decisions = &view->data->decisions;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_open_array(&json, "decisions");
    for (uint32_t i = 0; i < decisions->count; i++)
        add_decision(&decisions->row[i], &json);
    json_close_array(&json);
    json_open_object(&json, "queries_noted_per_second");
    json_add_number(&json, "allowed", DECISION_ALLOWED_PER_SECOND);
    json_add_number(&json, "denied", DECISION_DENIED_PER_SECOND);
    json_close_object(&json);
    json_close_object(&json);
    output_add(output, "\n");
}

void api_explain(const struct view *view, struct output *output)
{
    const struct status_explanation *explanation = &view->data->explanation;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_add_text(&json, "target", view->query->target);
    json_add_text(&json, "outcome", explanation->outcome);
    json_open_array(&json, "lines");
    for (uint32_t i = 0; i < explanation->line_count; i++)
        json_add_text(&json, NULL, explanation->line[i]);
    json_close_array(&json);
    json_close_object(&json);
    output_add(output, "\n");
}
