/* tests/unit/policy/change_test.c - a policy from another and a few changes; the one it came from
 * stays as it was. */
#include "policies.h"
#include "policy/policy_builder.h"
#include "policy/policy_layout.h"

static struct rule_change now_says(int64_t id, const char *rule)
{
    return (struct rule_change){ .id = id, .is_in_force = true, .rule = rule_of(rule, id) };
}

static struct rule_change is_gone(int64_t id)
{
    return (struct rule_change){ .id = id };
}

/* Applies one change and checks which ids it touched: ids[0] up to a 0. */
static struct policy *changed(const struct policy *from, struct rule_change change,
                              const int64_t *ids)
{
    struct rule_ids touched = { NULL, 0 };
    struct policy *policy = policy_with_changes(from, &change, 1, policy_settings(from), &touched);
    assert_non_null(policy);
    size_t count = 0;
    while (ids[count] != 0)
        count++;
    assert_int_equal(touched.count, count);
    assert_memory_equal(touched.id, ids, count * sizeof(*ids));
    free(touched.id);
    return policy;
}

#define IDS(...) ((const int64_t[]){ __VA_ARGS__, 0 })

static void assert_decides(const struct policy *policy, const char *host, const char *expected)
{
    char buffer[64];
    struct verdict verdict = decide_on(policy, host, 443, 0);
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), expected);
}

static void assert_looks_up(const struct policy *policy, const char *host, const char *expected)
{
    char buffer[64];
    struct verdict verdict = look_up(policy, host, 0);
    assert_string_equal(describe_verdict(&verdict, buffer, sizeof(buffer)), expected);
}

static void a_rule_is_added(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example");
    struct policy *new = changed(old, now_says(2, "deny A.example"), IDS(1, 2));
    assert_decides(old, "a.example", "allow 1");
    assert_decides(new, "a.example", "deny_rule 2");
    assert_int_equal(policy_rule_count(old), 1);
    assert_int_equal(policy_rule_count(new), 2);
    assert_int_equal(policy_version(new), policy_version(old) + 1);
    policy_unref(old);
    policy_unref(new);
}

static void a_rule_is_taken_away(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow b.a.example; deny b.a.example; allow c.a.example");
    struct policy *new = changed(old, is_gone(2), IDS(1, 2));
    assert_decides(old, "b.a.example", "deny_rule 2");
    assert_decides(new, "b.a.example", "allow 1");
    struct policy *none = changed(new, is_gone(1), IDS(1));
    struct policy *empty = changed(none, is_gone(3), IDS(3));
    assert_looks_up(none, "a.example", "parent 0");
    assert_looks_up(empty, "a.example", "no_rule 0");
    assert_decides(new, "b.a.example", "allow 1");
    assert_int_equal(policy_rule_count(empty), 0);
    policy_unref(old);
    policy_unref(new);
    policy_unref(none);
    policy_unref(empty);
}

static void a_rule_moves_to_another_name(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow b.a.example; allow b.a.example; deny d.c.example");
    struct policy *new = changed(old, now_says(1, "allow d.c.example"), IDS(1, 2, 3));
    assert_decides(new, "b.a.example", "allow 2");
    assert_decides(new, "d.c.example", "deny_rule 3");
    assert_looks_up(new, "c.example", "no_rule 0");
    struct policy *back = changed(new, now_says(1, "allow b.a.example"), IDS(1, 2, 3));
    assert_decides(back, "b.a.example", "allow 1");
    assert_int_equal(policy_rule_count(back), 3);
    policy_unref(old);
    policy_unref(new);
    policy_unref(back);
}

static void an_edit_in_place(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow *.a.example");
    struct policy *port = changed(old, now_says(1, "allow *.a.example:22"), IDS(1));
    assert_decides(port, "b.a.example", "other_port 0");
    assert_looks_up(port, "a.example", "no_rule 0"); /* no listener there */
    struct policy *deep = changed(port, now_says(1, "allow **.a.example"), IDS(1));
    assert_decides(deep, "c.b.a.example", "allow 1");
    assert_looks_up(deep, "a.example", "parent 0");
    assert_int_equal(policy_rule_count(deep), 1);
    policy_unref(old);
    policy_unref(port);
    policy_unref(deep);
}

