/* tests/unit/policy/client_group_test.c - whom a rule is for, and which of several rules decides
 * for a client. */
#include "dice.h"
#include "groups.h"

static const struct fit_row {
    const char *name, *groups, *address;
    uint32_t group;
    unsigned expected;
} fit_rows[] = {
    { "everybody is in any", "", "192.0.2.1", CLIENT_GROUP_ANY_ID, 1 },
    { "a member", "build 10.0.0.0/8", "10.255.255.255", 2, 10 },
    { "the first address of the network", "build 10.0.0.0/8", "10.0.0.0", 2, 10 },
    { "before the network", "build 10.0.0.0/8", "9.255.255.255", 2, 0 },
    { "behind the network", "build 10.0.0.0/8", "11.0.0.0", 2, 0 },
    { "one address", "build 10.0.0.1", "10.0.0.1", 2, 34 },
    { "the address beside it", "build 10.0.0.1", "10.0.0.2", 2, 0 },
    { "the longest of a group's networks", "build 10.0.0.0/8 10.1.0.0/16", "10.1.2.3", 2, 18 },
    { "its other network", "build 10.0.0.0/8 10.1.0.0/16", "10.2.2.3", 2, 10 },
    { "the outer group", "build 10.0.0.0/8; ci 10.1.0.0/16", "10.1.2.3", 2, 10 },
    { "behind an inner network that has ended", "build 10.0.0.0/8; ci 10.1.0.0/16 10.1.1.0/24",
      "10.3.0.1", 2, 10 },
    { "two groups on one network", "build 10.0.0.0/8; ci 10.0.0.0/8", "10.1.2.3", 3, 10 },
    { "the whole of IPv4", "build 0.0.0.0/0", "203.0.113.9", 2, 2 },
    { "is not that of IPv6", "build 0.0.0.0/0", "2001:db8::1", 2, 0 },
    { "IPv6", "build fd00::/8", "fdff::1", 2, 10 },
    { "one IPv6 address", "build fd00::1", "fd00::1", 2, 130 },
    { "IPv4 inside IPv6", "build 10.0.0.0/8", "::ffff:10.1.1.1", 2, 10 },
    { "a group without a network", "build; ci 10.0.0.0/8", "10.1.1.1", 2, 0 },
    { "a group that is not there", "build 10.0.0.0/8", "10.1.1.1", 7, 0 },
};

static void fits(void **state)
{
    const struct fit_row *row = *state;
    struct client_groups *groups = groups_of(row->groups);
    struct ip_address address = address_of(row->address);
    struct client client = client_of(groups, &address);
    assert_int_equal(client_fit(&client, row->group), row->expected);
    client_groups_unref(groups);
}

static const struct home_row {
    const char *name, *groups, *address;
    uint32_t expected;
} home_rows[] = {
    { "home: nobody's network", "build 10.0.0.0/8", "11.0.0.1", CLIENT_GROUP_ANY_ID },
    { "home: a member", "build 10.0.0.0/8", "10.0.0.1", 2 },
    { "home: the longest network", "build 10.0.0.0/8; ci 10.1.0.0/16", "10.1.0.1", 3 },
    { "home: the outer one", "build 10.0.0.0/8; ci 10.1.0.0/16", "10.2.0.1", 2 },
    { "home: a tie", "build; ci 10.0.0.0/8; lab 10.0.0.0/8", "10.2.0.1", 3 },
    { "home: IPv6", "build fd00::/8", "fd01::1", 2 },
};

static void has_its_home(void **state)
{
    const struct home_row *row = *state;
    struct client_groups *groups = groups_of(row->groups);
    struct ip_address address = address_of(row->address);
    struct client client = client_of(groups, &address);
    assert_int_equal(client_home_group(&client), row->expected);
    client_groups_unref(groups);
}

static void names_and_ids(void **state)
{
    (void)state;
    uint32_t id = 99;
    struct client_groups *groups = groups_of("build 10.0.0.0/8; ci");
    assert_true(client_groups_find(groups, "ci", &id));
    assert_int_equal(id, 3);
    assert_true(client_groups_find(groups, "any", &id));
    assert_int_equal(id, CLIENT_GROUP_ANY_ID);
    assert_false(client_groups_find(groups, "nobody", &id));
    assert_string_equal(client_groups_name(groups, 2), "build");
    assert_string_equal(client_groups_name(groups, CLIENT_GROUP_ANY_ID), "any");
    assert_string_equal(client_groups_name(groups, 9), "");
    assert_true(client_groups_has_network(groups, 2));
    assert_false(client_groups_has_network(groups, 3));
    assert_true(client_groups_has_network(groups, CLIENT_GROUP_ANY_ID));
    client_groups_unref(groups);
}

#define GROUPS "build 10.0.0.0/8; ci 10.1.0.0/16; both 10.1.0.0/16"

