/* status/page_health.c - policy, rules by state, listeners, DNS servers, database, process. */
#include "status/html.h"
#include "status/page.h"
#include "status/table.h"

static void open_item(const char *name, struct output *output)
{
    html_markup(output, "<div><dt>");
    html_text(output, name);
    html_markup(output, "</dt><dd>");
}

static void close_item(struct output *output)
{
    html_markup(output, "</dd></div>\n");
}

static void add_policy(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("Policy", output);
    html_markup(output, "Version ");
    html_count(output, health->policy_version);
    html_markup(output, "<small>loaded ");
    html_ago(output, health->policy_loaded_s, view->now_s);
    html_markup(output, "</small>");
    close_item(output);
}

static const char *class_of_state(enum status_state state)
{
    switch (state) {
    case STATUS_STATE_INVALID:
    case STATUS_STATE_REFUSED:
        return "bad";
    case STATUS_STATE_WIDENED:
    case STATUS_STATE_SHADOWED:
    case STATUS_STATE_EXPIRED:
        return "odd";
    case STATUS_STATE_ACTIVE:
        return "good";
    case STATUS_STATE_ANY:
    case STATUS_STATE_DISABLED:
    case STATUS_STATES:
        break;
    }
    return "dim";
}

static void add_rules(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("Rules", output);
    html_count(output, health->rule_count);
    html_markup(output, "<ul class=\"chips\">");
    for (int state = STATUS_STATES - 1; health->has_states && state > STATUS_STATE_ANY; state--) {
        const char *word = status_state_word((enum status_state)state);
        if (health->by_state[state] == 0)
            continue;
        output_add_format(output, "<li><a class=\"chip %s\" href=\"/rules?state=%s\">",
                          class_of_state((enum status_state)state), word);
        html_count(output, health->by_state[state]);
        output_add_format(output, " %s</a></li>", word);
    }
    if (health->has_states && health->by_state[STATUS_STATE_ANY] > 0) {
        html_markup(output, "<li class=\"chip dim\">");
        html_count(output, health->by_state[STATUS_STATE_ANY]);
        html_markup(output, " not judged yet</li>");
    }
    html_markup(output, health->has_states ? "</ul>" : "<li>in force</li></ul>");
    close_item(output);
}

static void add_listeners(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("Listeners", output);
    html_markup(output, "<ul>");
    for (uint32_t i = 0; i < health->listener_count; i++) {
        const struct status_listener *listener = &health->listener[i];
        html_markup(output, "<li>");
        html_element(output, "span", "kind", listener->kind);
        html_markup(output, " ");
        html_element(output, "code", NULL, listener->address);
        if (listener->note != NULL && listener->note[0] != '\0')
            html_element(output, "small", NULL, listener->note);
        html_markup(output, "</li>");
    }
    html_markup(output, "</ul>");
    close_item(output);
}

static void add_server_state(const struct status_server *server, struct output *output)
{
    if (!server->is_healthy)
        html_element(output, "span", "state bad", "fails");
    else if (server->queries == 0)
        html_element(output, "span", "state dim", "not asked yet");
    else
        html_element(output, "span", "state good", "well");
}

static void add_server(const struct status_server *server, int64_t now_s, struct output *output)
{
    html_markup(output, "<li>");
    add_server_state(server, output);
    html_markup(output, " ");
    html_element(output, "code", NULL, server->address);
    html_markup(output, "<small>");
    html_text(output, server->zone != NULL ? server->zone : "");
    if (server->latency_us > 0)
        output_add_format(output, " %.1f ms", (double)server->latency_us / 1000);
    if (!server->is_healthy) {
        html_markup(output, server->latency_us > 0 ? ", " : " ");
        html_text(output, server->fault);
        html_markup(output, ", ");
        html_ago(output, server->last_failure_s, now_s);
    }
    html_markup(output, "</small></li>");
}

static void add_servers(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("DNS servers", output);
    html_markup(output, health->server_count > 0 ? "<ul>" : "none");
    for (uint32_t i = 0; i < health->server_count; i++)
        add_server(&health->server[i], view->now_s, output);
    html_markup(output, health->server_count > 0 ? "</ul>" : "");
    close_item(output);
}

static void add_database(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("Policy file", output);
    html_element(output, "code", NULL, health->database_path);
    html_markup(output, "<small>");
    html_bytes(output, health->database_bytes);
    html_markup(output, health->is_database_writable ? ", writable" : ", read-only");
    html_markup(output, "</small>");
    close_item(output);
}

static void add_process(const struct view *view, struct output *output)
{
    const struct status_health *health = &view->data->health;
    open_item("Process", output);
    html_markup(output, "Pinhole ");
    html_text(output, health->version);
    html_markup(output, "<small>up ");
    html_duration(output, view->now_s - health->started_s);
    output_add_format(output, ", %u %s, ", health->worker_count,
                      health->worker_count == 1 ? "worker" : "workers");
    html_bytes(output, health->memory_bytes);
    html_markup(output, " memory, ");
    html_count(output, health->descriptors);
    html_markup(output, " of ");
    html_count(output, health->descriptor_limit);
    html_markup(output, " descriptors</small>");
    close_item(output);
}

void part_health(const struct view *view, struct output *output)
{
    if (table_missing(view->data->health.missing, output))
        return;
    html_markup(output, "<dl class=\"health\">\n");
    add_policy(view, output);
    add_rules(view, output);
    add_database(view, output);
    add_process(view, output);
    add_listeners(view, output);
    add_servers(view, output);
    html_markup(output, "</dl>\n");
}