/* Rules of names that were there before, as parents or as another rule's, are found by id too. */
static void each_rule_is_taken_away_alone(void **state)
{
    (void)state;
    static const char *const hosts[] = { "c.b.a.example",   "b.a.example", "a.example",
                                         "d.c.b.a.example", "other.name",  "name" };
    struct policy *old = policy_of("allow c.b.a.example; allow b.a.example; allow a.example; "
                                   "allow d.c.b.a.example; allow other.name; allow name");
    for (size_t gone = 0; gone < COUNT(hosts); gone++) {
        int64_t id = (int64_t)gone + 1;
        struct policy *new = changed(old, is_gone(id), IDS(id));
        struct policy *merged = policy_merge(new);
        for (size_t i = 0; i < COUNT(hosts); i++) {
            int64_t expected = i == gone ? 0 : (int64_t)i + 1;
            assert_int_equal(decide_on(new, hosts[i], 443, 0).rule_id, expected);
            assert_int_equal(decide_on(merged, hosts[i], 443, 0).rule_id, expected);
        }
        assert_int_equal(policy_rule_count(merged), COUNT(hosts) - 1);
        policy_unref(new);
        policy_unref(merged);
    }
    policy_unref(old);
}

static void what_never_was_is_gone(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example");
    struct policy *new = changed(old, is_gone(7), IDS(7));
    struct policy *twice = changed(new, is_gone(7), IDS(7));
    assert_decides(twice, "a.example", "allow 1");
    assert_int_equal(policy_rule_count(twice), 1);
    policy_unref(old);
    policy_unref(new);
    policy_unref(twice);
}

static void settings_alone_change(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example");
    struct settings settings = *policy_settings(old);
    struct rule_ids touched = { NULL, 7 };
    settings.answer_ttl_s = 77;
    struct policy *new = policy_with_changes(old, NULL, 0, &settings, &touched);
    assert_non_null(new);
    assert_int_equal(touched.count, 0);
    assert_int_equal(policy_settings(old)->answer_ttl_s, 30);
    assert_int_equal(policy_settings(new)->answer_ttl_s, 77);
    assert_true(policy_version(new) > policy_version(old));
    struct policy *merged = policy_merge(new);
    assert_int_equal(policy_settings(merged)->answer_ttl_s, 77);
    assert_decides(merged, "a.example", "allow 1");
    free(touched.id);
    policy_unref(old);
    policy_unref(new);
    policy_unref(merged);
}

/* Each policy holds what it needs, whichever of the others is gone. */
static void outlives_what_it_came_from(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example; allow b.example");
    struct policy *new = changed(old, is_gone(1), IDS(1));
    policy_unref(old);
    struct policy *merged = policy_merge(new);
    struct policy *newer = changed(new, now_says(3, "allow c.example"), IDS(3));
    policy_unref(new);
    struct policy *rebased = policy_rebase(newer, merged);
    policy_unref(newer);
    policy_unref(merged);
    assert_decides(rebased, "a.example", "no_rule 0");
    assert_decides(rebased, "b.example", "allow 2");
    assert_decides(rebased, "c.example", "allow 3");
    assert_int_equal(policy_rule_count(rebased), 2);
    policy_unref(rebased);
}

/* A node whose parent would not be carried over has no place, and none but its own will do. */
static void node_without_its_parent_spoils_a_rebase(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example");
    struct policy *merged = policy_merge(old);
    struct policy *newer = changed(old, now_says(2, "allow b.test"), IDS(2));
    struct policy *rebased = policy_rebase(newer, merged);
    assert_decides(rebased, "b.test", "allow 2");
    name_table_node(newer->overlay, 0)->changed_at = 0;
    assert_int_equal(name_table_node(newer->overlay, 1)->parent, 0);
    assert_null(policy_rebase(newer, merged));
    policy_unref(rebased);
    policy_unref(old);
    policy_unref(newer);
    policy_unref(merged);
}

/* The rule that a merge carries over must be found again by a later edit. */
static void edits_go_on_after_a_merge(void **state)
{
    (void)state;
    struct policy *old = policy_of("allow a.example; allow b.example; allow c.example");
    struct policy *edited = changed(old, now_says(2, "allow d.example"), IDS(2));
    struct policy *merged = policy_merge(edited);
    struct policy *rebased = policy_rebase(edited, merged);
    struct policy *after = changed(rebased, is_gone(2), IDS(2));
    assert_decides(rebased, "d.example", "allow 2");
    assert_decides(after, "d.example", "no_rule 0");
    assert_decides(after, "c.example", "allow 3");
    policy_unref(old);
    policy_unref(edited);
    policy_unref(merged);
    policy_unref(rebased);
    policy_unref(after);
}

