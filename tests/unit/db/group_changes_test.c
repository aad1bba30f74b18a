/* tests/unit/db/group_changes_test.c - edits of groups and networks, read as changes: which rules
 * they concern, and what a policy decides after them. */
#include "policy_bench.h"

/* Rules 1 for 'build', 2 for 'test', a denial 3 for 'lost', a group that is not there, and 4 for
 * everybody. 'build' has a network, 'test' has none. */
static const char start[] =
    "INSERT INTO client_group (name) VALUES ('build'), ('test');"
    "INSERT INTO client_network VALUES ('build', '10.1.0.0/16');"
    "INSERT INTO rule (target, clients) VALUES ('a.example', 'build'), ('b.example', 'test');"
    "DROP TRIGGER rule_insert_explains_clients;"
    "INSERT INTO rule (target, clients, action) VALUES ('c.example', 'lost', 'deny');"
    "INSERT INTO rule (target) VALUES ('c.example')";

/* Which of the names the client is allowed, as letters. */
static const struct edit_row {
    const char *name, *statements;
    int64_t ids[4]; /* to be read again */
    const char *client, *allowed;
} edit_rows[] = {
    { "nothing", "", { 0 }, "10.1.0.1", "a" },
    { "one more network",
      "INSERT INTO client_network VALUES ('build', '10.2.0.0/16')",
      { 0 },
      "10.2.0.1",
      "a" },
    { "a network moved",
      "UPDATE client_network SET cidr = '10.2.0.0/16' WHERE client_group = 'build'",
      { 0 },
      "10.1.0.1",
      "" },
    { "the first network",
      "INSERT INTO client_network VALUES ('test', '10.1.2.0/24')",
      { 2 },
      "10.1.2.1",
      "ab" },
    { "the last network gone", "DELETE FROM client_network", { 1 }, "10.1.0.1", "" },
    { "a network that can't be read",
      "INSERT INTO client_network VALUES ('build', 'fd00::1/8')",
      { 1 },
      "10.2.0.1",
      "" },
    { "a network that can't be read, of a group with a denial",
      "INSERT INTO client_network VALUES ('build', 'fd00::1/8');"
      "INSERT INTO rule (target, clients, action) VALUES ('d.example', 'build', 'deny');"
      "INSERT INTO rule (target) VALUES ('d.example')",
      { 1, 5, 6 },
      "10.9.0.1",
      "" },
    { "a network given to another group",
      "UPDATE client_network SET client_group = 'test'",
      { 1, 2 },
      "10.1.0.1",
      "b" },
    { "a network and a rule",
      "DELETE FROM client_network; UPDATE rule SET action = 'deny' WHERE id IN (1, 4)",
      { 1, 4 },
      "10.1.0.1",
      "" },
    { "a new group", "INSERT INTO client_group (name) VALUES ('new')", { 0 }, "10.1.0.1", "a" },
    { "a new group with a network and a rule",
      "INSERT INTO client_group (name) VALUES ('new');"
      "INSERT INTO client_network VALUES ('new', '10.3.0.0/16');"
      "INSERT INTO rule (target, clients) VALUES ('d.example', 'new')",
      { 5 },
      "10.3.0.1",
      "d" },
    { "a group that a denial waited for",
      "INSERT INTO client_group (name) VALUES ('lost')",
      { 3 },
      "10.1.0.1",
      "ac" },
    { "a group deleted under its rule",
      "DROP TRIGGER client_group_delete_explains; DELETE FROM client_group WHERE name = 'build'",
      { 1 },
      "10.1.0.1",
      "" },
    { "a group deleted and made again",
      "DROP TRIGGER client_group_delete_explains; DELETE FROM client_group WHERE name = 'build';"
      "INSERT INTO client_group (name) VALUES ('build');"
      "INSERT INTO client_network VALUES ('build', '10.2.0.0/16')",
      { 1 },
      "10.2.0.1",
      "a" },
    { "a group replaced",
      "REPLACE INTO client_group (name) VALUES ('build')",
      { 1 },
      "10.1.0.1",
      "a" },
};

