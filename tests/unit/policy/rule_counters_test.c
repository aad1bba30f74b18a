/* tests/unit/policy/rule_counters_test.c - how often each rule decided: exact while there is room,
 * and no rule's counts are another's when there is none. */
#include "policy/rule_counters.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

static void counts_what_a_rule_decides(void **state)
{
    (void)state;
    struct rule_counters *counters = rule_counters_new(64);
    struct rule_count seven = { 0 }, nobody = { 0 };
    for (int i = 0; i < 3; i++)
        rule_counters_query(counters, 7, 100 + i);
    rule_counters_connection(counters, 7, 110);
    rule_counters_query(counters, 8, 120);
    rule_counters_opened(counters, 7);
    rule_counters_opened(counters, 7);
    rule_counters_closed(counters, 7);
    rule_counters_add_to(counters, 7, &seven);
    rule_counters_add_to(counters, 9, &nobody);
    assert_int_equal(seven.queries, 3);
    assert_int_equal(seven.connections, 1);
    assert_int_equal(seven.last_used_s, 110);
    assert_int_equal(seven.live_connections, 1);
    assert_int_equal(nobody.queries + nobody.connections, 0);
    assert_int_equal(nobody.last_used_s, 0);
    rule_counters_free(counters);
}

static void sums_of_workers_add_up(void **state)
{
    (void)state;
    struct rule_counters *one = rule_counters_new(64), *two = rule_counters_new(64);
    struct rule_count sum = { 0 };
    rule_counters_query(one, 7, 200);
    rule_counters_query(two, 7, 100);
    rule_counters_add_to(one, 7, &sum);
    rule_counters_add_to(two, 7, &sum);
    assert_int_equal(sum.queries, 2);
    assert_int_equal(sum.last_used_s, 200);
    rule_counters_free(one);
    rule_counters_free(two);
}

enum { PLACES = 64, RULES = 300 };

static void note_place(void *context, const struct rule_count *count)
{
    uint64_t *sums = context;
    assert_int_equal(count->queries, 2 * (uint64_t)count->rule_id);
    sums[0]++;
    sums[1] += count->queries;
}

static void a_full_table_says_what_it_left_out(void **state)
{
    (void)state;
    struct rule_counters *counters = rule_counters_new(PLACES);
    uint64_t sums[2] = { 0 }, made = 0;
    for (int round = 0; round < 2; round++)
        for (int64_t rule = 1; rule <= RULES; rule++)
            for (int64_t i = 0; i < rule; i++, made++)
                rule_counters_query(counters, rule, 100);
    rule_counters_each(counters, note_place, sums);
    assert_int_equal(sums[0], PLACES);
    assert_int_equal(sums[1] + rule_counters_left_out(counters), made);
    rule_counters_free(counters);
}

static void connections_without_a_place_do_no_harm(void **state)
{
    (void)state;
    struct rule_counters *counters = rule_counters_new(PLACES);
    uint64_t live = 0;
    for (int64_t rule = 1; rule <= RULES; rule++) {
        rule_counters_connection(counters, rule, 100);
        rule_counters_opened(counters, rule);
    }
    for (int64_t rule = 1; rule <= RULES; rule++)
        rule_counters_closed(counters, rule);
    for (int64_t rule = 1; rule <= RULES; rule++) {
        struct rule_count count = { 0 };
        rule_counters_add_to(counters, rule, &count);
        live += count.live_connections;
    }
    assert_int_equal(live, 0);
    rule_counters_free(counters);
}

static struct rule_count count_of(const struct rule_counters *counters, int64_t rule)
{
    struct rule_count count = { 0 };
    rule_counters_add_to(counters, rule, &count);
    return count;
}

/* Sixteen places: each rule may take any. Rule 3 was used longest ago, but for rule 5, which has a
 * connection open. */
static struct rule_counters *full_counters(void)
{
    struct rule_counters *counters = rule_counters_new(RULE_COUNTERS_PROBES);
    rule_counters_connection(counters, 5, 10);
    rule_counters_opened(counters, 5);
    for (int64_t rule = 1; rule <= RULE_COUNTERS_PROBES; rule++)
        if (rule != 5)
            rule_counters_query(counters, rule, rule == 3 ? 50 : 100 + rule);
    rule_counters_query(counters, 3, 50);
    return counters;
}

static void a_newcomer_takes_the_place_used_longest_ago(void **state)
{
    (void)state;
    struct rule_counters *counters = full_counters();
    rule_counters_query(counters, 77, 50 + RULE_COUNTERS_IDLE_S);
    assert_int_equal(count_of(counters, 77).queries, 1);
    assert_int_equal(count_of(counters, 77).last_used_s, 50 + RULE_COUNTERS_IDLE_S);
    assert_int_equal(count_of(counters, 3).queries, 0);
    assert_int_equal(count_of(counters, 3).last_used_s, 0);
    assert_int_equal(count_of(counters, 5).live_connections, 1);
    for (int64_t rule = 1; rule <= RULE_COUNTERS_PROBES; rule++)
        if (rule != 3)
            assert_int_equal(
                count_of(counters, rule).queries + count_of(counters, rule).connections, 1);
    assert_int_equal(rule_counters_left_out(counters), 2);
    rule_counters_free(counters);
}

