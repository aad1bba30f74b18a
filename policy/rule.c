/* policy/rule.c - what becomes of one row of the `rule` table. */
#include "policy/rule.h"
#include "base/text.h"
#include "policy/client_group.h"
#include "policy/provider.h"
#include "policy/rule_requirement.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *rule_state_word(enum rule_state state)
{
    static const char *const words[] = {
        [RULE_STATE_INVALID] = "invalid",   [RULE_STATE_REFUSED] = "refused",
        [RULE_STATE_DISABLED] = "disabled", [RULE_STATE_EXPIRED] = "expired",
        [RULE_STATE_SHADOWED] = "shadowed", [RULE_STATE_WIDENED] = "widened",
        [RULE_STATE_ACTIVE] = "active",
    };
    return words[state];
}

static_assert(offsetof(struct host_name, wire) + HOST_NAME_WIRE_MAX == sizeof(struct host_name) &&
                  offsetof(struct compiled_rule, connect_to) -
                          offsetof(struct compiled_rule, name) - sizeof(struct host_name) <
                      alignof(struct connect_to) &&
                  sizeof(struct compiled_rule) - offsetof(struct compiled_rule, connect_to) -
                          sizeof(struct connect_to) <
                      alignof(struct compiled_rule),
              "nothing stands behind the name's bytes but where the rule connects to");

void compiled_rule_copy(struct compiled_rule *copy, const struct compiled_rule *rule)
{
    memcpy(copy, rule, offsetof(struct compiled_rule, name.wire) + rule->name.size);
    copy->connect_to.kind = rule->connect_to.kind;
    if (rule->connect_to.kind != CONNECT_TO_NAME)
        copy->connect_to = rule->connect_to;
    (void)requirement_ref(copy->requirement);
}

void compiled_rule_release(struct compiled_rule *rule)
{
    rule->requirement = requirement_unref(rule->requirement);
}

static bool end_as(struct rule_outcome *outcome, enum rule_state state, const char *reason)
{
    outcome->state = state;
    (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason); /* cutting is fine */
    return state == RULE_STATE_ACTIVE;
}

static bool is_allow(const struct rule_row *row)
{
    /* What is not plainly an allow denies: a doubt never widens access. */
    return strcmp(row->action, "allow") == 0;
}

/* A deny covers all that it could have meant: the host, and every host below it. */
static bool deny_subtree(const struct rule_row *row, struct compiled_rule *rule,
                         struct rule_outcome *outcome)
{
    struct url place;
    char why[RULE_REASON_BYTES];
    if (is_allow(row) || !url_salvage(row->target, row->target_size, &place))
        return false;
    (void)snprintf(why, sizeof(why), "%s", outcome->reason);
    rule->name = place.host;
    rule->port = place.port;
    rule->pattern = PATTERN_SUBTREE;
    struct text reason = text_in(outcome->reason, sizeof(outcome->reason));
    text_add(&reason, "Denies more than was typed: ");
    host_name_add_to(&place.host, &reason);
    text_add(&reason, " and every host below it. ");
    text_add(&reason, why);
    outcome->state = RULE_STATE_WIDENED;
    return true;
}

/* The nearest rule that works, where there is one, as the statement to type. */
static void add_nearest(const struct rule_row *row, const struct url *url,
                        const struct provider_answer *answer, struct text *reason)
{
    if (answer->host_allows[0] == '\0' || !is_allow(row))
        return;
    text_add_format(reason,
                    " To allow the whole host, that is %s, type: UPDATE rule SET target = '",
                    answer->host_allows);
    host_name_add_to(&url->host, reason);
    if (url->port != RULE_DEFAULT_PORT)
        text_add_format(reason, ":%u", url->port);
    text_add_format(reason, "' WHERE id = %lld;", (long long)row->id);
}

