/* tests/unit/base/clock_test.c - the clocks agree with each other and do not run backwards. */
#include "base/clock.h"
#include "unit.h"

#include <time.h>

static void monotonic_never_falls(void **state)
{
    (void)state;
    int64_t last_ms = clock_monotonic_ms();
    for (int i = 0; i < 100000; i++) {
        int64_t now_ms = clock_monotonic_ms();
        assert_true(now_ms >= last_ms);
        last_ms = now_ms;
    }
}

static void realtime_is_the_systems(void **state)
{
    (void)state;
    time_t before_s = time(NULL);
    int64_t now_ms = clock_realtime_ms(), now_s = clock_realtime_s();
    time_t after_s = time(NULL);
    assert_true(now_ms / 1000 >= before_s && now_ms / 1000 <= after_s + 1);
    assert_true(now_s >= before_s - 1 && now_s <= after_s + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_never_falls),
        cmocka_unit_test(realtime_is_the_systems),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
