/* status/problems.c - what a person has to look at. */
#include "status/problems.h"
#include "status/html.h"

static void open_item(struct problems *problems, bool is_bad)
{
    problems->bad_count += is_bad;
    problems->odd_count += !is_bad;
    html_markup(&problems->items, is_bad ? "<li class=\"bad\">" : "<li class=\"odd\">");
}

static void close_item(struct problems *problems)
{
    html_markup(&problems->items, "</li>\n");
}

/* "What: the fault, for 3 min. What follows." */
static void add_fault(struct problems *problems, const char *what, const char *fault,
                      const char *follows)
{
    open_item(problems, true);
    html_element(&problems->items, "strong", NULL, what);
    html_markup(&problems->items, ": ");
    html_text(&problems->items, fault);
    html_markup(&problems->items, ". ");
    html_text(&problems->items, follows);
    close_item(problems);
}

static void add_rules(struct problems *problems, const struct status_health *health)
{
    static const struct {
        enum status_state state;
        bool is_bad;
        const char *one, *many;
    } kinds[] = {
        { STATUS_STATE_INVALID, true, " rule can't be read and admits nothing",
          " rules can't be read and admit nothing" },
        { STATUS_STATE_REFUSED, true, " rule is refused and admits nothing",
          " rules are refused and admit nothing" },
        { STATUS_STATE_WIDENED, false, " rule covers more than its target says, as its widen asks",
          " rules cover more than their targets say, as their widen asks" },
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint64_t count = health->by_state[kinds[i].state];
        if (count == 0)
            continue;
        open_item(problems, kinds[i].is_bad);
        html_markup(&problems->items, "<strong>");
        html_count(&problems->items, count);
        html_text(&problems->items, count == 1 ? kinds[i].one : kinds[i].many);
        output_add_format(&problems->items,
                          "</strong>. <a href=\"/rules?state=%s\">Show %s, with reasons</a>",
                          status_state_word(kinds[i].state), count == 1 ? "it" : "them");
        close_item(problems);
    }
}

static void add_servers(struct problems *problems, const struct status_health *health)
{
    for (uint32_t i = 0; i < health->server_count; i++) {
        const struct status_server *server = &health->server[i];
        if (server->is_healthy)
            continue;
        open_item(problems, true);
        html_markup(&problems->items, "<strong>DNS server ");
        html_text(&problems->items, server->address);
        html_markup(&problems->items, " fails</strong>");
        if (html_is_set(server->zone)) {
            html_markup(&problems->items, " for the zone ");
            html_text(&problems->items, server->zone);
        }
        html_markup(&problems->items, html_is_set(server->fault) ? ": " : "");
        html_text(&problems->items, server->fault);
        close_item(problems);
    }
}

static void add_database(struct problems *problems, const struct status_health *health)
{
    if (html_is_set(health->database_fault))
        add_fault(problems, "The policy file has trouble", health->database_fault,
                  "Enforcement goes on by the last good policy.");
    if (health->is_database_writable || html_is_set(health->database_fault))
        return;
    open_item(problems, false);
    html_markup(&problems->items, "<strong>The policy file can't be written</strong>: what is "
                                  "observed (rule_status, denied_name) is not recorded in it");
    close_item(problems);
}

static void add_process(struct problems *problems, const struct status_health *health)
{
    if (health->descriptor_limit > 0 && health->descriptors >= health->descriptor_limit / 10 * 9) {
        open_item(problems, true);
        html_markup(&problems->items, "<strong>Descriptors are running out</strong>: ");
        html_count(&problems->items, health->descriptors);
        html_markup(&problems->items, " of ");
        html_count(&problems->items, health->descriptor_limit);
        html_markup(&problems->items, " are open. Idle connections are closed to make room");
        close_item(problems);
    }
    if (health->log_lines_dropped > 0) {
        open_item(problems, false);
        html_markup(&problems->items, "<strong>");
        html_count(&problems->items, health->log_lines_dropped);
        html_markup(&problems->items, " log lines were dropped</strong>: whoever reads the log is "
                                      "too slow. Decisions are not affected");
        close_item(problems);
    }
}

void problems_collect(const struct view *view, struct problems *ret_problems)
{
    const struct status_health *health = &view->data->health;
    *ret_problems = (struct problems){ 0 };
    if (health->missing != NULL) {
        add_fault(ret_problems, "Health is not to be had", health->missing, "");
        return;
    }
    if (!health->is_ready)
        add_fault(ret_problems, "Not ready", health->not_ready,
                  "New clients should go elsewhere; those that are here are served.");
    if (html_is_set(health->load_fault))
        add_fault(ret_problems, "The last edit could not be loaded", health->load_fault,
                  "The last good policy stays in force.");
    add_rules(ret_problems, health);
    add_servers(ret_problems, health);
    add_database(ret_problems, health);
    add_process(ret_problems, health);
}

void problems_release(struct problems *problems)
{
    output_release(&problems->items);
}