/* Takes over what the catalogue says of a URL. False where the rule can't be in force as typed. */
static bool take_answer(const struct rule_row *row, const struct url *url,
                        const struct provider_answer *answer, struct rule_outcome *outcome)
{
    struct text reason = text_in(outcome->reason, sizeof(outcome->reason));
    switch (answer->outcome) {
    case URL_EXACT:
    case URL_HOST_ONLY:
        text_add(&reason, answer->reason);
        outcome->state = RULE_STATE_ACTIVE;
        return true;
    case URL_WIDENED:
        outcome->state = RULE_STATE_WIDENED;
        text_add_format(&reason, "%s more than was typed: ", is_allow(row) ? "Allows" : "Denies");
        if (!is_allow(row) || row->widen == 1) {
            text_add(&reason, answer->reason);
            return true;
        }
        outcome->state = RULE_STATE_REFUSED;
        reason = text_in(outcome->reason, sizeof(outcome->reason));
        text_add_format(&reason,
                        "%s To accept that, type: UPDATE rule SET widen = 1 WHERE id = "
                        "%lld;",
                        answer->reason, (long long)row->id);
        return false;
    case URL_REFUSED:
        outcome->state = RULE_STATE_REFUSED;
        break;
    case URL_INVALID:
        outcome->state = RULE_STATE_INVALID;
        break;
    }
    text_add(&reason, answer->reason);
    add_nearest(row, url, answer, &reason);
    return false;
}

static bool compile_url(const struct rule_row *row, const struct rule_context *context,
                        struct compiled_rule *rule, struct rule_outcome *outcome)
{
    struct url url;
    struct provider_answer answer;
    if (!url_parse(row->target, row->target_size, &url, outcome->reason))
        return deny_subtree(row, rule, outcome);
    provider_catalogue_judge(context->providers, &url, &answer);
    rule->name = answer.host;
    rule->port = url.port;
    rule->pattern = PATTERN_EXACT;
    return take_answer(row, &url, &answer, outcome) || deny_subtree(row, rule, outcome);
}

/* A name, with or without a wildcard. */
static bool compile_name(const struct rule_row *row, const struct rule_context *context,
                         struct compiled_rule *rule, struct rule_outcome *outcome)
{
    struct provider_answer answer;
    if (!target_parse(row->target, row->target_size, rule, outcome->reason))
        return deny_subtree(row, rule, outcome);
    outcome->state = RULE_STATE_ACTIVE;
    if (rule->pattern != PATTERN_EXACT || !is_allow(row))
        return true;
    struct url url = { .host = rule->name, .port = rule->port, .path = "" };
    provider_catalogue_judge(context->providers, &url, &answer);
    return take_answer(row, &url, &answer, outcome);
}

static bool find_group(const struct rule_row *row, const struct rule_context *context,
                       uint32_t *ret_group)
{
    if (context->groups != NULL)
        return client_groups_find(context->groups, row->clients, ret_group);
    *ret_group = CLIENT_GROUP_ANY_ID;
    return strcmp(row->clients, CLIENT_GROUP_ANY) == 0;
}

/* The group is there, but it may not be known whole: then a deny is for everybody. */
static void check_group(const struct rule_row *row, const struct client_groups *groups,
                        struct compiled_rule *rule, struct rule_outcome *outcome)
{
    struct text reason = text_behind(outcome->reason, sizeof(outcome->reason));
    const char *space = reason.size > 0 ? " " : "";
    if (client_groups_misses_network(groups, rule->group)) {
        if (!is_allow(row)) {
            rule->group = CLIENT_GROUP_ANY_ID;
            outcome->state = RULE_STATE_WIDENED;
        }
        text_add_format(&reason,
                        "%s%sA network of the group %s can't be read, so that clients are missing "
                        "from it: correct it in client_network, as in 10.1.0.0/16, where only "
                        "zeros follow the first 16 bits.",
                        space, is_allow(row) ? "" : "Denies for every client. ", row->clients);
    } else if (!client_groups_has_network(groups, rule->group)) {
        text_add_format(&reason, "%sThe group %s has no network, so the rule is for nobody yet.",
                        space, row->clients);
    }
}

/* Whom the rule is for. An allow for a group that is not there is for nobody; a deny for everybody.
 */
