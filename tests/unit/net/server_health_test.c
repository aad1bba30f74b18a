/* tests/unit/net/server_health_test.c - what is noted of a server, and what several know of it. */
#include "net/server_health.h"
#include "unit.h"

#include <string.h>

enum { TOOK_NS = 3000000 };

static void nothing_is_known_at_first(void **state)
{
    struct server_health health = { 0 };
    struct server_health_sum sum = { 0 };
    (void)state;
    server_health_add_to(&health, &sum);
    assert_true(server_health_is_good(&sum));
    assert_int_equal(sum.answer_count + sum.failures, 0);
    assert_int_equal(sum.answered_ms, 0);
    assert_int_equal(sum.failed_ms[0], 0);
}

static void both_are_counted(void **state)
{
    struct server_health health = { 0 };
    struct server_health_sum sum = { 0 };
    (void)state;
    server_health_answered(&health, TOOK_NS);
    server_health_failed(&health, SERVER_UNREACHABLE);
    server_health_failed(&health, SERVER_TIMED_OUT);
    server_health_add_to(&health, &sum);
    assert_int_equal(sum.answer_count, 1);
    assert_int_equal(sum.failures, 2);
    assert_int_equal(sum.fault, SERVER_TIMED_OUT);
    assert_int_equal(sum.latency_ns, TOOK_NS);
    assert_int_equal(sum.answers.sum_ns, TOOK_NS);
    assert_true(sum.answered_ms > 0 && sum.failed_ms[0] >= sum.answered_ms);
}

/* Of the two, whoever asked last knows best; both counts are added. */
static void latest_counts(void **state)
{
    struct server_health early = { 0 }, late = { 0 };
    (void)state;
    server_health_failed(&early, SERVER_TIMED_OUT);
    server_health_answered(&early, 1);
    server_health_failed(&late, SERVER_UNREACHABLE);
    server_health_answered(&late, TOOK_NS);
    early.answered_ms = 10;
    early.failed_ms[0] = 20;
    late.answered_ms = 40;
    late.failed_ms[0] = 30;
    const struct server_health *orders[][2] = { { &early, &late }, { &late, &early } };
    for (int i = 0; i < 2; i++) {
        struct server_health_sum sum = { 0 };
        server_health_add_to(orders[i][0], &sum);
        server_health_add_to(orders[i][1], &sum);
        assert_true(server_health_is_good(&sum));
        assert_int_equal(sum.answer_count, 2);
        assert_int_equal(sum.failures, 2);
        assert_int_equal(sum.latency_ns, TOOK_NS);
        assert_int_equal(sum.fault, SERVER_UNREACHABLE);
    }
}

static bool is_good(const struct server_health *one, const struct server_health *other)
{
    struct server_health_sum sum = { 0 };
    server_health_add_to(one, &sum);
    server_health_add_to(other, &sum);
    return server_health_is_good(&sum);
}

/* However often it failed before its last answer. */
static void failures_in_a_row_make_it_bad(void **state)
{
    struct server_health health = { 0 }, none = { 0 };
    (void)state;
    for (int i = 0; i < SERVER_FAILS_AFTER - 1; i++)
        server_health_failed(&health, SERVER_USELESS);
    assert_true(is_good(&health, &none));
    server_health_failed(&health, SERVER_USELESS);
    assert_false(is_good(&health, &none));
    for (int i = 0; i < SERVER_FAILS_AFTER; i++)
        health.failed_ms[i] = 20 + i;
    health.answered_ms = 19;
    assert_false(is_good(&health, &none));
    health.answered_ms = 21;
    assert_true(is_good(&health, &none));
}

/* The row is of whoever asked; an answer to anybody ends it. */
static void row_is_of_all_who_asked(void **state)
{
    struct server_health one = { 0 }, other = { 0 };
    (void)state;
    for (int i = 0; i < SERVER_FAILS_AFTER; i++) {
        struct server_health *health = i % 2 == 0 ? &one : &other;
        server_health_failed(health, SERVER_TIMED_OUT);
        health->failed_ms[i / 2] = 10 + i;
    }
    assert_false(is_good(&one, &other));
    assert_false(is_good(&other, &one));
    other.answered_ms = 11;
    assert_true(is_good(&one, &other));
    assert_true(is_good(&other, &one));
}

static void each_fault_has_words(void **state)
{
    (void)state;
    assert_non_null(strstr(server_fault_words(SERVER_TIMED_OUT), "timed out"));
    assert_non_null(strstr(server_fault_words(SERVER_UNREACHABLE), "reached"));
    assert_non_null(strstr(server_fault_words(SERVER_USELESS), "no answer of use"));
}

int main(void)
{
    struct tests tests = { 0 };
    tests_add_row(&tests, "nothing is known at first", NULL, nothing_is_known_at_first);
    tests_add_row(&tests, "both are counted", NULL, both_are_counted);
    tests_add_row(&tests, "the latest counts", NULL, latest_counts);
    tests_add_row(&tests, "failures in a row make it bad", NULL, failures_in_a_row_make_it_bad);
    tests_add_row(&tests, "the row is of all who asked", NULL, row_is_of_all_who_asked);
    tests_add_row(&tests, "each fault has words", NULL, each_fault_has_words);
    return tests_run(&tests, "server health");
}
