/* tests/unit/policy/gate_collision_test.c - names that share an address in a range. */
#include "base/text.h"
#include "policies.h"
#include "policy/gate_collision.h"

enum { NOW_S = 1000, TEXT_BYTES = 1024 };

static void note(void *context, const struct ip_address *address, const struct host_name *name)
{
    struct text *text = context;
    ip_address_add_to(address, text);
    text_add(text, " ");
    host_name_add_to(name, text);
    text_add(text, "; ");
}

/* What is told of a policy with a key; a /30 has two addresses to give, so three names share one at
 * least. */
static void find(const struct policy *policy, const char *range_text, struct text *text)
{
    struct gate_addresses addresses = { 0 };
    struct ip_network range;
    assert_true(ip_network_parse(range_text, &range));
    assert_true(gate_addresses_add_range(&addresses, &range));
    assert_true(gate_collisions_find(policy, &addresses, NOW_S, note, text));
}

static struct policy *keyed_policy(const char *rules)
{
    struct settings settings = settings_default();
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_true(gate_key_parse("00112233445566778899aabbccddeeff", &settings.gate_key));
    for (int64_t id = 1; *rules != '\0'; id++) {
        struct compiled_rule rule = rule_take(&rules, id);
        assert_true(policy_builder_add(builder, &rule));
    }
    return policy_builder_finish(builder, &settings, 1);
}

static void expect(const struct policy *policy, const char *range, const char *expected)
{
    char buffer[TEXT_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    find(policy, range, &text);
    assert_string_equal(text.at, expected);
}

/* Only names that a rule allows exactly have an address that can be told; a name counts once. */
static void tells_who_shares(void **state)
{
    (void)state;
    struct policy *policy = keyed_policy(
        "allow a.example; allow g.example; allow c.example; allow a.example:8443;"
        "allow *.example; deny b.example; allow e.example @900; allow h.example @2000");
    expect(policy, "192.0.2.0/30",
           "192.0.2.1 a.example; 192.0.2.1 c.example; 192.0.2.2 g.example; 192.0.2.2 h.example; ");
    expect(policy, "fd00::/64", "");
    policy_unref(policy);
}

static void sees_edits(void **state)
{
    (void)state;
    struct rule_ids touched = { 0 };
    struct policy *policy = keyed_policy("allow a.example; allow b.example; allow g.example");
    struct rule_change changes[] = { { .id = 2, .is_in_force = false },
                                     { .id = 3, .is_in_force = true } };
    changes[1].rule = rule_of("allow c.example", 3);
    struct policy *edited =
        policy_with_changes(policy, changes, COUNT(changes), policy_settings(policy), &touched);
    expect(policy, "192.0.2.0/30", "192.0.2.1 a.example; 192.0.2.1 b.example; ");
    expect(edited, "192.0.2.0/30", "192.0.2.1 a.example; 192.0.2.1 c.example; ");
    policy_unref(edited);
    policy_unref(policy);
    free(touched.id);
}

static void without_a_key_there_is_nothing_to_tell(void **state)
{
    (void)state;
    struct policy *policy = policy_of("allow a.example; allow b.example; allow c.example");
    expect(policy, "192.0.2.0/30", "");
    policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_who_shares),
        cmocka_unit_test(sees_edits),
        cmocka_unit_test(without_a_key_there_is_nothing_to_tell),
    };
    return cmocka_run_group_tests_name("gate_collision", tests, NULL, NULL);
}