static void assert_allowed(const struct policy *policy, const char *client, const char *allowed)
{
    struct policy_question question = { 0 };
    assert_true(ip_address_parse(client, &question.client));
    for (char letter = 'a'; letter <= 'd'; letter++) {
        const char text[] = { letter, '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e' };
        struct host_name host;
        assert_int_equal(host_name_parse(text, sizeof(text), &host), HOST_NAME_OK);
        question.name = &host;
        bool is_allowed = policy_decide(policy, &question, PORT, NOW_S).decision == DECISION_ALLOW;
        if (is_allowed != (strchr(allowed, letter) != NULL))
            fail_msg("%c.example is %s", letter, is_allowed ? "allowed" : "denied");
    }
}

/* As the policy thread does. */
static struct policy *with_changes(const struct bench *bench, const struct policy *from)
{
    struct rule_ids touched;
    struct policy *policy = policy_with_changes(from, bench->changes.changes, bench->changes.count,
                                                policy_settings(from), &touched);
    assert_non_null(policy);
    if (bench->changes.groups != NULL)
        policy_set_groups(policy, bench->changes.groups);
    free(touched.id);
    return policy;
}

/* The same whether it was read as changes or whole, and after a merge that was begun before it. */
static void edit_is_read(void **state)
{
    const struct edit_row *row = *state;
    void *workspace = NULL;
    assert_int_equal(workspace_setup(&workspace), 0);
    const char *path = ((struct workspace *)workspace)->path;
    make_policy(path, start);
    struct bench *bench = bench_new(path);
    struct policy *policy = load(bench), *merged = policy_merge(policy);
    run_sql(path, row->statements);
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_false(bench->changes.has_stale_status);
    size_t count = 0;
    for (; row->ids[count] != 0; count++)
        assert_int_equal(bench->room[count].id, row->ids[count]);
    assert_int_equal(bench->changes.count, count);

    struct policy *changed = with_changes(bench, policy);
    struct policy *rebased = policy_rebase(changed, merged), *whole;
    read_changes(bench); /* once only */
    assert_int_equal(bench->changes.count, 0);
    assert_null(bench->changes.groups);
    whole = load(bench);
    struct policy *all[] = { changed, rebased, whole, policy, merged };
    for (size_t i = 0; i < 3; i++)
        assert_allowed(all[i], row->client, row->allowed);
    for (size_t i = 0; i < COUNT(all); i++)
        policy_unref(all[i]);
    bench_free(bench);
    assert_int_equal(workspace_teardown(&workspace), 0);
}

#define MANY_RULES                                                                                 \
    ";INSERT INTO rule (target, clients) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"               \
    " SELECT i + 1 FROM n WHERE i < 1001) SELECT 'host' || i || '.example', 'test' FROM n;"

/* More rules than fit: their status may all be stale, but a network changes none of them. */
static void network_of_a_large_group_is_read_as_a_change(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, start);
    run_sql(workspace->path, MANY_RULES);
    struct bench *bench = bench_new(workspace->path);
    policy_unref(load(bench));
    run_sql(workspace->path, "INSERT INTO client_network VALUES ('test', '10.9.0.0/16');"
                             "UPDATE rule SET enabled = 0 WHERE id = 1");
    read_changes(bench);
    assert_false(bench->changes.is_too_many);
    assert_true(bench->changes.has_stale_status);
    assert_non_null(bench->changes.groups);
    assert_int_equal(bench->changes.count, 1);
    assert_int_equal(bench->room[0].id, 1);
    run_sql(workspace->path, "INSERT INTO client_network VALUES ('test', '10.8.0.0/16')");
    read_changes(bench);
    assert_false(bench->changes.has_stale_status);
    assert_int_equal(bench->changes.count, 0);
    bench_free(bench);
}

/* A group that comes to have another id changes all its rules. */
static void large_group_made_again_is_loaded_whole(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, start);
    run_sql(workspace->path, MANY_RULES);
    struct bench *bench = bench_new(workspace->path);
    policy_unref(load(bench));
    run_sql(workspace->path, "REPLACE INTO client_group (name) VALUES ('test')");
    read_changes(bench);
    assert_true(bench->changes.is_too_many);
    assert_null(bench->changes.groups);
    bench_free(bench);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(network_of_a_large_group_is_read_as_a_change),
        WORKSPACE_TEST(large_group_made_again_is_loaded_whole),
    };
    TESTS_ADD_TABLE(&tests, edit_rows, edit_is_read);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "group_changes");
}
