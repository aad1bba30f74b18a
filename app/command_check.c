/* app/command_check.c - pinhole check: compiles every rule, writes rule_status, prints what each
 * became. */
#include "app/commands.h"
#include "app/gate_ranges.h"
#include "app/policy_once.h"
#include "app/requirement_json.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/status_store.h"
#include "policy/provider.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_BAD_RULE = 1, BUSY_TRIES = 100, BUSY_PAUSE_MS = 20 };

struct check {
    bool as_json;
    uint64_t rule_count;
    uint64_t bad_count; /* invalid or refused: the rule can't hold as it is typed */
};

static void print_json(const struct check *check, const struct status_report *report)
{
    char buffer[16384];
    struct text text = text_in(buffer, sizeof(buffer));
    const struct rule_outcome *outcome = report->outcome;
    const char *state = rule_state_word(outcome->state);
    text_add_format(&text, "%s\n  {\"rule\":%lld,\"target\":", check->rule_count > 0 ? "," : "",
                    (long long)report->rule_id);
    text_add_json_string(&text, report->target, strlen(report->target));
    text_add_format(&text, ",\"state\":\"%s\",\"hostname\":", state);
    text_add_json_string(&text, outcome->hostname, strlen(outcome->hostname));
    text_add(&text, ",\"reason\":");
    text_add_json_string(&text, outcome->reason, strlen(outcome->reason));
    text_add(&text, ",");
    if (report->is_verified)
        requirement_add_json(report->requirement, &text);
    else
        text_add(&text, "\"verify\":null,\"pins\":[]");
    text_add(&text, "}");
    (void)fputs(text.at, stdout);
}

static void print_text(const struct status_report *report)
{
    char buffer[16384];
    struct text text = text_in(buffer, sizeof(buffer));
    const struct rule_outcome *outcome = report->outcome;
    text_add_format(&text, "%6lld  %-8s  ", (long long)report->rule_id,
                    rule_state_word(outcome->state));
    text_add_escaped(&text, report->target, strlen(report->target));
    if (report->is_verified) {
        text_add(&text, "  [");
        requirement_add_name(report->requirement, clock_realtime_s(), &text);
        text_add(&text, "]");
    }
    if (outcome->reason[0] != '\0')
        text_add_format(&text, "  (%s)", outcome->reason);
    (void)puts(text.at);
}

static void print_rule(void *context, const struct status_report *report)
{
    struct check *check = context;
    enum rule_state state = report->outcome->state;
    if (check->as_json)
        print_json(check, report);
    else
        print_text(report);
    check->rule_count++;
    check->bad_count += state == RULE_STATE_INVALID || state == RULE_STATE_REFUSED;
}

static bool walk_rules(struct database *database, const struct policy *policy, struct check *check,
                       struct fault *fault)
{
    struct status_plan plan = { .database = database,
                                .policy = policy,
                                .now_s = clock_realtime_s(),
                                .report = print_rule,
                                .context = check };
    struct status_walk *walk = status_walk_new(&plan);
    bool is_done = false;
    int tries = 0;
    fault_what(fault, "out of memory");
    while (walk != NULL && !is_done) {
        enum database_status status = status_walk_step(walk, &is_done, fault);
        if (status == DATABASE_BUSY && ++tries < BUSY_TRIES) {
            (void)poll(NULL, 0, BUSY_PAUSE_MS); /* SQLite tells nobody when a lock is let go */
        } else if (status != DATABASE_OK) {
            if (status == DATABASE_BUSY)
                fault_what(fault, "the policy file is locked, so rule_status was not written");
            break;
        }
    }
    status_walk_free(walk);
    return is_done;
}

/* What follows the list of rules. */
static bool print_end(const struct check *check, const struct options *options,
                      const struct policy *policy, struct fault *fault)
{
    if (check->as_json)
        printf("\n],\"count\":%llu,\"not_in_force\":%llu", (unsigned long long)check->rule_count,
               (unsigned long long)check->bad_count);
    else
        printf("%llu rules, %llu of them invalid or refused\n",
               (unsigned long long)check->rule_count, (unsigned long long)check->bad_count);
    bool is_done = gate_ranges_print_collisions(options, policy, fault);
    printf("%s", check->as_json ? "}\n" : "");
    return is_done;
}

/* What is left out, beside rules. */
static void print_unreadable(const struct policy_once *once)
{
    const char *group = client_groups_first_missing(once->store.groups);
    const char *provider = provider_catalogue_first_unreadable(once->store.providers);
    if (group != NULL)
        (void)fprintf(stderr, "a network of the group %s can't be read, so it is left out\n",
                      group);
    if (provider != NULL)
        (void)fprintf(stderr, "the provider %s can't be read, so it is left out\n", provider);
    for (uint32_t i = 0; i < once->values.unreadable_count; i++)
        (void)fprintf(stderr, "setting %s can't be read whole; what can't be read opens nothing\n",
                      once->values.unreadable[i]);
}

int command_check(const struct options *options, struct fault *fault)
{
    struct check check = { .as_json = options->as_json };
    struct policy_once once;
    bool is_done = false;
    if (policy_once_open(&once, options, DATABASE_READ_WRITE, fault) &&
        gate_ranges_have_key(options, once.policy, fault)) {
        printf("%s", check.as_json ? "{\"rules\":[" : "");
        is_done = walk_rules(once.database, once.policy, &check, fault);
        is_done = print_end(&check, options, once.policy, fault) && is_done;
        print_unreadable(&once);
    }
    policy_once_close(&once);
    if (!is_done)
        return -1;
    return check.bad_count > 0 ? EXIT_BAD_RULE : 0;
}