static const struct decision_row {
    const char *name, *rules, *client, *host, *decision, *lookup;
} decision_rows[] = {
    { "a rule for the client's group", "2 allow a.example", "10.2.0.1", "a.example", "allow 1",
      "allow 1" },
    { "a rule for another group", "2 allow a.example", "192.0.2.1", "a.example", "no_rule 0",
      "no_rule 0" },
    { "a rule for everybody", "0 allow a.example", "10.2.0.1", "a.example", "allow 1", "allow 1" },
    { "the specific name wins, whatever the group", "2 deny *.example; 0 allow a.example",
      "10.2.0.1", "a.example", "allow 2", "allow 2" },
    { "a denial for everybody wins among equal names", "2 allow a.example; 0 deny a.example",
      "10.2.0.1", "a.example", "deny_rule 2", "deny_rule 2" },
    { "a denial for the group wins too", "0 allow a.example; 2 deny a.example", "10.2.0.1",
      "a.example", "deny_rule 2", "deny_rule 2" },
    { "and leaves the others alone", "0 allow a.example; 2 deny a.example", "192.0.2.1",
      "a.example", "allow 1", "allow 1" },
    { "the longest network decides among allows",
      "0 allow a.example; 2 allow a.example; 3 allow a.example", "10.1.0.1", "a.example", "allow 3",
      "allow 3" },
    { "the next outer for those outside of it",
      "0 allow a.example; 2 allow a.example; 3 allow a.example", "10.2.0.1", "a.example", "allow 2",
      "allow 2" },
    { "the lowest id on a tie", "4 allow a.example; 3 allow a.example", "10.1.0.1", "a.example",
      "allow 1", "allow 1" },
    { "a parent of a group's name, for the group", "2 allow a.b.example", "10.2.0.1", "b.example",
      "parent 0", "parent 0" },
    { "and for others", "2 allow a.b.example", "192.0.2.1", "b.example", "no_rule 0", "no_rule 0" },
    { "a parent of a wildcard's names, for the group", "2 allow *.example", "10.2.0.1", "example",
      "parent 0", "parent 0" },
    { "another port, for the group alone", "2 allow a.example:22", "192.0.2.1", "a.example",
      "no_rule 0", "no_rule 0" },
};

static void decides(void **state)
{
    const struct decision_row *row = *state;
    char buffer[64];
    struct client_groups *groups = groups_of(GROUPS);
    struct policy *policy = policy_for_groups(groups, row->rules);
    struct host_name host = name_of(row->host);
    struct policy_question question = { .client = address_of(row->client), .name = &host };
    struct verdict verdict = policy_decide(policy, &question, 443, 0);
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), row->decision);
    verdict = policy_decide_lookup(policy, &question, 0);
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), row->lookup);
    policy_unref(policy);
    client_groups_unref(groups);
}

static const struct shadow_row {
    const char *name, *rules;
    int64_t rule, by; /* by 0: not shadowed */
} shadow_rows[] = {
    { "by an older rule for the same group", "2 allow a.example; 2 allow a.example", 2, 1 },
    { "not by a rule for another group", "3 allow a.example; 2 allow a.example", 2, 0 },
    { "not by an allow for everybody", "0 allow a.example; 2 allow a.example", 2, 0 },
    { "by a denial for everybody", "2 allow a.example; 0 deny a.example", 1, 2 },
    { "not by a denial for a group", "0 allow a.example; 2 deny a.example", 1, 0 },
};

static void shadows(void **state)
{
    const struct shadow_row *row = *state;
    int64_t by = 0;
    struct client_groups *groups = groups_of(GROUPS);
    struct policy *policy = policy_for_groups(groups, row->rules);
    const char *text = row->rules;
    struct compiled_rule rule = { 0 };
    for (int64_t id = 1; id <= row->rule; id++) {
        char *end;
        uint32_t group = (uint32_t)strtoul(text, &end, 10);
        text = end;
        rule = rule_take(&text, id);
        rule.group = group;
    }
    assert_int_equal(policy_is_shadowed(policy, &rule, &by), row->by != 0);
    assert_int_equal(by, row->by);
    policy_unref(policy);
    client_groups_unref(groups);
}

enum { NETWORKS = 400, GROUP_COUNT = 12, PROBES = 20000 };

