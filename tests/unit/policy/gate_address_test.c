/* tests/unit/policy/gate_address_test.c - the addresses that names are answered with. */
#include "policy/gate_address.h"
#include "unit.h"

static bool add(struct gate_addresses *addresses, const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return gate_addresses_add(addresses, &address);
}

static void each_family_has_its_list(void **state)
{
    (void)state;
    struct gate_addresses addresses = { .v4_count = 0 };
    assert_true(add(&addresses, "192.0.2.1"));
    assert_true(add(&addresses, "2001:db8::1"));
    assert_true(add(&addresses, "::ffff:192.0.2.2")); /* IPv4 */
    assert_int_equal(addresses.v4_count, 2);
    assert_int_equal(addresses.v6_count, 1);
    assert_memory_equal(addresses.v4[0].bytes, "\xc0\0\2\1", 4);
    assert_memory_equal(addresses.v4[1].bytes, "\xc0\0\2\2", 4);
    assert_int_equal(addresses.v6[0].family, 6);
}

static void the_same_one_counts_once(void **state)
{
    (void)state;
    struct gate_addresses addresses = { .v4_count = 0 };
    for (int i = 0; i < 3; i++) {
        assert_true(add(&addresses, "192.0.2.1"));
        assert_true(add(&addresses, "2001:db8::1"));
    }
    assert_int_equal(addresses.v4_count, 1);
    assert_int_equal(addresses.v6_count, 1);
}

static void a_full_family_takes_no_more(void **state)
{
    (void)state;
    struct gate_addresses addresses = { .v4_count = 0 };
    struct ip_address address = { .family = 4, .bytes = { 192, 0, 2, 0 } };
    for (uint8_t i = 0; i < GATE_ADDRESSES_MAX; i++) {
        address.bytes[3] = i;
        assert_true(gate_addresses_add(&addresses, &address));
    }
    assert_true(gate_addresses_add(&addresses, &address)); /* is there already */
    address.bytes[3] = GATE_ADDRESSES_MAX;
    assert_false(gate_addresses_add(&addresses, &address));
    assert_int_equal(addresses.v4_count, GATE_ADDRESSES_MAX);
    assert_true(add(&addresses, "2001:db8::1"));
}

static void no_address_is_none(void **state)
{
    (void)state;
    struct gate_addresses addresses = { .v4_count = 0 };
    struct ip_address none = { .family = 0 };
    assert_false(gate_addresses_add(&addresses, &none));
    assert_false(add(&addresses, "0.0.0.0"));
    assert_false(add(&addresses, "::"));
    assert_int_equal(addresses.v4_count + addresses.v6_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_family_has_its_list),
        cmocka_unit_test(the_same_one_counts_once),
        cmocka_unit_test(a_full_family_takes_no_more),
        cmocka_unit_test(no_address_is_none),
    };
    return cmocka_run_group_tests_name("gate_address", tests, NULL, NULL);
}
