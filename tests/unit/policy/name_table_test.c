/* tests/unit/policy/name_table_test.c - the table of names: colliding hashes, growth, copies. */
#include "names.h"
#include "policy/policy_layout.h"
#include "unit.h"

#include <stdio.h>

static struct name_table *new_table(void)
{
    const struct name_hash_key key = name_hash_key_random();
    struct name_table *table = name_table_new(&key);
    assert_non_null(table);
    return table;
}

/* Adds a name with all that is above it. */
static uint32_t add(struct name_table *table, const char *labels)
{
    struct table_editor editor = { .table = table };
    struct host_name name = name_of(labels);
    struct name_hashes hashes;
    struct name_path path;
    name_hashes_compute(&table->key, &name, &hashes);
    assert_true(table_editor_reach(&editor, &name, &hashes, &path));
    return path.node[0];
}

static uint32_t find(const struct name_table *table, const char *labels)
{
    struct host_name name = name_of(labels);
    return name_table_find(table, &name);
}

/* Of exact rules for port 443, for a client that is in 'any' alone. */
static const struct table_rule *winner(const struct name_table *table, uint32_t node)
{
    struct client client = { NULL, CLIENT_NO_NETWORK };
    struct rule_match match = { PATTERN_EXACT, 443, 0, &client };
    return name_table_winner(table, node, &match);
}

/* A hit is the whole label below the very parent, whatever its hash. */
static void labels_of_one_hash(void **state)
{
    (void)state;
    static const uint8_t a[] = "\1a", b[] = "\1b", longer[] = "\2ab", c[] = "\1c";
    uint8_t long_label[1 + HOST_NAME_LABEL_MAX] = { HOST_NAME_LABEL_MAX, 'a' };
    struct name_table *table = new_table();
    uint32_t top_a = name_table_add_child(table, TABLE_NONE, a, 7);
    uint32_t top_b = name_table_add_child(table, TABLE_NONE, b, 7);
    uint32_t top_longer = name_table_add_child(table, TABLE_NONE, longer, 7);
    uint32_t a_b = name_table_add_child(table, top_b, a, 7);
    assert_int_equal(name_table_find_child(table, TABLE_NONE, a, 7), top_a);
    assert_int_equal(name_table_find_child(table, TABLE_NONE, b, 7), top_b);
    assert_int_equal(name_table_find_child(table, TABLE_NONE, longer, 7), top_longer);
    assert_int_equal(name_table_find_child(table, top_b, a, 7), a_b);
    assert_int_equal(name_table_find_child(table, top_a, a, 7), TABLE_NONE);
    assert_int_equal(name_table_find_child(table, TABLE_NONE, c, 7), TABLE_NONE);
    name_table_trim(table); /* now nothing lies behind its last label */
    assert_int_equal(name_table_find_child(table, TABLE_NONE, long_label, 7), TABLE_NONE);
    name_table_unref(table);
}

static void a_path_ends_where_the_table_does(void **state)
{
    (void)state;
    struct name_table *table = new_table();
    uint32_t b = add(table, "b.a.example");
    struct host_name name = name_of("d.c.b.a.example");
    struct name_hashes hashes;
    struct name_path path;
    name_hashes_compute(&table->key, &name, &hashes);
    name_table_follow(table, &name, &hashes, &path);
    assert_int_equal(path.first, 2);
    assert_int_equal(path.node[2], b);
    assert_int_equal(path.node[3], find(table, "a.example"));
    name = name_of("other");
    name_hashes_compute(&table->key, &name, &hashes);
    name_table_follow(table, &name, &hashes, &path);
    assert_int_equal(path.first, 1);
    name_table_unref(table);
}

static void a_table_grows(void **state)
{
    (void)state;
    struct name_table *table = new_table();
    char name[32];
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example", i); /* always fits */
        assert_int_equal(add(table, name), i + 1);
    }
    uint32_t slots_before = table->slots.count;
    name_table_trim(table);
    assert_true(table->slots.count < slots_before);
    struct name_table *copy = name_table_copy(table);
    assert_non_null(copy);
    assert_int_equal(add(copy, "more.example"), 5001);
    assert_int_equal(find(table, "more.example"), TABLE_NONE);
    name_table_unref(table);
    for (uint32_t i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof(name), "n%u.example", i);
        assert_int_equal(find(copy, name), i + 1);
        struct host_name read = name_table_name(copy, i + 1), expected = name_of(name);
        assert_int_equal(read.size, expected.size);
        assert_memory_equal(read.wire, expected.wire, read.size);
    }
    name_table_unref(copy);
}

/* One that an entry has no room for stands elsewhere, and is told apart all the same. */
static void labels_of_all_sizes(void **state)
{
    (void)state;
    struct name_table *table = new_table();
    uint32_t nodes[2][HOST_NAME_LABEL_MAX + 1];
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned size = 1; size <= HOST_NAME_LABEL_MAX; size++) {
            for (unsigned last = 0; last < 2; last++) {
                uint8_t label[1 + HOST_NAME_LABEL_MAX] = { (uint8_t)size };
                memset(label + 1, 'a', size);
                label[size] = (uint8_t)('a' + last);
                if (pass == 0)
                    nodes[last][size] = name_table_add_child(table, TABLE_NONE, label, 7);
                assert_int_equal(name_table_find_child(table, TABLE_NONE, label, 7),
                                 nodes[last][size]);
                struct host_name name = name_table_name(table, nodes[last][size]);
                assert_int_equal(name.size, 1 + size + 1);
                assert_memory_equal(name.wire, label, 1 + size);
            }
        }
        name_table_trim(table);
    }
    name_table_unref(table);
}

static void a_rule_is_taken_out_of_its_list(void **state)
{
    (void)state;
    struct name_table *table = new_table();
    uint32_t node = add(table, "a.example");
    for (int64_t id = 1; id <= 3; id++) {
        struct table_rule rule = { .id = id, .expires_at = 10, .node = node, .port = 443 };
        assert_true(name_table_add_rule(table, &rule));
    }
    const struct {
        uint32_t taken_out;
        int64_t winner;
    } steps[] = { { node + 1, 1 }, { node, 3 } }; /* the name's own entry has the first one */
    for (size_t i = 0; i < COUNT(steps); i++) {
        name_table_remove_rule(table, steps[i].taken_out);
        assert_int_equal(winner(table, node)->id, steps[i].winner);
    }
    name_table_remove_rule(table, node + 2);
    assert_null(winner(table, node));
    assert_int_equal(table->dead_rule_count, 3);
    name_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_of_one_hash),
        cmocka_unit_test(a_path_ends_where_the_table_does),
        cmocka_unit_test(a_table_grows),
        cmocka_unit_test(labels_of_all_sizes),
        cmocka_unit_test(a_rule_is_taken_out_of_its_list),
    };
    return cmocka_run_group_tests_name("name_table", tests, NULL, NULL);
}