/* Against a list of all networks, at addresses near their edges. */
static void fits_as_a_list_would(void **state)
{
    (void)state;
    struct dice dice = { 7 };
    struct {
        struct ip_network network;
        uint32_t group;
    } list[NETWORKS];
    struct client_groups_builder *builder = client_groups_builder_new();
    char name[16];
    for (uint32_t id = 2; id < 2 + GROUP_COUNT; id++) {
        (void)snprintf(name, sizeof(name), "g%u", id);
        assert_true(client_groups_builder_add_group(builder,
                                                    &(struct client_group_row){ id, name, false }));
    }
    for (size_t i = 0; i < NETWORKS; i++) {
        char text[64];
        uint32_t bits = dice_below(&dice, 33);
        uint32_t value =
            (10u << 24 | dice_below(&dice, 1u << 12) << 8) & (bits > 0 ? ~0u << (32 - bits) : 0);
        list[i].group = 2 + dice_below(&dice, GROUP_COUNT);
        (void)snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", value >> 24, value >> 16 & 255,
                       value >> 8 & 255, value & 255, bits);
        assert_true(ip_network_parse(text, &list[i].network));
        (void)snprintf(name, sizeof(name), "g%u", list[i].group);
        assert_true(client_groups_builder_add_network(builder, name, &list[i].network));
    }
    struct client_groups *groups = client_groups_builder_finish(builder);
    for (int probe = 0; probe < PROBES; probe++) {
        struct ip_address address = list[dice_below(&dice, NETWORKS)].network.address;
        address.bytes[3] = (uint8_t)(address.bytes[3] + dice_below(&dice, 3) - 1);
        struct client client = client_of(groups, &address);
        for (uint32_t group = 2; group < 2 + GROUP_COUNT; group++) {
            unsigned expected = 0;
            for (size_t i = 0; i < NETWORKS; i++)
                if (list[i].group == group && ip_network_contains(&list[i].network, &address) &&
                    2u + list[i].network.prefix_bits > expected)
                    expected = 2u + list[i].network.prefix_bits;
            assert_int_equal(client_fit(&client, group), expected);
        }
    }
    client_groups_unref(groups);
}

/* Groups stay with a policy through edits and merges. */
static void survives_edits(void **state)
{
    (void)state;
    struct client_groups *groups = groups_of(GROUPS);
    struct policy *policy = policy_for_groups(groups, "2 allow a.b.example; 0 allow c.example");
    client_groups_unref(groups);
    struct rule_change change = { 2, true, rule_of("allow d.b.example", 2) };
    change.rule.group = 3;
    struct rule_ids touched;
    struct policy *edited =
        policy_with_changes(policy, &change, 1, policy_settings(policy), &touched);
    struct policy *merged = policy_merge(edited);
    struct policy *rebased = policy_rebase(edited, merged);
    struct host_name name = name_of("d.b.example"), parent = name_of("b.example");
    const struct policy *all[] = { edited, merged, rebased };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct policy_question inside = { .client = address_of("10.1.0.1"), .name = &name };
        struct policy_question outside = { .client = address_of("10.2.0.1"), .name = &name };
        struct policy_question above = { .client = address_of("10.2.0.1"), .name = &parent };
        assert_int_equal(policy_decide(all[i], &inside, 443, 0).rule_id, 2);
        assert_int_equal(policy_decide(all[i], &outside, 443, 0).rule_id, 0);
        assert_int_equal(policy_decide_lookup(all[i], &above, 0).reason, REASON_PARENT);
        above.client = address_of("192.0.2.1");
        assert_int_equal(policy_decide_lookup(all[i], &above, 0).reason, REASON_NO_RULE);
    }
    free(touched.id);
    policy_unref(policy);
    policy_unref(edited);
    policy_unref(merged);
    policy_unref(rebased);
}

/* New groups come into force beside an edit; the policy it came from keeps the old ones, and a
 * merge that began before it does not bring them back. */
static void takes_new_groups(void **state)
{
    (void)state;
    struct rule_ids touched;
    struct client_groups *old = groups_of("build 10.0.0.0/8"), *new = groups_of("build fd00::/8");
    struct policy *from = policy_for_groups(old, "2 allow a.example");
    struct policy *merged = policy_merge(from);
    struct policy *changed = policy_with_changes(from, NULL, 0, policy_settings(from), &touched);
    policy_set_groups(changed, new);
    struct policy *rebased = policy_rebase(changed, merged);
    client_groups_unref(old);
    client_groups_unref(new);
    struct host_name name = name_of("a.example");
    struct policy_question v4 = { .client = address_of("10.1.0.1"), .name = &name };
    struct policy_question v6 = { .client = address_of("fd00::1"), .name = &name };
    assert_int_equal(policy_decide(from, &v4, 443, 0).rule_id, 1);
    assert_int_equal(policy_decide(from, &v6, 443, 0).rule_id, 0);
    const struct policy *all[] = { changed, rebased };
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(policy_decide(all[i], &v4, 443, 0).rule_id, 0);
        assert_int_equal(policy_decide(all[i], &v6, 443, 0).rule_id, 1);
    }
    free(touched.id);
    policy_unref(from);
    policy_unref(merged);
    policy_unref(changed);
    policy_unref(rebased);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, fit_rows, fits);
    TESTS_ADD_TABLE(&tests, home_rows, has_its_home);
    TESTS_ADD_TABLE(&tests, decision_rows, decides);
    TESTS_ADD_TABLE(&tests, shadow_rows, shadows);
    tests_add_row(&tests, "names and ids", NULL, names_and_ids);
    tests_add_row(&tests, "fits as a list would", NULL, fits_as_a_list_would);
    tests_add_row(&tests, "survives edits", NULL, survives_edits);
    tests_add_row(&tests, "takes new groups", NULL, takes_new_groups);
    return tests_run(&tests, "client_group");
}
