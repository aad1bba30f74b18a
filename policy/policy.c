/* policy/policy.c - the questions asked of the compiled rules. */
#include "policy/policy.h"
#include "policy/policy_layout.h"

#include <stdlib.h>
#include <string.h>

/* A node in whichever table decides for its name. */
struct place {
    const struct name_table *table;
    uint32_t node; /* TABLE_NONE: nothing is known */
};

/* One question while it is looked at. */
struct inquiry {
    const struct policy *policy;
    const struct host_name *name;
    struct client client;
    int64_t now_s;
    struct name_path base, overlay;
    unsigned first; /* of both paths, the one that goes further */
};

void policy_look_ahead(const struct policy *policy, const struct host_name *name,
                       struct name_hashes *ret_hashes)
{
    name_hashes_compute(&policy->base->key, name, ret_hashes);
    name_table_prefetch(policy->base, ret_hashes, name->label_count);
}

static bool are_mine(const struct policy *policy, const struct name_hashes *hashes)
{
    return hashes != NULL && hashes->key_id == policy->base->key.id;
}

void policy_look_closer(const struct policy *policy, const struct host_name *name,
                        const struct name_hashes *hashes)
{
    if (are_mine(policy, hashes))
        name_table_prefetch_names(policy->base, hashes, name->label_count);
}

int64_t policy_guess_rule(const struct policy *policy, const struct host_name *name,
                          const struct name_hashes *hashes)
{
    return are_mine(policy, hashes) ? name_table_guess_rule(policy->base, hashes, name->label_count)
                                    : 0;
}

/* Finds the places of all the name's suffixes. */
static void follow(const struct policy *policy, const struct host_name *name,
                   const struct name_hashes *hashes, struct inquiry *ret_inquiry)
{
    ret_inquiry->policy = policy;
    ret_inquiry->name = name;
    ret_inquiry->overlay.first = name->label_count;
    if (policy->overlay->entries.count > 0)
        name_table_follow(policy->overlay, name, hashes, &ret_inquiry->overlay);
    name_table_follow(policy->base, name, hashes, &ret_inquiry->base);
    bool is_overlay_longer = ret_inquiry->overlay.first < ret_inquiry->base.first;
    ret_inquiry->first = is_overlay_longer ? ret_inquiry->overlay.first : ret_inquiry->base.first;
}

/* Fills `*ret_inquiry` in place: its paths are a kilobyte, of which most names use little. */
static void inquire(const struct policy *policy, const struct policy_question *question,
                    int64_t now_s, struct inquiry *ret_inquiry)
{
    struct name_hashes own;
    const struct name_hashes *hashes = question->hashes;
    if (!are_mine(policy, hashes)) {
        policy_look_ahead(policy, question->name, &own);
        hashes = &own;
    }
    ret_inquiry->now_s = now_s;
    ret_inquiry->client = client_of(policy->groups, &question->client);
    follow(policy, question->name, hashes, ret_inquiry);
}

/* Where the suffix that leaves out `skips` labels is decided. */
static struct place place_of(const struct inquiry *inquiry, unsigned skips)
{
    const struct policy *policy = inquiry->policy;
    if (skips >= inquiry->overlay.first)
        return (struct place){ policy->overlay, inquiry->overlay.node[skips] };
    if (skips >= inquiry->base.first)
        return (struct place){ policy->base, inquiry->base.node[skips] };
    return (struct place){ policy->base, TABLE_NONE };
}

/* The same for a name, whoever asks. */
static struct place find_place(const struct policy *policy, const struct host_name *name,
                               unsigned skips)
{
    struct name_hashes hashes;
    struct inquiry inquiry;
    policy_look_ahead(policy, name, &hashes);
    follow(policy, name, &hashes, &inquiry);
    return place_of(&inquiry, skips);
}

static struct verdict verdict_of(const struct table_rule *rule, unsigned skips)
{
    bool is_allow = rule->action == RULE_ALLOW;
    enum pattern_kind pattern = (enum pattern_kind)rule->pattern;
    if (pattern == PATTERN_SUBTREE) /* it is shown as what decided here */
        pattern = skips == 0 ? PATTERN_EXACT : PATTERN_ANY_DEPTH;
    return (struct verdict){ .decision = is_allow ? DECISION_ALLOW : DECISION_DENY,
                             .reason = is_allow ? REASON_ALLOWED : REASON_DENY_RULE,
                             .rule_id = rule->id,
                             .pattern = pattern,
                             .pattern_skips = (uint8_t)skips };
}

static const struct table_rule *winner_of_kind(const struct inquiry *inquiry, struct place place,
                                               enum pattern_kind pattern, uint16_t port)
{
    struct rule_match match = { pattern, port, inquiry->now_s, &inquiry->client };
    return name_table_winner(place.table, place.node, &match);
}

/* The rule at `place` that decides for a name with `skips` labels in front of it. */
static const struct table_rule *winner_at(const struct inquiry *inquiry, struct place place,
                                          unsigned skips, uint16_t port)
{
    if (skips == 0)
        return winner_of_kind(inquiry, place, PATTERN_EXACT, port);
    const struct table_rule *rule = NULL;
    if (skips == 1)
        rule = winner_of_kind(inquiry, place, PATTERN_ONE_LABEL, port);
    return rule != NULL ? rule : winner_of_kind(inquiry, place, PATTERN_ANY_DEPTH, port);
}

