/* policy/policy_builder.c - a policy built whole from all its rules. */
#include "policy/policy_builder.h"
#include "policy/policy_layout.h"
#include "policy/rule_placer.h"

#include <assert.h>
#include <stdlib.h>

struct policy_builder {
    struct policy_ports ports;
    int64_t last_id; /* of the rules added; 0: none yet */
    struct name_table *table;
    struct rule_placer *placer;           /* owned; what changes `table` until the end */
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
    if (builder->table != NULL)
        builder->placer = rule_placer_new(builder->table, &builder->ports);
    if (builder->placer == NULL) {
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

bool policy_builder_add(struct policy_builder *builder, const struct compiled_rule *rule)
{
    assert(builder->last_id == 0 || builder->last_id < rule->id);
    builder->last_id = rule->id;
    return rule_placer_add(builder->placer, rule);
}

struct policy *policy_builder_finish(struct policy_builder *builder,
                                     const struct settings *settings, uint64_t version)
{
    bool is_whole = rule_placer_end(builder->placer);
    struct name_table *base = builder->table;
    struct client_groups *groups =
        builder->groups != NULL ? builder->groups : client_groups_only_any();
    builder->placer = NULL;
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
    (void)rule_placer_end(builder->placer); /* the table is given up */
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
