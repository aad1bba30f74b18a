/* tests/support/groups.h - groups of clients for tests, written as one line of text, and policies
 * with rules for them. */
#pragma once
#include "policies.h"
#include "policy/client_group.h"

#include <stdio.h>

static inline struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

/* Groups and networks as one line: "build 10.0.0.0/8 fd00::/8; ~ci 10.1.0.0/16; empty", of which ci
 * only observes. "?" is a network that can't be read. Ids count from 2. */
static inline struct client_groups *groups_of(const char *text)
{
    char line[512], *rest = line, *group, *word;
    struct client_groups_builder *builder = client_groups_builder_new();
    assert_true((size_t)snprintf(line, sizeof(line), "%s", text) < sizeof(line));
    for (uint32_t id = 2; (group = strsep(&rest, ";")) != NULL; id++) {
        const char *name = NULL;
        while ((word = strsep(&group, " ")) != NULL) {
            struct ip_network network;
            if (*word == '\0')
                continue;
            if (name == NULL) {
                name = word + (*word == '~');
                assert_true(client_groups_builder_add_group(
                    builder, &(struct client_group_row){ id, name, *word == '~' }));
            } else if (strcmp(word, "?") == 0) {
                assert_true(client_groups_builder_add_network(builder, name, NULL));
            } else {
                assert_true(ip_network_parse(word, &network));
                assert_true(client_groups_builder_add_network(builder, name, &network));
            }
        }
    }
    struct client_groups *groups = client_groups_builder_finish(builder);
    assert_non_null(groups);
    return groups;
}

/* "GROUP allow TARGET; ..." are rules 1, 2, ...; GROUP as an id, 0 for 'any'. */
static inline struct policy *policy_for_groups(struct client_groups *groups, const char *text)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    policy_builder_set_groups(builder, groups);
    for (int64_t id = 1; *text != '\0'; id++) {
        char *end;
        uint32_t group = (uint32_t)strtoul(text, &end, 10);
        text = end;
        struct compiled_rule rule = rule_take(&text, id);
        rule.group = group;
        assert_true(policy_builder_add(builder, &rule));
    }
    return policy_builder_finish(builder, &settings, 1);
}
