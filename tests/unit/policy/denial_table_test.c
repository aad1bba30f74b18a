/* tests/unit/policy/denial_table_test.c - denials until they are written down: counted while there
 * is room, and under a flood those that matter. */
#include "base/text.h"
#include "names.h"
#include "policy/denial_table.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLACES = 1024 };

static struct denial denial_of(uint32_t group, const char *name, uint16_t port)
{
    struct denial denial = { .group = group,
                             .port = port,
                             .reason = REASON_NO_RULE,
                             .count = 1,
                             .first_seen_s = 100,
                             .last_seen_s = 100,
                             .name = name_of(name) };
    (void)snprintf(denial.group_name, sizeof(denial.group_name), "group%u", group);
    return denial;
}

static void add(struct denial_table *table, uint32_t group, const char *name)
{
    struct denial denial = denial_of(group, name, 443);
    denial_table_add(table, &denial);
}

/* Random names of one group, none of which comes twice. */
static void flood(struct denial_table *table, uint32_t group, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "r%u.flood.example", i);
        add(table, group, name);
    }
}

struct taken {
    struct denial denials[PLACES];
    size_t count;
};

static struct taken *take(struct denial_table *table)
{
    struct taken *taken = calloc(1, sizeof(*taken));
    assert_non_null(taken);
    assert_in_range(denial_table_count(table), 0, PLACES);
    taken->count = denial_table_take(table, taken->denials);
    assert_int_equal(denial_table_count(table), 0);
    return taken;
}

static const struct denial *find(const struct taken *taken, uint32_t group, const char *name)
{
    char buffer[256];
    for (size_t i = 0; i < taken->count; i++) {
        struct text text = text_in(buffer, sizeof(buffer));
        host_name_add_to(&taken->denials[i].name, &text);
        if (taken->denials[i].group == group && strcmp(buffer, name) == 0)
            return &taken->denials[i];
    }
    return NULL;
}

static void joins_what_is_the_same(void **state)
{
    (void)state;
    struct denial_table *table = denial_table_new(PLACES);
    struct denial later = denial_of(1, "a.example", 443);
    later.count = 3;
    later.first_seen_s = later.last_seen_s = 200;
    later.reason = REASON_DENY_RULE;
    add(table, 1, "a.example");
    denial_table_add(table, &later);
    struct denial other_port = denial_of(1, "a.example", 8443);
    denial_table_add(table, &other_port);
    add(table, 2, "a.example");
    assert_int_equal(denial_table_count(table), 3);
    struct taken *taken = take(table);
    assert_int_equal(taken->count, 3);
    for (size_t i = 0; i < taken->count; i++) {
        const struct denial *denial = &taken->denials[i];
        bool is_joined = denial->group == 1 && denial->port == 443;
        assert_int_equal(denial->count, is_joined ? 4 : 1);
        assert_int_equal(denial->often, denial->count);
        assert_int_equal(denial->reason, is_joined ? REASON_DENY_RULE : REASON_NO_RULE);
        assert_int_equal(denial->first_seen_s, 100);
        assert_int_equal(denial->last_seen_s, is_joined ? 200 : 100);
        assert_string_equal(denial->group_name, denial->group == 1 ? "group1" : "group2");
    }
    free(taken);
    taken = take(table);
    assert_int_equal(taken->count, 0);
    free(taken);
    denial_table_free(table);
}

/* Each is in the table, or counted. */
static void loses_count_of_nothing(void **state)
{
    (void)state;
    struct denial_table *table = denial_table_new(PLACES);
    flood(table, 1, 0, 100000);
    flood(table, 2, 0, 10);
    struct taken *taken = take(table);
    uint64_t count = denial_table_left_out(table, DENIAL_WITHOUT_ROOM, REASON_NO_RULE);
    for (size_t i = 0; i < taken->count; i++)
        count += taken->denials[i].count;
    assert_int_equal(count, 100010);
    assert_int_equal(denial_table_left_out(table, DENIAL_WITHOUT_NAME, REASON_NO_RULE), 0);
    free(taken);
    denial_table_free(table);
}

