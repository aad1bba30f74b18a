/* policy/rule.c - what becomes of one row of the `rule` table. */
#include "policy/rule.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

const char *rule_state_word(enum rule_state state)
{
    static const char *const words[] = {
        [RULE_STATE_INVALID] = "invalid",   [RULE_STATE_REFUSED] = "refused",
        [RULE_STATE_DISABLED] = "disabled", [RULE_STATE_EXPIRED] = "expired",
        [RULE_STATE_SHADOWED] = "shadowed", [RULE_STATE_ACTIVE] = "active",
    };
    return words[state];
}

static bool end_as(struct rule_outcome *outcome, enum rule_state state, const char *reason)
{
    outcome->state = state;
    (void)snprintf(outcome->reason, sizeof(outcome->reason), "%s", reason); /* cutting is fine */
    return state == RULE_STATE_ACTIVE;
}

bool rule_compile(const struct rule_row *row, int64_t now_s, struct compiled_rule *ret_rule,
                  struct rule_outcome *ret_outcome)
{
    struct compiled_rule rule = { .id = row->id, .expires_at = RULE_NEVER_EXPIRES };
    struct rule_outcome *outcome = ret_outcome;
    *outcome = (struct rule_outcome){ .state = RULE_STATE_INVALID };

    if (row->id == 0)
        return end_as(outcome, RULE_STATE_INVALID,
                      "The rule's id is 0, which stands for no rule; give it another.");
    if (strlen(row->target) != row->target_size)
        return end_as(outcome, RULE_STATE_INVALID,
                      "The target contains a NUL character; type it anew.");
    if (!target_parse(row->target, row->target_size, &rule, outcome->reason))
        return false;
    struct text hostname = text_in(outcome->hostname, sizeof(outcome->hostname));
    compiled_rule_add_to(&rule, &hostname);

    /* What is not plainly an allow denies: a doubt never widens access. */
    bool is_allow = strcmp(row->action, "allow") == 0;
    rule.action = is_allow ? RULE_ALLOW : RULE_DENY;
    if (row->enabled == 0 || (is_allow && row->enabled != 1))
        return end_as(outcome, RULE_STATE_DISABLED,
                      "The rule is disabled; set enabled = 1 to put it in force.");
    if (row->has_expiry)
        rule.expires_at = row->expires_at;
    if (rule.expires_at <= now_s)
        return end_as(outcome, RULE_STATE_EXPIRED, "The rule's expires_at has passed.");
    *ret_rule = rule;
    return end_as(outcome, RULE_STATE_ACTIVE, "");
}
