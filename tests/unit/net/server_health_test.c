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
    assert_int_equal(sum.failed_ms, 0);
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
    assert_true(sum.answered_ms > 0 && sum.failed_ms >= sum.answered_ms);
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
    early.failed_ms = 20;
    late.answered_ms = 40;
    late.failed_ms = 30;
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

static void last_failure_makes_it_bad(void **state)
{
    struct server_health health = { 0 };
    struct server_health_sum sum = { 0 };
    (void)state;
    server_health_answered(&health, TOOK_NS);
    server_health_failed(&health, SERVER_USELESS);
    health.answered_ms = 10;
    health.failed_ms = 11;
    server_health_add_to(&health, &sum);
    assert_false(server_health_is_good(&sum));
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
    tests_add_row(&tests, "the last failure makes it bad", NULL, last_failure_makes_it_bad);
    tests_add_row(&tests, "each fault has words", NULL, each_fault_has_words);
    return tests_run(&tests, "server health");
}
