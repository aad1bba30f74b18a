/* tests/unit/policy/decision_ring_test.c - the last decisions, and no more. */
#include "policy/decision_ring.h"
#include "unit.h"

#include <stdlib.h>

static void holds_the_last(void **state)
{
    (void)state;
    struct decision_ring *ring = calloc(1, sizeof(*ring));
    assert_non_null(ring);
    assert_int_equal(decision_ring_count(ring), 0);
    for (int64_t i = 1; i <= 3 * DECISION_RING_PLACES + 5; i++) {
        decision_ring_add(ring)->time_ms = i;
        size_t count = decision_ring_count(ring);
        assert_int_equal(count, i < DECISION_RING_PLACES ? i : DECISION_RING_PLACES);
        for (size_t age = 0; age < count; age++)
            assert_int_equal(decision_ring_at(ring, age)->time_ms, i - (int64_t)age);
    }
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(holds_the_last) };
    return cmocka_run_group_tests_name("decision_ring", tests, NULL, NULL);
}