static struct policy *with_rules_added(const struct policy *from, int64_t first, size_t count)
{
    struct rule_change *changes = calloc(count, sizeof(*changes));
    assert_non_null(changes);
    for (size_t i = 0; i < count; i++) {
        char line[64];
        int64_t id = first + (int64_t)i;
        struct text text = text_in(line, sizeof(line));
        text_add_format(&text, "allow n%lld.example", (long long)id);
        changes[i] = now_says(id, line);
    }
    struct rule_ids touched;
    struct policy *policy =
        policy_with_changes(from, changes, count, policy_settings(from), &touched);
    assert_non_null(policy);
    assert_int_equal(touched.count, count);
    free(touched.id);
    free(changes);
    return policy;
}

static void a_grown_overlay_wants_a_merge(void **state)
{
    (void)state;
    struct policy *first = policy_deny_all(&test_ports);
    struct policy *small = with_rules_added(first, 1, 100);
    struct policy *large = with_rules_added(small, 101, 10000);
    assert_false(policy_wants_merge(first));
    assert_false(policy_wants_merge(small));
    assert_true(policy_wants_merge(large));
    struct policy *merged = policy_merge(large);
    struct policy *rebased = policy_rebase(large, merged);
    assert_false(policy_wants_merge(merged));
    assert_false(policy_wants_merge(rebased));
    assert_int_equal(policy_rule_count(rebased), 10100);
    assert_decides(rebased, "n1.example", "allow 1");
    assert_decides(rebased, "n10100.example", "allow 10100");
    assert_looks_up(rebased, "example", "parent 0");
    policy_unref(first);
    policy_unref(small);
    policy_unref(large);
    policy_unref(merged);
    policy_unref(rebased);
}

/* It would be as large again behind the merge. */
static void many_rules_of_one_name_want_no_merge(void **state)
{
    (void)state;
    enum { RULES = 9000 };
    struct compiled_rule *rules = calloc(RULES, sizeof(*rules));
    assert_non_null(rules);
    for (size_t i = 0; i < RULES; i++)
        rules[i] = rule_of("allow a.example", (int64_t)i + 1);
    struct policy *policy = policy_with(rules, RULES);
    struct policy *edited = changed(policy, now_says(RULES + 1, "allow b.a.example"), IDS(9001));
    assert_decides(edited, "a.example", "allow 1");
    assert_false(policy_wants_merge(edited));
    policy_unref(policy);
    policy_unref(edited);
    free(rules);
}

/* One rule edited over and over, in ten policies, leaves its old forms behind. */
static void an_overlay_full_of_old_rules_wants_a_merge(void **state)
{
    (void)state;
    struct policy *policy = policy_of("allow a.example");
    struct rule_change changes[1000];
    for (size_t i = 0; i < COUNT(changes); i++)
        changes[i] = now_says(1, i % 2 == 0 ? "deny a.example" : "allow a.example");
    for (int round = 0; round < 10; round++) {
        struct rule_ids touched;
        struct policy *next =
            policy_with_changes(policy, changes, COUNT(changes), policy_settings(policy), &touched);
        assert_non_null(next);
        assert_int_equal(touched.count, 1);
        assert_int_equal(policy_wants_merge(next), round >= 8); /* past 8192 of them */
        free(touched.id);
        policy_unref(policy);
        policy = next;
    }
    assert_int_equal(policy_rule_count(policy), 1);
    assert_decides(policy, "a.example", "allow 1");
    policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_added),
        cmocka_unit_test(a_rule_is_taken_away),
        cmocka_unit_test(a_rule_moves_to_another_name),
        cmocka_unit_test(an_edit_in_place),
        cmocka_unit_test(each_rule_is_taken_away_alone),
        cmocka_unit_test(what_never_was_is_gone),
        cmocka_unit_test(settings_alone_change),
        cmocka_unit_test(outlives_what_it_came_from),
        cmocka_unit_test(node_without_its_parent_spoils_a_rebase),
        cmocka_unit_test(edits_go_on_after_a_merge),
        cmocka_unit_test(a_grown_overlay_wants_a_merge),
        cmocka_unit_test(many_rules_of_one_name_want_no_merge),
        cmocka_unit_test(an_overlay_full_of_old_rules_wants_a_merge),
    };
    return cmocka_run_group_tests_name("policy_change", tests, NULL, NULL);
}
