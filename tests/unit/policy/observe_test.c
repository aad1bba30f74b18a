/* tests/unit/policy/observe_test.c - who speaks for a client, and what passes because its group
 * only observes. */
#include "groups.h"
#include "random_policies.h"

static const struct home_row {
    const char *name, *groups, *address, *home;
    bool is_observed;
} home_rows[] = {
    { "nobody's client is of any", "", "192.0.2.1", "any", false },
    { "any may observe", "~any", "192.0.2.1", "any", true },
    { "whatever a group says that the client is not in", "~build 10.0.0.0/8", "192.0.2.1", "any",
      false },
    { "a member of an observing group", "~build 10.0.0.0/8", "10.1.2.3", "build", true },
    { "a member of an enforcing one, where any observes", "~any; build 10.0.0.0/8", "10.1.2.3",
      "build", false },
    { "the longest network enforces", "~build 10.0.0.0/8; ci 10.1.0.0/16", "10.1.2.3", "ci",
      false },
    { "the longest network observes", "build 10.0.0.0/8; ~ci 10.1.0.0/16", "10.1.2.3", "ci", true },
    { "outside of it the outer one speaks", "build 10.0.0.0/8; ~ci 10.1.0.0/16", "10.2.2.3",
      "build", false },
    { "behind it too", "~build 10.0.0.0/8; ci 10.1.0.0/16 10.1.1.0/24", "10.3.0.1", "build", true },
    { "a tie: the second enforces", "~build 10.0.0.0/8; ci 10.0.0.0/8", "10.1.2.3", "ci", false },
    { "a tie: the first enforces", "build 10.0.0.0/8; ~ci 10.0.0.0/8", "10.1.2.3", "build", false },
    { "a tie of three: the one in the middle enforces",
      "~a 10.0.0.0/8; b 10.0.0.0/8; ~c 10.0.0.0/8", "10.1.2.3", "b", false },
    { "a tie of enforcing groups: the lowest id", "a 10.0.0.0/8; b 10.0.0.0/8", "10.1.2.3", "a",
      false },
    { "a tie of observing groups: the lowest id", "~a 10.0.0.0/8; ~b 10.0.0.0/8", "10.1.2.3", "a",
      true },
    { "a tie further out is none", "~a 10.0.0.0/8; b 10.0.0.0/8; ~c 10.1.0.0/16", "10.1.2.3", "c",
      true },
    { "IPv6", "~build fd00::/8", "fd00::1", "build", true },
    { "a tie in IPv6", "~a fd00::/8; b fd00::/8", "fd00::1", "b", false },
    { "one address", "a fd00::/8; ~b fd00::1", "fd00::1", "b", true },
    { "the address beside it", "a fd00::/8; ~b fd00::1", "fd00::2", "a", false },
    { "IPv4 inside IPv6", "~build 10.0.0.0/8", "::ffff:10.1.1.1", "build", true },
    { "an observing group without a network", "~build", "10.1.1.1", "any", false },
    { "an enforcing group's network that can't be read", "~any; build ?", "10.1.1.1", "any",
      false },
    { "it may be inside of another", "~a 10.0.0.0/8; b 192.0.2.0/24 ?", "10.1.1.1", "a", false },
    { "an observing group's network that can't be read", "~any; ~build 10.0.0.0/8 ?", "10.1.1.1",
      "build", true },
};

static void speaks_for_the_client(void **state)
{
    const struct home_row *row = *state;
    struct client_groups *groups = groups_of(row->groups);
    struct ip_address address = address_of(row->address);
    struct client client = client_of(groups, &address);
    assert_string_equal(client_groups_name(groups, client_home_group(&client)), row->home);
    assert_int_equal(client_is_observed(&client), row->is_observed);
    client_groups_unref(groups);
}

static void groups_are_listed_once_the_closest_first(void **state)
{
    (void)state;
    uint32_t ids[8];
    struct client_groups *groups =
        groups_of("a 10.0.0.0/8 10.1.1.0/24; b 10.1.0.0/16; c 10.1.0.0/16; d 192.0.2.0/24");
    struct ip_address address = address_of("10.1.1.1");
    struct client client = client_of(groups, &address);
    assert_int_equal(client_list_groups(&client, ids, COUNT(ids)), 4);
    assert_int_equal(ids[0], 2);
    assert_int_equal(ids[1], 3);
    assert_int_equal(ids[2], 4);
    assert_int_equal(ids[3], CLIENT_GROUP_ANY_ID);
    assert_int_equal(client_list_groups(&client, ids, 2), 2);
    client_groups_unref(groups);
}

#define GROUPS "~build 10.0.0.0/8; ci 10.1.0.0/16"

