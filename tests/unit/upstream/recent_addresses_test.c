/* tests/unit/upstream/recent_addresses_test.c - which addresses of a name count as recent. */
#include "upstream/recent_addresses.h"

#include "unit.h"

static struct ip_address address_of(uint8_t last)
{
    return (struct ip_address){ .family = 4, .bytes = { 192, 0, 2, last } };
}

static void note(struct recent_addresses *recent, uint8_t last, int64_t seen_ms)
{
    const struct ip_address address = address_of(last);
    recent_addresses_note(recent, &address, seen_ms);
}

static uint32_t count_at(const struct recent_addresses *recent, int64_t now_ms)
{
    struct ip_address got[RECENT_ADDRESSES_MAX];
    return recent_addresses_get(recent, now_ms, NULL, 0, got);
}

static void is_recent_for_five_minutes(void **state)
{
    struct recent_addresses recent = { 0 };
    (void)state;
    assert_int_equal(count_at(&recent, 0), 0);
    note(&recent, 1, 1000);
    assert_int_equal(count_at(&recent, 1000 + RECENT_ADDRESSES_MS - 1), 1);
    assert_int_equal(count_at(&recent, 1000 + RECENT_ADDRESSES_MS), 0);
    note(&recent, 1, 5000); /* seen again */
    assert_int_equal(count_at(&recent, 1000 + RECENT_ADDRESSES_MS), 1);
}

static void what_it_has_is_not_told_twice(void **state)
{
    struct recent_addresses recent = { 0 };
    struct ip_address got[RECENT_ADDRESSES_MAX];
    const struct ip_address current[] = { address_of(2), address_of(9) };
    const struct ip_address expected = address_of(1);
    (void)state;
    note(&recent, 1, 0);
    note(&recent, 2, 0);
    assert_int_equal(recent_addresses_get(&recent, 1, current, COUNT(current), got), 1);
    assert_true(ip_address_equal(&got[0], &expected));
}

static void those_that_are_there_stay(void **state)
{
    struct recent_addresses recent = { 0 };
    struct ip_address got[RECENT_ADDRESSES_MAX];
    const struct ip_address late = address_of(200);
    (void)state;
    for (uint8_t i = 0; i < RECENT_ADDRESSES_MAX; i++)
        note(&recent, i, 0);
    note(&recent, 200, RECENT_ADDRESSES_MS - 1);
    assert_int_equal(count_at(&recent, 1), RECENT_ADDRESSES_MAX);
    note(&recent, 200, RECENT_ADDRESSES_MS); /* they are recent no more */
    assert_int_equal(recent_addresses_get(&recent, RECENT_ADDRESSES_MS, NULL, 0, got), 1);
    assert_true(ip_address_equal(&got[0], &late));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_recent_for_five_minutes),
        cmocka_unit_test(what_it_has_is_not_told_twice),
        cmocka_unit_test(those_that_are_there_stay),
    };
    return cmocka_run_group_tests_name("recent_addresses", tests, NULL, NULL);
}
