/* tests/unit/status/traffic_history_test.c - the last hour, a minute a slot. */
#include "status/traffic_history.h"
#include "unit.h"

#include <stdlib.h>

static struct status_slot queries(uint64_t count)
{
    return (struct status_slot){ .queries = count };
}

static struct status_traffic *show(const struct traffic_history *history, int64_t now_ms,
                                   uint64_t count)
{
    struct traffic_moment moment = { now_ms, 1000000, queries(count) };
    struct status_traffic *traffic = calloc(1, sizeof(*traffic));
    assert_non_null(traffic);
    traffic_history_show(history, &moment, traffic);
    return traffic;
}

static void begins_with_one_slot(void **state)
{
    (void)state;
    struct traffic_history history;
    struct status_slot before = queries(5);
    traffic_history_init(&history, 7000, &before);
    struct status_traffic *traffic = show(&history, 17000, 8);
    assert_int_equal(traffic->slot_count, 1);
    assert_int_equal(traffic->slot[0].queries, 3);
    assert_int_equal(traffic->total.queries, 8);
    assert_int_equal(traffic->end_s, 1000000 + 50);
    assert_int_equal(traffic->slot_s, 60);
    free(traffic);
}

static void a_minute_is_a_slot(void **state)
{
    (void)state;
    struct traffic_history history;
    struct status_slot totals = queries(0);
    traffic_history_init(&history, 0, &totals);
    totals = queries(10);
    traffic_history_note(&history, 59999, &totals);
    assert_int_equal(history.slot_count, 0);
    traffic_history_note(&history, 60000, &totals);
    totals = queries(14);
    traffic_history_note(&history, 180500, &totals); /* late: the second slot has it */
    struct status_traffic *traffic = show(&history, 190000, 15);
    assert_int_equal(traffic->slot_count, 4);
    assert_int_equal(traffic->slot[0].queries, 10);
    assert_int_equal(traffic->slot[1].queries, 4);
    assert_int_equal(traffic->slot[2].queries, 0);
    assert_int_equal(traffic->slot[3].queries, 1);
    free(traffic);
}

static void holds_an_hour(void **state)
{
    (void)state;
    struct traffic_history history;
    struct status_slot totals = queries(0);
    traffic_history_init(&history, 0, &totals);
    for (int64_t minute = 1; minute <= 200; minute++) {
        totals.queries += (uint64_t)minute;
        traffic_history_note(&history, minute * TRAFFIC_SLOT_MS, &totals);
    }
    struct status_traffic *traffic = show(&history, 200 * TRAFFIC_SLOT_MS, totals.queries);
    assert_int_equal(traffic->slot_count, STATUS_SLOTS);
    for (uint32_t i = 0; i < STATUS_SLOTS - 1; i++)
        assert_int_equal(traffic->slot[i].queries, 142 + i);
    assert_int_equal(traffic->slot[STATUS_SLOTS - 1].queries, 0);
    free(traffic);
}

static void a_long_sleep_leaves_nothing_to_show(void **state)
{
    (void)state;
    struct traffic_history history;
    struct status_slot totals = queries(0);
    traffic_history_init(&history, 0, &totals);
    totals = queries(9);
    int64_t late_ms = INT64_C(1000000) * TRAFFIC_SLOT_MS + 30000;
    traffic_history_note(&history, late_ms, &totals);
    struct status_traffic *traffic = show(&history, late_ms, 9);
    assert_int_equal(traffic->slot_count, STATUS_SLOTS);
    for (uint32_t i = 1; i < STATUS_SLOTS; i++)
        assert_int_equal(traffic->slot[i].queries, 0);
    assert_int_equal(traffic->end_s, 1000000 + 30);
    free(traffic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_one_slot),
        cmocka_unit_test(a_minute_is_a_slot),
        cmocka_unit_test(holds_an_hour),
        cmocka_unit_test(a_long_sleep_leaves_nothing_to_show),
    };
    return cmocka_run_group_tests_name("traffic_history", tests, NULL, NULL);
}