static const struct decision_row {
    const char *name, *rules, *client, *host, *decision, *lookup;
} decision_rows[] = {
    { "no rule", "", "10.2.0.1", "a.example", "observed: no_rule 0", "observed: no_rule 0" },
    { "no rule, for those that are enforced", "", "10.1.0.1", "a.example", "no_rule 0",
      "no_rule 0" },
    { "no rule, for nobody's client", "", "192.0.2.1", "a.example", "no_rule 0", "no_rule 0" },
    { "what is allowed is as ever", "2 allow a.example", "10.2.0.1", "a.example", "allow 1",
      "allow 1" },
    { "a deny rule", "0 deny *.example", "10.2.0.1", "a.example", "observed: deny_rule 1",
      "observed: deny_rule 1" },
    { "another port", "0 allow a.example:22", "10.2.0.1", "a.example", "observed: other_port 0",
      "observed: other_port 0" },
    { "a parent", "0 allow b.a.example", "10.2.0.1", "a.example", "observed: parent 0",
      "observed: parent 0" },
    { "a parent that a rule denies", "0 allow b.a.example; 0 deny a.example", "10.2.0.1",
      "a.example", "observed: deny_rule 2", "observed: parent 2" },
    { "a name that no host has", "", "10.2.0.1", "a b.example", "no_rule 0", "no_rule 0" },
    { "an underscore is looked up", "", "10.2.0.1", "_a.example", "observed: no_rule 0",
      "observed: no_rule 0" },
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

static void the_root_is_never_observed(void **state)
{
    (void)state;
    struct client_groups *groups = groups_of("~any");
    struct policy *policy = policy_for_groups(groups, "");
    struct verdict verdict = look_up(policy, "", 0);
    assert_int_equal(verdict.reason, REASON_PARENT);
    assert_int_equal(verdict.decision, DECISION_DENY);
    policy_unref(policy);
    client_groups_unref(groups);
}

/* Random groups as a list, asked of word by word. */
enum { GROUP_COUNT = 6, NETWORKS = 24, ROUNDS = 40, QUESTIONS = 300 };

struct clients {
    bool is_observing[2 + GROUP_COUNT]; /* by id; 'any' is 0 */
    struct listed_network {
        struct ip_network network;
        uint32_t group;
    } list[NETWORKS];
};

static struct ip_network random_v4_network(struct dice *dice)
{
    static const uint8_t lengths[] = { 8, 15, 16, 24, 31, 32 };
    struct ip_network network = { .address.family = 4,
                                  .prefix_bits = lengths[dice_below(dice, 6)] };
    uint32_t value = 10u << 24 | dice_below(dice, 4) << 15 | dice_below(dice, 4);
    value &= ~0u << (32 - network.prefix_bits);
    for (unsigned i = 0; i < 4; i++)
        network.address.bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    return network;
}

static struct client_groups *random_groups(struct dice *dice, struct clients *clients)
{
    struct client_groups_builder *builder = client_groups_builder_new();
    for (uint32_t id = 1; id < 2 + GROUP_COUNT; id++) { /* 1 is the row of 'any' */
        char name[16] = CLIENT_GROUP_ANY;
        bool is_observing = dice_below(dice, 2) > 0;
        clients->is_observing[id == 1 ? CLIENT_GROUP_ANY_ID : id] = is_observing;
        if (id > 1)
            (void)snprintf(name, sizeof(name), "g%u", id);
        assert_true(client_groups_builder_add_group(
            builder, &(struct client_group_row){ id, name, is_observing }));
    }
    for (size_t i = 0; i < NETWORKS; i++) {
        char name[16];
        struct listed_network *listed = &clients->list[i];
        *listed =
            (struct listed_network){ random_v4_network(dice), 2 + dice_below(dice, GROUP_COUNT) };
        (void)snprintf(name, sizeof(name), "g%u", listed->group);
        assert_true(client_groups_builder_add_network(builder, name, &listed->network));
    }
    return client_groups_builder_finish(builder);
}

/* "Said by the group of the client's longest matching network (on a tie 'enforce')." */
static bool is_observed(const struct clients *clients, const struct ip_address *address)
{
    int longest = -1;
    bool is_observing = clients->is_observing[CLIENT_GROUP_ANY_ID];
    for (size_t i = 0; i < NETWORKS; i++) {
        const struct listed_network *listed = &clients->list[i];
        int bits = listed->network.prefix_bits;
        if (bits < longest || !ip_network_contains(&listed->network, address))
            continue;
        bool does = clients->is_observing[listed->group];
        is_observing = bits > longest ? does : is_observing && does;
        longest = bits;
    }
    return is_observing;
}

/* How closely each group fits, as client_fit() says it. */
static void fit_of(const struct clients *clients, const struct ip_address *address,
                   unsigned ret_fit[2 + GROUP_COUNT])
{
    memset(ret_fit, 0, (2 + GROUP_COUNT) * sizeof(*ret_fit));
    ret_fit[CLIENT_GROUP_ANY_ID] = 1;
    for (size_t i = 0; i < NETWORKS; i++) {
        const struct listed_network *listed = &clients->list[i];
        unsigned fit = 2u + listed->network.prefix_bits;
        if (ip_network_contains(&listed->network, address) && fit > ret_fit[listed->group])
            ret_fit[listed->group] = fit;
    }
}

static struct policy *random_policy(struct dice *dice, struct client_groups *groups,
                                    struct reference *reference)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    policy_builder_set_groups(builder, groups);
    reference->count = 1 + dice_below(dice, 60);
    for (size_t i = 0; i < reference->count; i++) {
        struct reference_rule *rule = &reference->rules[i];
        *rule = random_rule(dice, reference, (int64_t)i + 1);
        rule->group = dice_below(dice, 3) > 0 ? 2 + dice_below(dice, GROUP_COUNT) : 0;
        struct compiled_rule compiled = reference_compile(rule);
        assert_true(policy_builder_add(builder, &compiled));
        compiled_rule_release(&compiled);
    }
    return policy_builder_finish(builder, &settings, 1);
}

