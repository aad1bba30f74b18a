/* tests/support/reference.h - "Which rule decides" as the design says it, word by word: names are
 * text, rules a list, every question looks at all of them. Shares nothing with policy/ but enums.
 */
#pragma once
#include "policies.h"
#include "policy/rule.h"

#include <stdio.h>

enum {
    REFERENCE_NAME_BYTES = 64,
    REFERENCE_RULES_MAX = 256,
    REFERENCE_NETWORKS_MAX = 24,
    REFERENCE_GROUPS = 5, /* their ids: 0, which is 'any', to 4 */
};

/* What an allow demands of its server, "the stricter check" first. */
enum reference_check { CHAIN_WITH_PINS, CHAIN, PIN_ONLY, NO_CHECK, REFERENCE_CHECKS };

struct reference_rule {
    bool is_in_force;
    int64_t id;
    enum rule_action action;
    enum pattern_kind pattern;
    char name[REFERENCE_NAME_BYTES]; /* lower case */
    uint16_t port;
    int64_t expires_at;
    uint32_t group;             /* 0: everybody */
    enum reference_check check; /* of an allow */
};

/* A network of a group. */
struct reference_network {
    uint32_t group;
    struct ip_network network;
};

struct reference {
    struct reference_rule rules[REFERENCE_RULES_MAX];
    size_t count;
    const unsigned *fit; /* by group: 0: the client is no member, else how close; or NULL, and: */
    struct reference_network networks[REFERENCE_NETWORKS_MAX];
    size_t network_count;
    struct ip_address client; /* who asks */
};

static inline struct requirement *reference_requirement(enum reference_check check)
{
    static const struct required_pin pin = { .is_enforced = true, .expires_at = PIN_NEVER_EXPIRES };
    struct requirement *requirement = NULL;
    switch (check) {
    case CHAIN_WITH_PINS:
        requirement = requirement_new(VERIFY_CHAIN, &pin, 1);
        break;
    case CHAIN:
        return NULL;
    case PIN_ONLY:
        requirement = requirement_new(VERIFY_PIN_ONLY, &pin, 1);
        break;
    case NO_CHECK:
        requirement = requirement_new(VERIFY_NONE, NULL, 0);
        break;
    case REFERENCE_CHECKS:
        break;
    }
    assert_non_null(requirement);
    return requirement;
}

/* The rule as the program compiles it from what a person would have typed; to be released. */
static inline struct compiled_rule reference_compile(const struct reference_rule *rule)
{
    static const char *const prefixes[] = { "", "*.", "**." };
    char line[128];
    struct text text = text_in(line, sizeof(line));
    text_add_format(&text, "%s %s%s:%u", rule->action == RULE_ALLOW ? "allow" : "deny",
                    prefixes[rule->pattern], rule->name, rule->port);
    if (rule->expires_at != RULE_NEVER_EXPIRES)
        text_add_format(&text, " @%lld", (long long)rule->expires_at);
    struct compiled_rule compiled = rule_of(line, rule->id);
    compiled.group = rule->group;
    if (rule->action == RULE_ALLOW)
        compiled.requirement = reference_requirement(rule->check);
    return compiled;
}