/* May the client reach a name with `skips` labels in front of `place` on some port? */
static bool allows_on_some_port(const struct inquiry *inquiry, struct place place, unsigned skips)
{
    const struct name_table *table = place.table;
    for (uint32_t at = name_table_node(table, place.node)->first_rule; at != TABLE_NONE;
         at = name_table_rule(table, at)->next) {
        const struct table_rule *rule = name_table_rule(table, at);
        bool covers = skips == 0 ? table_rule_covers(rule, PATTERN_EXACT)
                                 : table_rule_covers(rule, PATTERN_ANY_DEPTH) ||
                                       (skips == 1 && table_rule_covers(rule, PATTERN_ONE_LABEL));
        if (covers && rule->action == RULE_ALLOW && rule->expires_at > inquiry->now_s &&
            client_fit(&inquiry->client, rule->group) > 0)
            return true;
    }
    return false;
}

/* The most specific name wins: the whole name, then its suffixes from the longest to the shortest.
 */
static struct verdict decide(const struct inquiry *inquiry, uint16_t port)
{
    const struct host_name *name = inquiry->name;
    struct verdict denial = { .decision = DECISION_DENY, .reason = REASON_NO_RULE };
    for (unsigned skips = inquiry->first; skips < name->label_count; skips++) {
        if (skips > name->plain_labels)
            break; /* a wildcard stands for letters, digits and hyphens alone */
        struct place place = place_of(inquiry, skips);
        const struct table_rule *rule = winner_at(inquiry, place, skips, port);
        if (rule != NULL)
            return verdict_of(rule, skips);
        if (allows_on_some_port(inquiry, place, skips))
            denial.reason = REASON_OTHER_PORT;
    }
    return denial;
}

/* May a name below this one be reached on `port` by a wildcard of this name's or of one above it? A
 * denial of the name alone, or of "*." above it, leaves what "**." allows below. */
static bool wildcard_allows_below(const struct inquiry *inquiry, uint16_t port)
{
    const struct host_name *name = inquiry->name;
    for (unsigned skips = inquiry->first; skips < name->label_count && skips <= name->plain_labels;
         skips++) {
        struct place place = place_of(inquiry, skips);
        const struct table_rule *rule = winner_of_kind(inquiry, place, PATTERN_ANY_DEPTH, port);
        if (rule != NULL)
            return rule->action == RULE_ALLOW;
    }
    return false;
}

/* RFC 8020: a name above an allowed one exists. */
static bool is_parent(const struct inquiry *inquiry)
{
    const struct policy_ports *ports = &inquiry->policy->ports;
    struct place place = place_of(inquiry, 0);
    if (place.node != TABLE_NONE &&
        name_table_has_below(place.table, place.node, &inquiry->client, ports))
        return true;
    for (uint32_t i = 0; i < ports->count; i++)
        if (wildcard_allows_below(inquiry, ports->port[i]))
            return true;
    return false;
}

/* Lifts a denial where the client's home group only observes. A rule that denies stays named. A
 * name with bytes that no host has is no rule's to allow, and is never looked up. */
static struct verdict lift_if_observed(const struct inquiry *inquiry, struct verdict denial)
{
    if (!client_is_observed(&inquiry->client) || !host_name_is_printable(inquiry->name))
        return denial;
    struct verdict lifted = denial;
    lifted.decision = DECISION_ALLOW;
    lifted.reason = REASON_OBSERVED;
    lifted.would_be = denial.reason;
    return lifted;
}

/* `denial` is of a parent. No other denial looks into the catalogue. */
static void call_parent(const struct inquiry *inquiry, struct verdict *denial)
{
    denial->reason = REASON_PARENT;
    denial->is_bucket_endpoint =
        denial->rule_id == 0 &&
        provider_catalogue_is_bucket_endpoint(inquiry->policy->providers, inquiry->name);
}

struct verdict policy_decide(const struct policy *policy, const struct policy_question *question,
                             uint16_t port, int64_t now_s)
{
    struct inquiry inquiry;
    inquire(policy, question, now_s, &inquiry);
    struct verdict verdict = decide(&inquiry, port);
    if (verdict.decision == DECISION_ALLOW)
        return verdict;
    if (verdict.reason == REASON_NO_RULE && question->name->label_count > 0 && is_parent(&inquiry))
        call_parent(&inquiry, &verdict); /* the same words as the resolver's */
    return lift_if_observed(&inquiry, verdict);
}

