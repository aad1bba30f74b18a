/* policy/policy_builder.c - a policy built whole from all its rules. */
#include "policy/policy_builder.h"
#include "policy/policy_layout.h"

#include <assert.h>
#include <stdlib.h>

/* Rules wait a little before they go into the table, so that the memory they need there comes while
 * others are read: a large table's cache misses would take longer than all else. */
enum { WAITING_RULES = 8 };

struct waiting_rule {
    struct compiled_rule rule; /* owns its requirement */
    struct name_hashes hashes;
};

struct policy_builder {
    struct policy_ports ports;
    struct waiting_rule waiting[WAITING_RULES]; /* a ring: the rules from number `placed` on */
    uint64_t placed, added;
    int64_t last_id;
    struct name_table *table;
    struct client_groups *groups;         /* owns a reference; NULL: only 'any' */
    struct provider_catalogue *providers; /* owns a reference; NULL: none is known */
};

struct policy_builder *policy_builder_new(const struct policy_ports *ports)
{
    struct name_hash_key key = name_hash_key_random();
    struct policy_builder *builder = calloc(1, sizeof(*builder));
    if (builder == NULL)
        return NULL;
    builder->ports = *ports;
    builder->table = name_table_new(&key);
    if (builder->table == NULL) {
        policy_builder_free(builder);
        return NULL;
    }
    return builder;
}

void policy_builder_set_groups(struct policy_builder *builder, struct client_groups *groups)
{
    client_groups_unref(builder->groups);
    builder->groups = client_groups_ref(groups);
}

void policy_builder_set_providers(struct policy_builder *builder,
                                  struct provider_catalogue *providers)
{
    provider_catalogue_unref(builder->providers);
    builder->providers = provider_catalogue_ref(providers);
}

/* Puts the rule that waited longest into the table. */
static bool place_rule(struct policy_builder *builder)
{
    struct waiting_rule *waiting = &builder->waiting[builder->placed++ % WAITING_RULES];
    struct table_editor editor = { .table = builder->table, .ports = &builder->ports };
    uint32_t node;
    bool is_added = table_editor_add_hashed(&editor, &waiting->rule, &waiting->hashes, &node);
    compiled_rule_release(&waiting->rule);
    return is_added;
}

bool policy_builder_add(struct policy_builder *builder, const struct compiled_rule *rule)
{
    assert(builder->added == 0 || builder->last_id < rule->id);
    if (builder->added - builder->placed == WAITING_RULES && !place_rule(builder))
        return false;
    struct waiting_rule *waiting = &builder->waiting[builder->added++ % WAITING_RULES];
    builder->last_id = rule->id;
    waiting->rule = *rule;
    if (rule->requirement != NULL)
        requirement_ref(rule->requirement);
    name_hashes_compute(&builder->table->key, &rule->name, &waiting->hashes);
    name_table_prefetch(builder->table, &waiting->hashes, rule->name.label_count);
    return true;
}

static bool place_all_rules(struct policy_builder *builder)
{
    bool is_whole = true;
    while (builder->placed < builder->added)
        is_whole = place_rule(builder) && is_whole;
    return is_whole;
}

struct policy *policy_builder_finish(struct policy_builder *builder,
                                     const struct settings *settings, uint64_t version)
{
    bool is_whole = place_all_rules(builder);
    struct name_table *base = builder->table;
    struct client_groups *groups =
        builder->groups != NULL ? builder->groups : client_groups_only_any();
    builder->table = NULL;
    builder->groups = NULL;
    name_table_trim(base);
    struct policy *policy =
        policy_on_tables(base, name_table_new(&base->key), groups, &builder->ports);
    if (policy != NULL && !is_whole)
        policy = policy_unref(policy);
    if (policy != NULL) {
        policy->providers = provider_catalogue_ref(builder->providers);
        policy->settings = *settings;
        policy->version = version;
        policy->rule_count = base->rule_count;
    }
    policy_builder_free(builder);
    return policy;
}

void policy_builder_free(struct policy_builder *builder)
{
    if (builder == NULL)
        return;
    while (builder->placed < builder->added)
        compiled_rule_release(&builder->waiting[builder->placed++ % WAITING_RULES].rule);
    name_table_unref(builder->table);
    client_groups_unref(builder->groups);
    provider_catalogue_unref(builder->providers);
    free(builder);
}

struct policy *policy_deny_all(const struct policy_ports *ports)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(ports);
    return builder != NULL ? policy_builder_finish(builder, &settings, 0) : NULL;
}
