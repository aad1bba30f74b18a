/* tests/unit/policy/policy_builder_test.c - rules that find their places while others are added, in
 * batches of 512: none is lost or mixed with another, whatever number there is. */
#include "policies.h"
#include "policy/policy_builder.h"

/* Of each three rules one connects to an address, one to a host and one to its own name, so that
 * what a batch held before would show. Each fourth demands no certificate. */
static struct compiled_rule rule_number(int64_t id)
{
    static const char *const places[] = { NULL, "192.0.2.1", "a-name-of-some-length.example" };
    const char *problem, *place = places[id % 3];
    char line[64];
    struct text text = text_in(line, sizeof(line));
    text_add_format(&text, "allow %sn%lld.example", id % 2 == 0 ? "a-longer-name-" : "",
                    (long long)id);
    struct compiled_rule rule = rule_of(line, id);
    assert_true(place == NULL || connect_to_parse(place, &rule.connect_to, &problem));
    if (id % 4 == 0)
        rule.requirement = requirement_new(VERIFY_NONE, NULL, 0);
    return rule;
}

static struct policy_builder *builder_with(int64_t count)
{
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_non_null(builder);
    for (int64_t id = 1; id <= count; id++) {
        struct compiled_rule rule = rule_number(id);
        assert_true(policy_builder_add(builder, &rule));
        compiled_rule_release(&rule);
    }
    return builder;
}

static void check_rule(const struct policy *policy, int64_t id)
{
    struct compiled_rule rule = rule_number(id);
    struct policy_question question = { .name = &rule.name };
    struct verdict verdict = policy_decide(policy, &question, 443, 0);
    struct connect_to connect_to = { .kind = CONNECT_TO_NAME };
    assert_int_equal(verdict.rule_id, id);
    (void)policy_connect_to(policy, &rule.name, &verdict, &connect_to);
    assert_int_equal(connect_to.kind, rule.connect_to.kind);
    if (connect_to.kind == CONNECT_TO_HOST)
        assert_true(host_name_is_within(&connect_to.host, &rule.connect_to.host));
    struct requirement *demanded = policy_requirement(policy, &rule.name, &verdict);
    assert_true(requirement_equal(demanded, rule.requirement));
    compiled_rule_release(&rule);
}

static const struct row {
    const char *name;
    int64_t count;
} rows[] = {
    { "no rule", 0 },
    { "one rule", 1 },
    { "a batch less one", 511 },
    { "a batch", 512 },
    { "a batch and one", 513 },
    { "two batches", 1024 },
    { "two batches and one", 1025 },
    { "many", 5000 },
};

static void every_rule_has_its_place(void **state)
{
    const struct row *row = *state;
    struct settings settings = settings_default();
    struct policy *policy = policy_builder_finish(builder_with(row->count), &settings, 1);
    assert_non_null(policy);
    assert_int_equal(policy_rule_count(policy), row->count);
    for (int64_t id = 1; id <= row->count; id++)
        check_rule(policy, id);
    policy_unref(policy);
}

/* What a leak would be is found by the sanitizers. */
static void half_way_it_may_be_given_up(void **state)
{
    const struct row *row = *state;
    policy_builder_free(builder_with(row->count));
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, every_rule_has_its_place);
    TESTS_ADD_TABLE(&tests, rows, half_way_it_may_be_given_up);
    return tests_run(&tests, "policy_builder");
}