struct verdict policy_decide_lookup(const struct policy *policy,
                                    const struct policy_question *question, int64_t now_s)
{
    struct inquiry inquiry;
    struct verdict denial = { .decision = DECISION_DENY, .reason = REASON_NO_RULE };
    if (question->name->label_count == 0) { /* the root is a parent of every name */
        denial.reason = REASON_PARENT;
        return denial;
    }
    inquire(policy, question, now_s, &inquiry);
    for (uint32_t i = 0; i < policy->ports.count; i++) {
        struct verdict verdict = decide(&inquiry, policy->ports.port[i]);
        if (verdict.decision == DECISION_ALLOW)
            return verdict;
        if (verdict.rule_id != 0 || denial.rule_id == 0)
            denial = verdict;
    }
    if (is_parent(&inquiry))
        call_parent(&inquiry, &denial);
    return lift_if_observed(&inquiry, denial);
}

bool policy_connect_to(const struct policy *policy, const struct host_name *name,
                       const struct verdict *verdict, struct connect_to *ret_connect_to)
{
    bool has_any = policy->base->connect_count + policy->overlay->connect_count > 0;
    if (!has_any || verdict->decision != DECISION_ALLOW || verdict->reason != REASON_ALLOWED)
        return false;
    /* Only the table that decides for the name knows what the rule says now. */
    struct place place = find_place(policy, name, verdict->pattern_skips);
    struct connect_to found = name_table_connect_to(place.table, verdict->rule_id);
    if (place.node == TABLE_NONE || found.kind == CONNECT_TO_NAME)
        return false;
    *ret_connect_to = found;
    return true;
}

struct requirement *policy_requirement(const struct policy *policy, const struct host_name *name,
                                       const struct verdict *verdict)
{
    bool has_any = policy->base->requirement_count + policy->overlay->requirement_count > 0;
    if (verdict->reason == REASON_OBSERVED)
        return policy->unchecked;
    if (!has_any || verdict->reason != REASON_ALLOWED)
        return NULL;
    struct place place = find_place(policy, name, verdict->pattern_skips);
    return name_table_requirement(place.table, verdict->rule_id);
}

const struct settings *policy_settings(const struct policy *policy)
{
    return &policy->settings;
}

const struct client_groups *policy_client_groups(const struct policy *policy)
{
    return policy->groups;
}

uint64_t policy_version(const struct policy *policy)
{
    return policy->version;
}

uint64_t policy_rule_count(const struct policy *policy)
{
    return policy->rule_count;
}

/* True when `other` decides before `rule` for each client that `rule` is for: it is for the same
 * group, or it is a denial for everybody. */
static bool overshadows(const struct table_rule *other, const struct compiled_rule *rule)
{
    if (other->id == rule->id || !table_rule_covers(other, rule->pattern) ||
        other->port != rule->port)
        return false;
    bool is_denial = other->action == RULE_DENY && rule->action == RULE_ALLOW;
    if (other->group != rule->group)
        return is_denial && other->group == CLIENT_GROUP_ANY_ID;
    if (is_denial || other->action != rule->action)
        return is_denial;
    uint8_t looseness = requirement_looseness(rule->requirement);
    return other->looseness != looseness ? other->looseness < looseness : other->id < rule->id;
}

/* Of two rules that overshadow a third. */
static bool shadows_before(const struct table_rule *left, const struct table_rule *right)
{
    if (left->action != right->action)
        return left->action < right->action;
    return left->looseness != right->looseness ? left->looseness < right->looseness
                                               : left->id < right->id;
}

bool policy_is_shadowed(const struct policy *policy, const struct compiled_rule *rule,
                        int64_t *ret_by_id)
{
    struct place place = find_place(policy, &rule->name, 0);
    const struct table_rule *first = NULL;
    uint32_t at = place.node != TABLE_NONE ? name_table_node(place.table, place.node)->first_rule
                                           : TABLE_NONE;
    for (; at != TABLE_NONE; at = name_table_rule(place.table, at)->next) {
        const struct table_rule *other = name_table_rule(place.table, at);
        if (overshadows(other, rule) && (first == NULL || shadows_before(other, first)))
            first = other;
    }
    if (first == NULL)
        return false;
    *ret_by_id = first->id;
    return true;
}

struct policy *policy_on_tables(struct name_table *base, struct name_table *overlay,
                                struct client_groups *groups, const struct policy_ports *ports)
{
    bool is_whole = base != NULL && overlay != NULL && groups != NULL;
    struct policy *policy = is_whole ? calloc(1, sizeof(*policy)) : NULL;
    struct requirement *unchecked = requirement_new(VERIFY_NONE, NULL, 0);
    if (policy == NULL || unchecked == NULL) {
        name_table_unref(base);
        name_table_unref(overlay);
        client_groups_unref(groups);
        requirement_unref(unchecked);
        free(policy);
        return NULL;
    }
    policy->unchecked = unchecked;
    policy->groups = groups;
    policy->base = base;
    policy->overlay = overlay;
    policy->ports = *ports;
    policy->settings = settings_default();
    atomic_init(&policy->references, 1);
    return policy;
}

struct policy *policy_ref(struct policy *policy)
{
    atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
    return policy;
}

struct policy *policy_unref(struct policy *policy)
{
    if (policy == NULL ||
        atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    name_table_unref(policy->base);
    name_table_unref(policy->overlay);
    client_groups_unref(policy->groups);
    provider_catalogue_unref(policy->providers);
    requirement_unref(policy->unchecked);
    free(policy);
    return NULL;
}