static bool read_clients(const struct rule_row *row, const struct rule_context *context,
                         struct compiled_rule *rule, struct rule_outcome *outcome)
{
    if (find_group(row, context, &rule->group)) {
        if (rule->group != CLIENT_GROUP_ANY_ID)
            check_group(row, context->groups, rule, outcome);
        return true;
    }
    struct text reason = text_behind(outcome->reason, sizeof(outcome->reason));
    rule->group = CLIENT_GROUP_ANY_ID;
    if (is_allow(row)) {
        reason = text_in(outcome->reason, sizeof(outcome->reason));
        outcome->state = RULE_STATE_INVALID;
    } else {
        text_add_format(&reason, "%sDenies for every client. ", reason.size > 0 ? " " : "");
        outcome->state = RULE_STATE_WIDENED;
    }
    text_add(&reason, "There is no group '");
    text_add_escaped(&reason, row->clients, strlen(row->clients));
    text_add(&reason, "'; make it with INSERT INTO client_group (name), or set clients = 'any'.");
    return !is_allow(row);
}

/* Where its connections go. An allow of which that can't be read admits nothing; a deny has none,
 * whatever it says. */
static bool read_connect_to(const struct rule_row *row, struct compiled_rule *rule,
                            struct rule_outcome *outcome)
{
    const char *problem;
    if (row->connect_to == NULL || !is_allow(row))
        return true;
    if (!connect_to_parse(row->connect_to, &rule->connect_to, &problem))
        return end_as(outcome, RULE_STATE_INVALID, problem);
    struct text reason = text_behind(outcome->reason, sizeof(outcome->reason));
    text_add_format(&reason, "%sConnects to ", reason.size > 0 ? " " : "");
    connect_to_add_to(&rule->connect_to, &reason);
    text_add(&reason, ".");
    return true;
}

/* Enabled, and not expired. */
static bool is_due(const struct rule_row *row, int64_t now_s, struct compiled_rule *rule,
                   struct rule_outcome *outcome)
{
    if (row->enabled == 0 || (is_allow(row) && row->enabled != 1))
        return end_as(outcome, RULE_STATE_DISABLED,
                      "The rule is disabled; set enabled = 1 to put it in force.");
    if (row->has_expiry)
        rule->expires_at = row->expires_at;
    if (rule->expires_at <= now_s)
        return end_as(outcome, RULE_STATE_EXPIRED, "The rule's expires_at has passed.");
    return true;
}

bool rule_compile(const struct rule_row *row, const struct rule_context *context,
                  struct compiled_rule *ret_rule, struct rule_outcome *ret_outcome)
{
    struct compiled_rule rule = { .id = row->id, .expires_at = RULE_NEVER_EXPIRES };
    struct rule_outcome unasked, *outcome = ret_outcome != NULL ? ret_outcome : &unasked;
    outcome->state = RULE_STATE_INVALID;
    outcome->hostname[0] = outcome->reason[0] = '\0';

    if (row->id == 0)
        return end_as(outcome, RULE_STATE_INVALID,
                      "The rule's id is 0, which stands for no rule; give it another.");
    if (strlen(row->target) != row->target_size)
        return end_as(outcome, RULE_STATE_INVALID,
                      "The target contains a NUL character; type it anew.");
    bool is_read = url_is_meant(row->target, row->target_size)
                       ? compile_url(row, context, &rule, outcome)
                       : compile_name(row, context, &rule, outcome);
    if (!is_read || !read_clients(row, context, &rule, outcome) ||
        !read_connect_to(row, &rule, outcome) ||
        !rule_read_requirement(row, context->now_s, &rule, outcome))
        return false;
    struct text hostname = text_in(outcome->hostname, sizeof(outcome->hostname));
    if (ret_outcome != NULL)
        compiled_rule_add_to(&rule, &hostname);

    rule.action = is_allow(row) ? RULE_ALLOW : RULE_DENY;
    if (!is_due(row, context->now_s, &rule, outcome)) {
        compiled_rule_release(&rule);
        return false;
    }
    *ret_rule = rule;
    return true;
}