static void places_used_lately_or_with_connections_are_kept(void **state)
{
    (void)state;
    struct rule_counters *counters = full_counters();
    rule_counters_query(counters, 77, 49 + RULE_COUNTERS_IDLE_S);
    assert_int_equal(count_of(counters, 77).queries, 0);
    assert_int_equal(count_of(counters, 3).queries, 2);
    assert_int_equal(rule_counters_left_out(counters), 1);
    for (int64_t rule = 100; rule < 200; rule++)
        rule_counters_query(counters, rule, 100000);
    assert_int_equal(count_of(counters, 5).live_connections, 1);
    rule_counters_free(counters);
}

static void a_connection_from_before_its_place_does_no_harm(void **state)
{
    (void)state;
    struct rule_counters *counters = full_counters();
    rule_counters_connection(counters, 77, 60);
    rule_counters_opened(counters, 77);
    rule_counters_query(counters, 77, 100000);
    rule_counters_closed(counters, 77);
    assert_int_equal(count_of(counters, 77).queries, 1);
    assert_int_equal(count_of(counters, 77).live_connections, 0);
    rule_counters_free(counters);
}

/* The next second has tries of its own. */
static void a_flood_looks_for_few_places(void **state)
{
    (void)state;
    enum { NOW_S = 100000 };
    struct rule_counters *counters = full_counters();
    rule_counters_opened(counters, 3);
    for (int64_t rule = 1; rule <= RULE_COUNTERS_PROBES; rule++)
        if (rule != 3)
            rule_counters_query(counters, rule, NOW_S);
    for (int64_t i = 0; i < RULE_COUNTERS_TRIES_PER_SECOND; i++)
        rule_counters_query(counters, 100 + i, NOW_S);
    rule_counters_closed(counters, 3); /* its place might be had now */
    rule_counters_query(counters, 77, NOW_S);
    assert_int_equal(count_of(counters, 77).queries, 0);
    rule_counters_query(counters, 77, NOW_S + 1);
    assert_int_equal(count_of(counters, 77).queries, 1);
    assert_int_equal(count_of(counters, 3).queries, 0);
    rule_counters_free(counters);
}

enum { WRITES = 100000 };

static void *write_many(void *context)
{
    for (int64_t i = 0; i < WRITES; i++)
        rule_counters_query(context, 1 + i % RULES, i);
    return NULL;
}

/* For the thread sanitizer, and: what is read never falls. */
static void may_be_read_while_it_is_written(void **state)
{
    (void)state;
    struct rule_counters *counters = rule_counters_new(1024);
    struct rule_count sum = { 0 };
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_many, counters), 0);
    for (uint64_t before = 0, i = 0; i < 10000; i++) {
        struct rule_count now = { 0 };
        rule_counters_add_to(counters, 1, &now);
        assert_true(now.queries >= before);
        before = now.queries;
    }
    (void)pthread_join(writer, NULL);
    for (int64_t rule = 1; rule <= RULES; rule++)
        rule_counters_add_to(counters, rule, &sum);
    assert_int_equal(sum.queries, WRITES);
    rule_counters_free(counters);
}

enum { TURNS = 20 * WRITES };

struct writing {
    struct rule_counters *counters;
    atomic_bool is_over;
};

/* Ever new rules take the few places from each other; the last use of each follows from its id. */
static void *write_in_turn(void *context)
{
    struct writing *writing = context;
    for (int64_t rule = 1; rule <= TURNS; rule++)
        rule_counters_query(writing->counters, rule, rule * RULE_COUNTERS_IDLE_S);
    atomic_store(&writing->is_over, true);
    return NULL;
}

static void check_place(void *context, const struct rule_count *count)
{
    uint64_t *seen = context;
    assert_in_range(count->rule_id, 1, TURNS);
    assert_in_range(count->queries, 0, 1);
    if (count->last_used_s != 0)
        assert_int_equal(count->last_used_s, count->rule_id * RULE_COUNTERS_IDLE_S);
    ++*seen;
}

static void what_is_read_is_never_anothers(void **state)
{
    (void)state;
    struct writing writing = { .counters = rule_counters_new(RULE_COUNTERS_PROBES) };
    uint64_t seen = 0;
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_in_turn, &writing), 0);
    for (bool is_over = false; !is_over;) {
        is_over = atomic_load(&writing.is_over);
        rule_counters_each(writing.counters, check_place, &seen);
    }
    (void)pthread_join(writer, NULL);
    assert_true(seen >= RULE_COUNTERS_PROBES);
    rule_counters_free(writing.counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_a_rule_decides),
        cmocka_unit_test(sums_of_workers_add_up),
        cmocka_unit_test(a_full_table_says_what_it_left_out),
        cmocka_unit_test(connections_without_a_place_do_no_harm),
        cmocka_unit_test(may_be_read_while_it_is_written),
        cmocka_unit_test(a_newcomer_takes_the_place_used_longest_ago),
        cmocka_unit_test(places_used_lately_or_with_connections_are_kept),
        cmocka_unit_test(a_connection_from_before_its_place_does_no_harm),
        cmocka_unit_test(a_flood_looks_for_few_places),
        cmocka_unit_test(what_is_read_is_never_anothers),
    };
    return cmocka_run_group_tests_name("rule_counters", tests, NULL, NULL);
}