static inline bool reference_bit(const struct ip_address *address, unsigned bit)
{
    return (address->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

static inline bool reference_is_inside(const struct reference_network *network,
                                       const struct ip_address *address)
{
    bool is_inside = network->network.address.family == address->family;
    for (unsigned bit = 0; is_inside && bit < network->network.prefix_bits; bit++)
        is_inside = reference_bit(&network->network.address, bit) == reference_bit(address, bit);
    return is_inside;
}

/* "A client belongs to every group that has a network containing its address, and always to 'any'."
 * 0: it does not; else the more the longer the network, 'any' last. */
static inline unsigned reference_fit(const struct reference *reference, uint32_t group)
{
    unsigned fit = group == 0;
    if (reference->fit != NULL)
        return reference->fit[group];
    for (size_t i = 0; i < reference->network_count; i++) {
        const struct reference_network *network = &reference->networks[i];
        if (group != 0 && network->group == group &&
            reference_is_inside(network, &reference->client) &&
            2u + network->network.prefix_bits > fit)
            fit = 2u + network->network.prefix_bits;
    }
    return fit;
}

/* The length of what stands before ".name" in `host`; 0 where it does not end so. */
static inline size_t reference_front(const char *host, const char *name)
{
    size_t host_size = strlen(host), name_size = strlen(name);
    if (host_size < name_size + 2 || host[host_size - name_size - 1] != '.' ||
        strcmp(host + host_size - name_size, name) != 0)
        return 0;
    return host_size - name_size - 1;
}

/* "Letters, digits, hyphens (underscores where a rule names them exactly)": a wildcard stands for
 * labels of these alone, none of which begins or ends with a hyphen. */
static inline bool reference_is_plain(const char *labels, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool is_edge = i == 0 || i + 1 == size || labels[i - 1] == '.' || labels[i + 1] == '.';
        if (labels[i] == '-' ? is_edge
                             : strchr("abcdefghijklmnopqrstuvwxyz0123456789.", labels[i]) == NULL)
            return false;
    }
    return true;
}

static inline bool reference_matches(const struct reference_rule *rule, const char *host)
{
    if (rule->pattern == PATTERN_EXACT)
        return strcmp(rule->name, host) == 0;
    size_t front = reference_front(host, rule->name);
    if (front == 0 || !reference_is_plain(host, front))
        return false;
    return rule->pattern == PATTERN_ANY_DEPTH || memchr(host, '.', front) == NULL;
}

/* Both match one host. "The most specific name wins (exact, then `*.`, then `**.`; longer before
 * shorter). Among equal names deny wins; then the group of the longest matching network; then the
 * stricter check (chain with pins, chain, pin-only, none); then the lowest id." */
static inline bool reference_goes_before(const struct reference *reference,
                                         const struct reference_rule *left,
                                         const struct reference_rule *right)
{
    unsigned left_fit = reference_fit(reference, left->group);
    unsigned right_fit = reference_fit(reference, right->group);
    if (left->pattern != right->pattern)
        return left->pattern < right->pattern;
    if (strlen(left->name) != strlen(right->name))
        return strlen(left->name) > strlen(right->name);
    if (left->action != right->action)
        return left->action == RULE_DENY;
    if (left_fit != right_fit)
        return left_fit > right_fit;
    if (left->action == RULE_ALLOW && left->check != right->check)
        return left->check < right->check;
    return left->id < right->id;
}

/* The rule that decides; NULL: none. */
static inline const struct reference_rule *reference_decide(const struct reference *reference,
                                                            const char *host, uint16_t port,
                                                            int64_t now_s)
{
    const struct reference_rule *winner = NULL;
    for (size_t i = 0; i < reference->count; i++) {
        const struct reference_rule *rule = &reference->rules[i];
        if (rule->is_in_force && rule->port == port && rule->expires_at > now_s &&
            reference_fit(reference, rule->group) > 0 && reference_matches(rule, host) &&
            (winner == NULL || reference_goes_before(reference, rule, winner)))
            winner = rule;
    }
    return winner;
}

/* The rule that allows it on a port that has a listener, else NULL. */
static inline const struct reference_rule *reference_allows(const struct reference *reference,
                                                            const char *host, int64_t now_s)
{
    for (uint32_t i = 0; i < test_ports.count; i++) {
        const struct reference_rule *rule =
            reference_decide(reference, host, test_ports.port[i], now_s);
        if (rule != NULL && rule->action == RULE_ALLOW)
            return rule;
    }
    return NULL;
}

/* Is `front` + `name` a name below `host` that is allowed? */
static inline bool reference_allows_below(const struct reference *reference, const char *host,
                                          const char *front, const char *name)
{
    char candidate[2 * REFERENCE_NAME_BYTES];
    (void)snprintf(candidate, sizeof(candidate), "%s%s", front, name); /* always fits */
    return reference_front(candidate, host) > 0 &&
           reference_allows(reference, candidate, 0) != NULL;
}

/* "A parent of a name allowed to this client." Whatever allows a name allows one of these: a rule's
 * own name, or one or two labels that no rule knows, before a rule's name or the host. */
static inline bool reference_is_parent(const struct reference *reference, const char *host)
{
    if (reference_allows_below(reference, host, "zz.", host) ||
        reference_allows_below(reference, host, "zz.zz.", host))
        return true;
    for (size_t i = 0; i < reference->count; i++) {
        const char *name = reference->rules[i].name;
        if (reference->rules[i].is_in_force &&
            (reference_allows_below(reference, host, "", name) ||
             reference_allows_below(reference, host, "zz.", name) ||
             reference_allows_below(reference, host, "zz.zz.", name)))
            return true;
    }
    return false;
}

/* True where that would be so, were one of the client's groups its only one. What a group's denials
 * take away from another group's names is not looked at where parents are counted. */
static inline bool reference_may_be_parent(const struct reference *reference, const char *host)
{
    for (uint32_t group = 0; group < REFERENCE_GROUPS; group++) {
        struct reference alone = *reference;
        for (size_t i = 0; i < alone.count; i++)
            alone.rules[i].is_in_force =
                alone.rules[i].is_in_force && alone.rules[i].group == group;
        if (reference_is_parent(&alone, host))
            return true;
    }
    return false;
}
