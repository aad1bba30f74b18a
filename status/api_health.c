/* status/api_health.c - health and traffic as JSON. */
#include "status/api.h"
#include "status/json_writer.h"

static void add_rules(const struct status_health *health, struct json_writer *json)
{
    json_open_object(json, "rules");
    json_add_count(json, "total", health->rule_count);
    if (health->has_states) {
        json_open_object(json, "by_state");
        for (int state = STATUS_STATE_ANY + 1; state < STATUS_STATES; state++)
            json_add_count(json, status_state_word((enum status_state)state),
                           health->by_state[state]);
        json_add_count(json, "unjudged", health->by_state[STATUS_STATE_ANY]);
        json_close_object(json);
    } else {
        json_add_null(json, "by_state");
    }
    json_close_object(json);
}

static void add_listeners(const struct status_health *health, struct json_writer *json)
{
    json_open_array(json, "listeners");
    for (uint32_t i = 0; i < health->listener_count; i++) {
        json_open_object(json, NULL);
        json_add_text(json, "kind", health->listener[i].kind);
        json_add_text(json, "address", health->listener[i].address);
        json_add_text_or_null(json, "note", health->listener[i].note);
        json_close_object(json);
    }
    json_close_array(json);
}

static void add_servers(const struct status_health *health, struct json_writer *json)
{
    json_open_array(json, "dns_servers");
    for (uint32_t i = 0; i < health->server_count; i++) {
        const struct status_server *server = &health->server[i];
        json_open_object(json, NULL);
        json_add_text_or_null(json, "zone", server->zone);
        json_add_text(json, "address", server->address);
        json_add_bool(json, "healthy", server->is_healthy);
        json_add_text_or_null(json, "fault", server->fault);
        json_add_count(json, "queries", server->queries);
        json_add_count(json, "failures", server->failures);
        json_add_time(json, "last_answer", server->last_answer_s);
        json_add_time(json, "last_failure", server->last_failure_s);
        json_add_count(json, "latency_us", server->latency_us);
        json_close_object(json);
    }
    json_close_array(json);
}

static void add_database(const struct status_health *health, struct json_writer *json)
{
    json_open_object(json, "database");
    json_add_text(json, "path", health->database_path);
    json_add_count(json, "bytes", health->database_bytes);
    json_add_bool(json, "writable", health->is_database_writable);
    json_add_text_or_null(json, "fault", health->database_fault);
    json_add_time(json, "fault_since", health->database_fault_s);
    json_close_object(json);
}

static void add_policy(const struct status_health *health, struct json_writer *json)
{
    json_open_object(json, "policy");
    json_add_count(json, "version", health->policy_version);
    json_add_time(json, "loaded", health->policy_loaded_s);
    json_add_text_or_null(json, "load_fault", health->load_fault);
    json_add_time(json, "load_fault_since", health->load_fault_s);
    json_close_object(json);
}

static void add_process(const struct status_health *health, struct json_writer *json)
{
    json_open_object(json, "process");
    json_add_count(json, "workers", health->worker_count);
    json_add_count(json, "descriptors", health->descriptors);
    json_add_count(json, "descriptor_limit", health->descriptor_limit);
    json_add_count(json, "memory_bytes", health->memory_bytes);
    json_add_count(json, "log_lines_dropped", health->log_lines_dropped);
    json_close_object(json);
}

void api_health(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_add_bool(&json, "ready", health->is_ready);
    json_add_text_or_null(&json, "not_ready", health->not_ready);
    json_add_text(&json, "version", health->version);
    json_add_time(&json, "now", view->now_s);
    json_add_time(&json, "started", health->started_s);
    add_policy(health, &json);
    add_rules(health, &json);
    add_listeners(health, &json);
    add_servers(health, &json);
    add_database(health, &json);
    add_process(health, &json);
    json_close_object(&json);
    output_add(output, "\n");
}

static void add_slot(const struct status_slot *slot, const char *key, struct json_writer *json)
{
    json_open_object(json, key);
    json_add_count(json, "queries", slot->queries);
    json_add_count(json, "queries_denied", slot->queries_denied);
    json_add_count(json, "connections", slot->connections);
    json_add_count(json, "connections_refused", slot->connections_refused);
    json_add_count(json, "bytes_up", slot->bytes_up);
    json_add_count(json, "bytes_down", slot->bytes_down);
    json_close_object(json);
}

void api_traffic(const struct view *view, struct output *output)
{
    const struct status_traffic *traffic = &view->data->traffic;
    struct json_writer json = { .output = output };
    json_open_object(&json, NULL);
    json_add_time(&json, "end", traffic->end_s);
    json_add_count(&json, "slot_seconds", traffic->slot_s);
    json_add_count(&json, "open_connections", traffic->open_connections);
    add_slot(&traffic->total, "total", &json);
    json_open_array(&json, "slots");
    for (uint32_t i = 0; i < traffic->slot_count; i++)
        add_slot(&traffic->slot[i], NULL, &json);
    json_close_array(&json);
    json_close_object(&json);
    output_add(output, "\n");
}
