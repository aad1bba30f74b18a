/* tests/support/random_policies.h - random rules over so few labels that names often meet, and the
 * comparison of a policy with the reference on all of their names. */
#pragma once
#include "dice.h"
#include "policy/policy.h"
#include "reference.h"

/* Expiry dates are around this second. */
enum { RANDOM_NOW_S = 1000 };

static const uint16_t random_ports[] = { 443, 8443, 22 }; /* the last one has no listener */

/* One to four labels; the leftmost may be of those that no rule can name. */
static inline void random_name(struct dice *dice, bool is_rule, char ret_name[REFERENCE_NAME_BYTES])
{
    static const char *const tops[] = { "x", "y" };
    static const char *const labels[] = { "a", "b", "_d", "a-b", "zz", "e e", "*", "-f" };
    char name[REFERENCE_NAME_BYTES], longer[REFERENCE_NAME_BYTES];
    uint32_t depth = dice_below(dice, 4), choices = is_rule ? 4 : COUNT(labels);
    (void)snprintf(name, sizeof(name), "%s", tops[dice_below(dice, COUNT(tops))]);
    for (uint32_t i = 0; i < depth; i++) {
        (void)snprintf(longer, sizeof(longer), "%s.%.40s", labels[dice_below(dice, choices)], name);
        memcpy(name, longer, sizeof(name));
    }
    memcpy(ret_name, name, sizeof(name));
}

static inline struct reference_rule random_rule(struct dice *dice, int64_t id)
{
    struct reference_rule rule = { .is_in_force = true, .id = id };
    random_name(dice, true, rule.name);
    rule.action = dice_below(dice, 3) > 0 ? RULE_ALLOW : RULE_DENY;
    rule.pattern = (enum pattern_kind)dice_below(dice, 3);
    rule.port = random_ports[dice_below(dice, COUNT(random_ports))];
    rule.expires_at =
        dice_below(dice, 5) > 0 ? RULE_NEVER_EXPIRES : (int64_t)RANDOM_NOW_S + dice_below(dice, 3);
    return rule;
}

/* The policy built whole from the reference's rules, whose ids rise. */
static inline struct policy *reference_build(const struct reference *reference)
{
    struct compiled_rule rules[REFERENCE_RULES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < reference->count; i++)
        if (reference->rules[i].is_in_force)
            rules[count++] = reference_compile(&reference->rules[i]);
    return policy_with(rules, count);
}

static inline void check_decision(const struct policy *policy, const struct reference *reference,
                                  const char *host, uint16_t port, int64_t now_s)
{
    const struct reference_rule *rule = reference_decide(reference, host, port, now_s);
    struct verdict verdict = decide_on(policy, host, port, now_s);
    int64_t expected_id = rule != NULL ? rule->id : 0;
    bool is_allowed = rule != NULL && rule->action == RULE_ALLOW;
    if (verdict.rule_id != expected_id || (verdict.decision == DECISION_ALLOW) != is_allowed)
        fail_msg("%s:%u at %lld: decided by rule %lld, not %lld", host, port, (long long)now_s,
                 (long long)verdict.rule_id, (long long)expected_id);
}

/* At second 0: whether a name is a parent is kept for rules in force, expiry aside. */
static inline void check_lookup(const struct policy *policy, const struct reference *reference,
                                const char *host)
{
    const struct reference_rule *rule = reference_allows(reference, host, 0);
    struct verdict verdict = look_up(policy, host, 0);
    bool is_parent = rule == NULL && reference_is_parent(reference, host);
    if ((verdict.decision == DECISION_ALLOW) != (rule != NULL) ||
        (rule != NULL && verdict.rule_id != rule->id) ||
        (verdict.reason == REASON_PARENT) != is_parent)
        fail_msg("%s: looked up as %s by rule %lld; expected %s", host, reason_word(verdict.reason),
                 (long long)verdict.rule_id,
                 rule != NULL ? "allowed" : (is_parent ? "parent" : "denied"));
}

/* Asks about `count` random names. */
static inline void check_policy(const struct policy *policy, const struct reference *reference,
                                struct dice *dice, int count)
{
    uint64_t rule_count = 0;
    for (size_t i = 0; i < reference->count; i++)
        rule_count += reference->rules[i].is_in_force;
    assert_int_equal(policy_rule_count(policy), rule_count);
    for (int i = 0; i < count; i++) {
        char host[REFERENCE_NAME_BYTES];
        random_name(dice, dice_below(dice, 4) > 0, host);
        int64_t now_s = RANDOM_NOW_S - 1 + (int64_t)dice_below(dice, 4);
        check_decision(policy, reference, host, random_ports[dice_below(dice, 3)], now_s);
        check_lookup(policy, reference, host);
    }
}