static void check_question(const struct policy *policy, const struct reference *reference,
                           const struct policy_question *question, const char *host, bool observed)
{
    const struct reference_rule *rule = reference_decide(reference, host, 443, RANDOM_NOW_S);
    struct verdict verdict = policy_decide(policy, question, 443, RANDOM_NOW_S);
    bool is_allowed = rule != NULL && rule->action == RULE_ALLOW;
    bool is_lifted = !is_allowed && observed && host_name_is_printable(question->name);
    enum reason denial = is_lifted ? verdict.would_be : verdict.reason;
    assert_int_equal(verdict.rule_id, rule != NULL ? rule->id : 0);
    assert_int_equal(verdict.decision == DECISION_ALLOW, is_allowed || is_lifted);
    assert_int_equal(verdict.reason == REASON_OBSERVED, is_lifted);
    assert_int_equal(verdict.reason == REASON_ALLOWED, is_allowed);
    assert_int_equal(!is_allowed && denial == REASON_DENY_RULE, rule != NULL && !is_allowed);
    if (!is_allowed)
        assert_true(denial == REASON_DENY_RULE || denial == REASON_NO_RULE ||
                    denial == REASON_OTHER_PORT || denial == REASON_PARENT);
    verdict = policy_decide_lookup(policy, question, RANDOM_NOW_S);
    is_allowed = reference_allows(reference, host, RANDOM_NOW_S) != NULL;
    is_lifted = !is_allowed && observed && host_name_is_printable(question->name);
    assert_int_equal(verdict.reason == REASON_ALLOWED, is_allowed);
    assert_int_equal(verdict.reason == REASON_OBSERVED, is_lifted);
}

static void decides_as_the_reference_does(void **state)
{
    (void)state;
    struct dice dice = { 11 };
    for (int round = 0; round < ROUNDS; round++) {
        struct clients clients;
        struct reference reference = { 0 };
        unsigned fit[2 + GROUP_COUNT];
        struct client_groups *groups = random_groups(&dice, &clients);
        struct policy *policy = random_policy(&dice, groups, &reference);
        reference.fit = fit;
        for (int i = 0; i < QUESTIONS; i++) {
            char text[REFERENCE_NAME_BYTES];
            random_name(&dice, dice_below(&dice, 4) > 0, text);
            struct host_name name = name_of(text);
            struct policy_question question = {
                .client = clients.list[dice_below(&dice, NETWORKS)].network.address, .name = &name
            };
            question.client.bytes[3] = (uint8_t)(question.client.bytes[3] + dice_below(&dice, 2));
            if (dice_below(&dice, 8) == 0)
                question.client.bytes[0] = 192;
            fit_of(&clients, &question.client, fit);
            check_question(policy, &reference, &question, text,
                           is_observed(&clients, &question.client));
        }
        policy_unref(policy);
        client_groups_unref(groups);
    }
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, home_rows, speaks_for_the_client);
    TESTS_ADD_TABLE(&tests, decision_rows, decides);
    tests_add_row(&tests, "groups are listed once, the closest first", NULL,
                  groups_are_listed_once_the_closest_first);
    tests_add_row(&tests, "the root is never observed", NULL, the_root_is_never_observed);
    tests_add_row(&tests, "decides as the reference does", NULL, decides_as_the_reference_does);
    return tests_run(&tests, "observe");
}
