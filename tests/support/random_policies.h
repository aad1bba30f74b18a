/* tests/support/random_policies.h - random rules over so few labels that names often meet, and the
 * comparison of a policy with the reference on all of their names. */
#pragma once
#include "dice.h"
#include "policy/name_hash.h"
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

/* The network of that many bits around it. */
static inline struct ip_network shortened(struct ip_network network, unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++)
        network.address.bytes[bit / 8] &= (uint8_t) ~(128u >> bit % 8);
    network.prefix_bits = (uint8_t)bits;
    return network;
}

/* Of both families, out of so few bytes that they often meet. */
static inline struct ip_network random_network(struct dice *dice)
{
    static const uint8_t bytes[] = { 0, 1, 10, 0xfd };
    struct ip_network network = { .address.family = dice_below(dice, 2) > 0 ? 4 : 6 };
    unsigned size = network.address.family == 4 ? 4 : 16;
    for (unsigned i = 0; i < size; i++)
        network.address.bytes[i] = bytes[dice_below(dice, COUNT(bytes))];
    return shortened(network, dice_below(dice, 8 * size + 1));
}

/* Gives the groups other networks; of group 4 there is none. */
static inline void random_networks(struct dice *dice, struct reference *reference)
{
    reference->network_count = 1 + dice_below(dice, REFERENCE_NETWORKS_MAX);
    for (size_t i = 0; i < reference->network_count; i++) {
        struct ip_network network = random_network(dice);
        if (i > 0 && dice_below(dice, 2) > 0) { /* around one that is there */
            network = reference->networks[dice_below(dice, (uint32_t)i)].network;
            network = shortened(network, dice_below(dice, network.prefix_bits + 1u));
        }
        reference->networks[i] = (struct reference_network){ 1 + dice_below(dice, 3), network };
    }
}

/* In some network, or a bit beside it. */
static inline struct ip_address random_client(struct dice *dice, const struct reference *reference)
{
    struct ip_network network = random_network(dice);
    if (reference->network_count > 0 && dice_below(dice, 8) > 0)
        network = reference->networks[dice_below(dice, (uint32_t)reference->network_count)].network;
    unsigned bit = dice_below(dice, network.address.family == 4 ? 32 : 128);
    if (dice_below(dice, 2) > 0)
        network.address.bytes[bit / 8] ^= (uint8_t)(128u >> bit % 8);
    return network.address;
}

static inline struct client_groups *reference_groups(const struct reference *reference)
{
    struct client_groups_builder *builder = client_groups_builder_new();
    char names[REFERENCE_GROUPS][8] = { CLIENT_GROUP_ANY };
    for (uint32_t id = 0; id < REFERENCE_GROUPS; id++) {
        if (id > 0)
            (void)snprintf(names[id], sizeof(names[id]), "g%u", id);
        assert_true(client_groups_builder_add_group(
            builder, &(struct client_group_row){ .id = id, .name = names[id] }));
    }
    for (size_t i = 0; i < reference->network_count; i++)
        assert_true(client_groups_builder_add_network(builder, names[reference->networks[i].group],
                                                      &reference->networks[i].network));
    struct client_groups *groups = client_groups_builder_finish(builder);
    assert_non_null(groups);
    return groups;
}

/* For everybody where the reference has no network. */
static inline struct reference_rule random_rule(struct dice *dice,
                                                const struct reference *reference, int64_t id)
{
    struct reference_rule rule = { .is_in_force = true, .id = id };
    if (reference->network_count > 0)
        rule.group = dice_below(dice, REFERENCE_GROUPS);
    random_name(dice, true, rule.name);
    rule.action = dice_below(dice, 3) > 0 ? RULE_ALLOW : RULE_DENY;
    rule.pattern = (enum pattern_kind)dice_below(dice, 3);
    rule.check =
        dice_below(dice, 2) > 0 ? CHAIN : (enum reference_check)dice_below(dice, REFERENCE_CHECKS);
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
    struct policy *policy = policy_with(rules, count);
    for (size_t i = 0; i < count; i++)
        compiled_rule_release(&rules[i]);
    struct client_groups *groups = reference_groups(reference);
    policy_set_groups(policy, groups);
    client_groups_unref(groups);
    return policy;
}

static inline void check_decision(const struct policy *policy, const struct reference *reference,
                                  const char *host, uint16_t port, int64_t now_s)
{
    const struct reference_rule *rule = reference_decide(reference, host, port, now_s);
    struct host_name name = name_of(host);
    struct policy_question question = { .client = reference->client, .name = &name };
    struct verdict verdict = policy_decide(policy, &question, port, now_s);
    int64_t expected_id = rule != NULL ? rule->id : 0;
    bool is_allowed = rule != NULL && rule->action == RULE_ALLOW;
    if (verdict.rule_id != expected_id || (verdict.decision == DECISION_ALLOW) != is_allowed)
        fail_msg("%s:%u at %lld: decided by rule %lld, not %lld", host, port, (long long)now_s,
                 (long long)verdict.rule_id, (long long)expected_id);
    struct requirement *demanded = policy_requirement(policy, &name, &verdict);
    struct requirement *expected = is_allowed ? reference_requirement(rule->check) : NULL;
    assert_true(requirement_equal(demanded, expected));
    requirement_unref(expected);
}

/* At second 0: whether a name is a parent is kept for rules in force, expiry aside. */
static inline void check_lookup(const struct policy *policy, const struct reference *reference,
                                const char *host)
{
    const struct reference_rule *rule = reference_allows(reference, host, 0);
    struct host_name name = name_of(host);
    struct policy_question question = { .client = reference->client, .name = &name };
    struct verdict verdict = policy_decide_lookup(policy, &question, 0);
    struct name_hashes hashes;
    policy_look_ahead(policy, &name, &hashes);
    policy_look_closer(policy, &name, &hashes);
    question.hashes = &hashes;
    struct verdict foreseen = policy_decide_lookup(policy, &question, 0);
    assert_int_equal(foreseen.decision, verdict.decision);
    assert_int_equal(foreseen.reason, verdict.reason);
    assert_int_equal(foreseen.rule_id, verdict.rule_id);
    bool is_parent = rule == NULL && reference_is_parent(reference, host);
    bool may_be_parent = verdict.reason == REASON_PARENT && reference->network_count > 0 &&
                         reference_may_be_parent(reference, host);
    if ((verdict.decision == DECISION_ALLOW) != (rule != NULL) ||
        (rule != NULL && verdict.rule_id != rule->id) ||
        (verdict.reason == REASON_PARENT) != (is_parent || may_be_parent))
        fail_msg("%s: looked up as %s by rule %lld; expected %s", host, reason_word(verdict.reason),
                 (long long)verdict.rule_id,
                 rule != NULL ? "allowed" : (is_parent ? "parent" : "denied"));
}

/* Asks about `count` random names, for as many clients. */
static inline void check_policy(const struct policy *policy, struct reference *reference,
                                struct dice *dice, int count)
{
    uint64_t rule_count = 0;
    for (size_t i = 0; i < reference->count; i++)
        rule_count += reference->rules[i].is_in_force;
    assert_int_equal(policy_rule_count(policy), rule_count);
    for (int i = 0; i < count; i++) {
        char host[REFERENCE_NAME_BYTES];
        random_name(dice, dice_below(dice, 4) > 0, host);
        reference->client = random_client(dice, reference);
        int64_t now_s = RANDOM_NOW_S - 1 + (int64_t)dice_below(dice, 4);
        check_decision(policy, reference, host, random_ports[dice_below(dice, 3)], now_s);
        check_lookup(policy, reference, host);
    }
}
