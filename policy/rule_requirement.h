/* policy/rule_requirement.h - what a row of `rule` and its rows of `pin` demand of the server.
 * Private to policy/. */
#pragma once
#include "policy/rule.h"

/* Sets `rule->requirement`, which the rule owns then; nothing is demanded of a deny's server. Says
 * in `outcome->reason` what a person should know of it. False: an allow that admits nothing, whose
 * outcome is set whole. */
bool rule_read_requirement(const struct rule_row *row, int64_t now_s, struct compiled_rule *rule,
                           struct rule_outcome *outcome);
