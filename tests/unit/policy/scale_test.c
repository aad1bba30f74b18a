/* tests/unit/policy/scale_test.c - a hundred thousand rules: built, asked, edited, merged; and ten
 * thousand networks. */
#include "base/clock.h"
#include "policies.h"
#include "policy/client_group.h"

#include <stdio.h>

enum { RULES = 100000 };

/* Rule `id` of RULES; every third is a wildcard, every fifth a denial. */
static struct compiled_rule rule_number(int64_t id)
{
    char line[96];
    struct text text = text_in(line, sizeof(line));
    text_add_format(&text, "%s %sn%lld.g%lld.example", id % 5 == 0 ? "deny" : "allow",
                    id % 3 == 0 ? "**." : "", (long long)id, (long long)(id % 1000));
    return rule_of(line, id);
}

static void check_rule(const struct policy *policy, int64_t id)
{
    char host[96];
    struct text text = text_in(host, sizeof(host));
    text_add_format(&text, "%sn%lld.g%lld.example", id % 3 == 0 ? "b.a." : "", (long long)id,
                    (long long)(id % 1000));
    struct verdict verdict = decide_on(policy, host, 443, 0);
    assert_int_equal(verdict.rule_id, id);
    assert_int_equal(verdict.decision, id % 5 == 0 ? DECISION_DENY : DECISION_ALLOW);
    if (id % 3 == 0) /* not the apex of a wildcard */
        assert_int_equal(decide_on(policy, host + 4, 443, 0).rule_id, 0);
}

static struct policy *build_all(void)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_non_null(builder);
    for (int64_t id = 1; id <= RULES; id++) {
        struct compiled_rule rule = rule_number(id);
        assert_true(policy_builder_add(builder, &rule));
    }
    return policy_builder_finish(builder, &settings, 1);
}

static void every_rule_decides(void **state)
{
    const struct policy *policy = *state;
    assert_int_equal(policy_rule_count(policy), RULES);
    for (int64_t id = 1; id <= RULES; id++)
        check_rule(policy, id);
}

static void parents_are_known(void **state)
{
    const struct policy *policy = *state;
    assert_int_equal(look_up(policy, "example", 0).reason, REASON_PARENT);
    assert_int_equal(look_up(policy, "g1.example", 0).reason, REASON_PARENT);
    assert_int_equal(look_up(policy, "g5.example", 0).reason, REASON_NO_RULE); /* all denials */
    assert_int_equal(look_up(policy, "g1000.example", 0).reason, REASON_NO_RULE);
    assert_int_equal(look_up(policy, "n3.g3.example", 0).reason, REASON_PARENT);
}

/* A thousand rules anywhere in the base go away; a merge leaves the rest as it was. */
static void a_thousand_edits(void **state)
{
    const struct policy *policy = *state;
    struct rule_change changes[1000];
    for (size_t i = 0; i < COUNT(changes); i++)
        changes[i] = (struct rule_change){ .id = 7 + (int64_t)i * (RULES / 1000) };
    struct rule_ids touched;
    struct policy *edited =
        policy_with_changes(policy, changes, COUNT(changes), policy_settings(policy), &touched);
    assert_non_null(edited);
    struct policy *merged = policy_merge(edited);
    assert_non_null(merged);
    assert_int_equal(policy_rule_count(edited), RULES - COUNT(changes));
    assert_int_equal(policy_rule_count(merged), RULES - COUNT(changes));
    for (size_t i = 0; i < COUNT(changes); i++) {
        char host[96];
        struct text text = text_in(host, sizeof(host));
        text_add_format(&text, "a.n%lld.g%lld.example", (long long)changes[i].id,
                        (long long)(changes[i].id % 1000));
        const char *own = changes[i].id % 3 == 0 ? host : host + 2;
        assert_int_equal(decide_on(edited, own, 443, 0).rule_id, 0);
        assert_int_equal(decide_on(merged, own, 443, 0).rule_id, 0);
        check_rule(merged, changes[i].id + 1);
    }
    free(touched.id);
    policy_unref(edited);
    policy_unref(merged);
}

/* 10.N.M.0/24 for each network, all inside 10.0.0.0/8, in twenty groups. */
static struct client_groups *networks_of(uint32_t count)
{
    struct client_groups_builder *builder = client_groups_builder_new();
    assert_non_null(builder);
    for (uint32_t i = 0; i < 20 + count; i++) {
        char name[16], cidr[32];
        struct ip_network network;
        (void)snprintf(name, sizeof(name), "g%u", i % 20);
        if (i < 20)
            assert_true(client_groups_builder_add_group(
                builder, &(struct client_group_row){ i + 2, name, false }));
        (void)snprintf(cidr, sizeof(cidr), i == 0 ? "10.0.0.0/8" : "10.%u.%u.0/24", i / 256,
                       i % 256);
        assert_true(ip_network_parse(cidr, &network));
        assert_true(client_groups_builder_add_network(builder, name, &network));
    }
    struct client_groups *groups = client_groups_builder_finish(builder);
    assert_non_null(groups);
    return groups;
}

/* Finds who a client is, and how closely its group and the outermost one fit it. */
static void clients_are_found_among_many_networks(void **state)
{
    (void)state;
    enum { LOOKUPS = 200000 };
    static const uint32_t counts[] = { 10, 10000 };
    for (size_t c = 0; c < COUNT(counts); c++) {
        struct client_groups *groups = networks_of(counts[c]);
        int64_t started_ms = clock_monotonic_ms();
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            uint32_t at = 21 + i * 7919 % (counts[c] - 1);
            struct ip_address address = { .family = 4,
                                          .bytes = { 10, (uint8_t)(at / 256), (uint8_t)at, 9 } };
            struct client client = client_of(groups, &address);
            assert_int_equal(client_fit(&client, at % 20 + 2), 26);
            assert_int_equal(client_fit(&client, 2), at % 20 == 0 ? 26 : 10);
        }
        print_message("%u networks: %lld ns a client\n", counts[c],
                      (long long)((clock_monotonic_ms() - started_ms) * 1000000 / LOOKUPS));
        client_groups_unref(groups);
    }
}

int main(void)
{
    struct policy *policy = build_all();
    struct tests tests = { .count = 0 };
    tests_add_row(&tests, "every rule decides", policy, every_rule_decides);
    tests_add_row(&tests, "parents are known", policy, parents_are_known);
    tests_add_row(&tests, "a thousand edits", policy, a_thousand_edits);
    tests_add_row(&tests, "clients among many networks", NULL,
                  clients_are_found_among_many_networks);
    int result = tests_run(&tests, "policy_scale");
    policy_unref(policy);
    return result;
}