static void what_comes_often_survives_a_flood(void **state)
{
    (void)state;
    enum { NAMES = 20 };
    struct denial_table *table = denial_table_new(PLACES);
    flood(table, 1, 100000, 20000); /* it is full when they come */
    for (unsigned round = 0; round < 1000; round++) {
        flood(table, 1, round * 100, 100);
        for (unsigned i = 0; i < NAMES && round % 10 == 0; i++) {
            char name[32];
            (void)snprintf(name, sizeof(name), "often%u.example", i);
            add(table, 1, name);
        }
    }
    struct taken *taken = take(table);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "often%u.example", i);
        const struct denial *denial = find(taken, 1, name);
        assert_non_null(denial);
        assert_in_range(denial->count, 80, 100);
    }
    free(taken);
    denial_table_free(table);
}

/* A full table of names that came twice; then another one comes once. True when it got no place. */
static bool keeps_what_came_twice(void)
{
    bool is_kept = true;
    struct denial_table *table = denial_table_new(DENIAL_BUCKET_PLACES);
    for (unsigned i = 0; i < 2 * DENIAL_BUCKET_PLACES; i++) {
        char name[] = "a.example";
        name[0] = (char)('a' + i % DENIAL_BUCKET_PLACES);
        add(table, 1, name);
    }
    add(table, 1, "once.example");
    struct taken *taken = take(table);
    assert_int_equal(taken->count, DENIAL_BUCKET_PLACES);
    for (size_t i = 0; i < taken->count; i++)
        is_kept = is_kept && taken->denials[i].count == 2;
    free(taken);
    denial_table_free(table);
    return is_kept;
}

/* The sketch of so small a table takes one name for another now and then: once in 250 tables. */
static void what_came_once_takes_no_place(void **state)
{
    (void)state;
    unsigned kept = 0;
    for (unsigned i = 0; i < 20; i++)
        kept += keeps_what_came_twice();
    assert_in_range(kept, 17, 20);
}

/* Half of a bucket, where two groups want it. One bucket, as the hash spreads names unevenly. */
static void another_group_has_its_share(void **state)
{
    (void)state;
    enum { NAMES = DENIAL_BUCKET_PLACES / 2 };
    static const char *const names[NAMES] = { "a.example", "b.example", "c.example", "d.example" };
    struct denial_table *table = denial_table_new(DENIAL_BUCKET_PLACES);
    flood(table, 1, 0, 50000);
    for (unsigned i = 0; i < NAMES; i++) { /* each comes once, in the midst of the flood */
        add(table, 2, names[i]);
        flood(table, 1, 50000 + i * 500, 500);
    }
    struct taken *taken = take(table);
    for (unsigned i = 0; i < NAMES; i++)
        assert_non_null(find(taken, 2, names[i]));
    free(taken);
    denial_table_free(table);
}

/* More groups than a bucket has places: none has a right to one, and none breaks anything. */
static void more_groups_than_places(void **state)
{
    (void)state;
    struct denial_table *table = denial_table_new(DENIAL_BUCKET_PLACES);
    for (uint32_t group = 1; group <= 100; group++)
        add(table, group, "a.example");
    assert_int_equal(denial_table_count(table), DENIAL_BUCKET_PLACES);
    for (int i = 0; i < 3; i++)
        add(table, 100, "a.example"); /* often enough to be let in */
    struct taken *taken = take(table);
    assert_non_null(find(taken, 100, "a.example"));
    free(taken);
    denial_table_free(table);
}

static void counts_what_has_no_name(void **state)
{
    (void)state;
    struct denial_table *table = denial_table_new(PLACES);
    denial_table_leave_out(table, DENIAL_WITHOUT_NAME, REASON_BAD_SERVER_NAME, 2);
    denial_table_leave_out(table, DENIAL_WITHOUT_NAME, REASON_BAD_SERVER_NAME, 1);
    assert_int_equal(denial_table_left_out(table, DENIAL_WITHOUT_NAME, REASON_BAD_SERVER_NAME), 3);
    assert_int_equal(denial_table_left_out(table, DENIAL_WITHOUT_ROOM, REASON_BAD_SERVER_NAME), 0);
    denial_table_free(table);
    denial_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_what_is_the_same),
        cmocka_unit_test(loses_count_of_nothing),
        cmocka_unit_test(what_comes_often_survives_a_flood),
        cmocka_unit_test(what_came_once_takes_no_place),
        cmocka_unit_test(another_group_has_its_share),
        cmocka_unit_test(more_groups_than_places),
        cmocka_unit_test(counts_what_has_no_name),
    };
    return cmocka_run_group_tests_name("denial_table", tests, NULL, NULL);
}
