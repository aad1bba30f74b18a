/* tests/unit/upstream/address_memory_test.c - addresses that failed come last, for a while. */
#include "upstream/address_memory.h"

#include "unit.h"

#include <stdlib.h>

static int64_t clock_ms;

static int64_t fake_clock(void)
{
    return clock_ms;
}

static struct endpoint endpoint_at(const char *text)
{
    struct endpoint endpoint;
    assert_true(endpoint_parse(text, -1, &endpoint));
    return endpoint;
}

static int set_up(void **state)
{
    clock_ms = 1000;
    *state = address_memory_new(fake_clock);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    address_memory_free(*state);
    return 0;
}

static void failure_is_remembered_for_a_while(void **state)
{
    const struct endpoint endpoint = endpoint_at("192.0.2.1:443");
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_GOOD);
    address_memory_note_failed(*state, &endpoint);
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_BAD);
    clock_ms += ADDRESS_MEMORY_BAD_MS - 1;
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_BAD);
    clock_ms += 1;
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_DOUBTFUL);
    clock_ms += ADDRESS_MEMORY_DOUBT_MS - ADDRESS_MEMORY_BAD_MS;
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_GOOD);
}

static void success_clears_it(void **state)
{
    const struct endpoint endpoint = endpoint_at("192.0.2.1:443");
    address_memory_note_failed(*state, &endpoint);
    address_memory_note_worked(*state, &endpoint);
    assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_GOOD);
}

static void other_port_and_address_are_others(void **state)
{
    const struct endpoint failed = endpoint_at("192.0.2.1:443");
    const struct endpoint port = endpoint_at("192.0.2.1:8443");
    const struct endpoint address = endpoint_at("192.0.2.2:443");
    address_memory_note_failed(*state, &failed);
    assert_int_equal(address_memory_rank(*state, &port), ADDRESS_RANK_GOOD);
    assert_int_equal(address_memory_rank(*state, &address), ADDRESS_RANK_GOOD);
    address_memory_note_worked(*state, &port);
    assert_int_equal(address_memory_rank(*state, &failed), ADDRESS_RANK_BAD);
}

static void begins_with_ipv6_unless_it_fails(void **state)
{
    const struct endpoint v6 = endpoint_at("[2001:db8::1]:443"), v4 = endpoint_at("192.0.2.1:443");
    assert_int_equal(address_memory_family(*state), 6);
    address_memory_note_failed(*state, &v6);
    assert_int_equal(address_memory_family(*state), 4);
    address_memory_note_failed(*state, &v4); /* neither is better */
    assert_int_equal(address_memory_family(*state), 6);
    address_memory_note_worked(*state, &v4);
    assert_int_equal(address_memory_family(*state), 4);
    clock_ms += ADDRESS_MEMORY_BAD_MS;
    assert_int_equal(address_memory_family(*state), 6);
}

static void ipv6_that_works_again_goes_first(void **state)
{
    const struct endpoint v6 = endpoint_at("[2001:db8::1]:443");
    address_memory_note_failed(*state, &v6);
    address_memory_note_worked(*state, &v6);
    assert_int_equal(address_memory_family(*state), 6);
}

/* Many failures take no more memory, and the latest is known. */
static void memory_is_bounded(void **state)
{
    struct endpoint endpoint = endpoint_at("10.0.0.0:443");
    for (unsigned i = 0; i < 100000; i++) {
        memcpy(endpoint.address.bytes, &i, 4);
        address_memory_note_failed(*state, &endpoint);
        assert_int_equal(address_memory_rank(*state, &endpoint), ADDRESS_RANK_BAD);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failure_is_remembered_for_a_while), TEST(success_clears_it),
        TEST(other_port_and_address_are_others), TEST(begins_with_ipv6_unless_it_fails),
        TEST(ipv6_that_works_again_goes_first),  TEST(memory_is_bounded),
    };
    return cmocka_run_group_tests_name("address_memory", tests, NULL, NULL);
}
