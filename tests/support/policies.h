/* tests/support/policies.h - policies for tests, written as one line of text: "allow a.example;
 * deny
 * *.example:8443 @2000" are rules 1 and 2, the second until second 2000. */
#pragma once
#include "base/text.h"
#include "names.h"
#include "policy/policy_builder.h"
#include "unit.h"

#include <stdlib.h>

/* The ports with a listener in these tests. */
static const struct policy_ports test_ports = { .port = { 443, 8443 }, .count = 2 };

/* Reads "allow TARGET [@EXPIRY]" up to the next ';' and moves `*at` behind it. */
static inline struct compiled_rule rule_take(const char **at, int64_t id)
{
    struct compiled_rule rule = { .id = id, .expires_at = RULE_NEVER_EXPIRES };
    char reason[RULE_REASON_BYTES];
    const char *word = *at + strspn(*at, " ");
    const char *target = word + strcspn(word, " ") + 1;
    const char *end = target + strcspn(target, " ;");
    rule.action = strncmp(word, "allow ", 6) == 0 ? RULE_ALLOW : RULE_DENY;
    assert_true(rule.action == RULE_ALLOW || strncmp(word, "deny ", 5) == 0);
    assert_true(target_parse(target, (size_t)(end - target), &rule, reason));
    end += strspn(end, " ");
    if (*end == '@')
        rule.expires_at = strtoll(end + 1, (char **)&end, 10);
    *at = end + strspn(end, "; ");
    return rule;
}

static inline struct compiled_rule rule_of(const char *text, int64_t id)
{
    struct compiled_rule rule = rule_take(&text, id);
    assert_int_equal(*text, '\0');
    return rule;
}

/* Adds them all and finishes; the caller owns the policy. */
static inline struct policy *policy_with(const struct compiled_rule *rules, size_t count)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_non_null(builder);
    for (size_t i = 0; i < count; i++)
        assert_true(policy_builder_add(builder, &rules[i]));
    struct policy *policy = policy_builder_finish(builder, &settings, 1);
    assert_non_null(policy);
    return policy;
}

static inline struct policy *policy_of(const char *text)
{
    struct compiled_rule rules[32];
    size_t count = 0;
    while (*text != '\0') {
        assert_true(count < COUNT(rules));
        rules[count] = rule_take(&text, (int64_t)count + 1);
        count++;
    }
    return policy_with(rules, count);
}

/* "allow 2", "deny_rule 1", "no_rule 0", "parent 1", "observed: no_rule 0" or the like. */
static inline const char *describe_verdict(const struct verdict *verdict, char *buffer, size_t size)
{
    struct text text = text_in(buffer, size);
    bool is_allow = verdict->decision == DECISION_ALLOW;
    bool is_observed = verdict->reason == REASON_OBSERVED;
    assert_int_equal(is_allow, verdict->reason == REASON_ALLOWED || is_observed);
    if (is_observed)
        text_add_format(&text, "observed: %s %lld", reason_word(verdict->would_be),
                        (long long)verdict->rule_id);
    else
        text_add_format(&text, "%s %lld", is_allow ? "allow" : reason_word(verdict->reason),
                        (long long)verdict->rule_id);
    return buffer;
}

static inline struct verdict decide_on(const struct policy *policy, const char *name, uint16_t port,
                                       int64_t now_s)
{
    struct host_name host = name_of(name);
    struct policy_question question = { .name = &host };
    return policy_decide(policy, &question, port, now_s);
}

static inline struct verdict look_up(const struct policy *policy, const char *name, int64_t now_s)
{
    struct host_name host = name_of(name);
    struct policy_question question = { .name = &host };
    return policy_decide_lookup(policy, &question, now_s);
}
