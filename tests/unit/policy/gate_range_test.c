/* tests/unit/policy/gate_range_test.c - the address of its own that a range gives each name. */
#include "base/text.h"
#include "names.h"
#include "policy/gate_address.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 2000, TEXT_BYTES = 64 };

#define KEY_TEXT "00112233445566778899aabbccddeeff"

static bool add_range(struct gate_addresses *addresses, const char *text)
{
    struct ip_network range;
    assert_true(ip_network_parse(text, &range));
    return gate_addresses_add_range(addresses, &range);
}

static struct gate_addresses with_range(const char *text)
{
    struct gate_addresses addresses = { 0 };
    assert_true(add_range(&addresses, text));
    return addresses;
}

static struct gate_key key_of(const char *text)
{
    struct gate_key key;
    assert_true(gate_key_parse(text, &key));
    return key;
}

static struct host_name numbered_name(unsigned number)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "n%u.example.com", number);
    return name_of(text);
}

static struct ip_address address_of(const struct gate_addresses *addresses, const char *key_text,
                                    const struct host_name *name, unsigned family)
{
    struct gate_key key = key_of(key_text);
    struct ip_address address = { 0 };
    assert_true(gate_address_of_name(addresses, &key, name, family, &address));
    return address;
}

static void assert_address_is(const struct ip_address *address, const char *expected)
{
    char buffer[TEXT_BYTES];
    struct text text = text_in(buffer, sizeof(buffer));
    ip_address_add_to(address, &text);
    assert_string_equal(text.at, expected);
}

/* Files and replicas of all versions agree on these. */
static const struct known_row {
    const char *name, *range, *host, *expected;
} known_rows[] = {
    { "in a /16", "127.90.0.0/16", "api.example.com", "127.90.53.102" },
    { "in a /31", "192.0.2.8/31", "api.example.com", "192.0.2.9" },
    { "in a /1 of IPv4", "128.0.0.0/1", "api.example.com", "251.109.62.138" },
    { "in a /64", "fd00:90::/64", "api.example.com", "fd00:90::626a:7952:f1c3:593a" },
    { "in a /48", "fd00:90::/48", "api.example.com", "fd00:90:0:e399:626a:7952:f1c3:593a" },
    { "in a /1 of IPv6", "8000::/1", "api.example.com", "fd2b:259f:107a:e399:626a:7952:f1c3:593a" },
    { "another name in the /16", "127.90.0.0/16", "a.example.com", "127.90.233.113" },
};

static void has_the_known_address(void **state)
{
    const struct known_row *row = *state;
    struct gate_addresses addresses = with_range(row->range);
    struct host_name name = name_of(row->host);
    unsigned family = addresses.range[0].address.family;
    struct ip_address address = address_of(&addresses, KEY_TEXT, &name, family);
    assert_address_is(&address, row->expected);
}

/* The range's first or last address, which mean something else where there are more than two. */
static bool is_at_an_end(const struct ip_network *range, const struct ip_address *address)
{
    bool is_last = true;
    unsigned bits = range->address.family == 4 ? 32 : 128;
    for (unsigned bit = range->prefix_bits; bit < bits; bit++)
        is_last = is_last && (address->bytes[bit / 8] & 0x80 >> bit % 8) != 0;
    return is_last || ip_address_equal(&range->address, address);
}

static void check_prefix(unsigned family, unsigned prefix_bits)
{
    struct ip_network range = { { (uint8_t)family, { 0x80 } }, (uint8_t)prefix_bits };
    struct gate_addresses addresses = { 0 };
    unsigned host_bits = (family == 4 ? 32 : 128) - prefix_bits;
    assert_true(gate_addresses_add_range(&addresses, &range));
    for (unsigned i = 0; i < 100; i++) {
        struct host_name name = numbered_name(i);
        struct ip_address address = address_of(&addresses, KEY_TEXT, &name, family);
        assert_true(ip_network_contains(&range, &address));
        assert_true(host_bits == 1 || !is_at_an_end(&range, &address));
    }
}

static void every_prefix_length_keeps_names_inside(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits < 32; bits++)
        check_prefix(4, bits);
    for (unsigned bits = 1; bits < 128; bits++)
        check_prefix(6, bits);
}

static int compare_bytes(const void *left, const void *right)
{
    return memcmp(left, right, 16);
}

/* In ranges far larger than the square of the names' number all differ, in every part that may. */
static void large_ranges_tell_names_apart(void **state)
{
    static const char *const ranges[] = { "fd00::/64", "fd00::/56", "fd00::/8", "8000::/1" };
    static uint8_t seen[NAMES][16];
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        struct gate_addresses addresses = with_range(ranges[i]);
        for (unsigned k = 0; k < NAMES; k++) {
            struct host_name name = numbered_name(k);
            struct ip_address address = address_of(&addresses, KEY_TEXT, &name, 6);
            memcpy(seen[k], address.bytes, 16);
        }
        qsort(seen, NAMES, 16, compare_bytes);
        for (unsigned k = 1; k < NAMES; k++)
            assert_memory_not_equal(seen[k], seen[k - 1], 16);
        unsigned upper = seen[0][7] != seen[NAMES - 1][7] || seen[0][1] != seen[NAMES - 1][1];
        assert_int_equal(upper, i > 0);
    }
}

/* 2000 names on 14 addresses: 143 each, give or take a dozen; a hash that favours one is found. */
static void names_are_spread_evenly(void **state)
{
    struct gate_addresses addresses = with_range("192.0.2.16/28");
    unsigned counts[16] = { 0 };
    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        struct host_name name = numbered_name(i);
        counts[address_of(&addresses, KEY_TEXT, &name, 4).bytes[3] - 16]++;
    }
    for (unsigned i = 1; i < 15; i++)
        assert_in_range(counts[i], 90, 200);
    assert_int_equal(counts[0] + counts[15], 0);
}

static void the_key_moves_names(void **state)
{
    struct gate_addresses addresses = with_range("10.0.0.0/8");
    unsigned moved = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct host_name name = numbered_name(i);
        struct ip_address first = address_of(&addresses, KEY_TEXT, &name, 4);
        struct ip_address again = address_of(&addresses, KEY_TEXT, &name, 4);
        struct ip_address other =
            address_of(&addresses, "10112233445566778899aabbccddeeff", &name, 4);
        struct ip_address third =
            address_of(&addresses, "00112233445566778899aabbccddeefe", &name, 4);
        assert_true(ip_address_equal(&first, &again));
        moved += !ip_address_equal(&first, &other) && !ip_address_equal(&first, &third) &&
                 !ip_address_equal(&third, &other);
    }
    assert_true(moved > 90);
}

/* Each of several ranges of a family has its share; the families don't meet. */
static void several_ranges_share_the_names(void **state)
{
    struct gate_addresses addresses = with_range("10.1.0.0/16");
    unsigned in_second = 0;
    (void)state;
    assert_true(add_range(&addresses, "fd00::/64"));
    assert_true(add_range(&addresses, "10.2.0.0/24"));
    for (unsigned i = 0; i < NAMES; i++) {
        struct host_name name = numbered_name(i);
        struct ip_address v4 = address_of(&addresses, KEY_TEXT, &name, 4);
        struct ip_address v6 = address_of(&addresses, KEY_TEXT, &name, 6);
        assert_true(ip_network_contains(&addresses.range[1], &v6));
        bool is_in_second = ip_network_contains(&addresses.range[2], &v4);
        assert_true(is_in_second || ip_network_contains(&addresses.range[0], &v4));
        in_second += is_in_second;
    }
    assert_in_range(in_second, NAMES * 4 / 10, NAMES * 6 / 10);
}

static void what_has_no_address(void **state)
{
    struct gate_addresses none = { 0 }, v4 = with_range("10.0.0.0/8");
    struct gate_key key = key_of(KEY_TEXT), unknown = { 0 };
    struct host_name name = numbered_name(1);
    struct ip_address address;
    (void)state;
    assert_false(gate_address_of_name(&none, &key, &name, 4, &address));
    assert_false(gate_address_of_name(&v4, &key, &name, 6, &address));
    assert_false(gate_address_of_name(&v4, &unknown, &name, 4, &address));
}

static void range_of_one_is_an_address(void **state)
{
    struct gate_addresses addresses = { 0 };
    (void)state;
    assert_true(add_range(&addresses, "192.0.2.1/32"));
    assert_true(add_range(&addresses, "2001:db8::1/128"));
    assert_true(add_range(&addresses, "192.0.2.2"));
    assert_true(add_range(&addresses, "::ffff:192.0.2.3/128"));
    assert_int_equal(addresses.v4_count, 3);
    assert_int_equal(addresses.v6_count, 1);
    assert_int_equal(addresses.range_count, 0);
    assert_true(add_range(&addresses, "::ffff:192.0.2.0/120"));
    assert_int_equal(addresses.range[0].address.family, 4);
    assert_int_equal(addresses.range[0].prefix_bits, 24);
}

static void unfit_ranges(void **state)
{
    struct gate_addresses addresses = with_range("10.1.0.0/16");
    (void)state;
    assert_false(add_range(&addresses, "0.0.0.0/0"));
    assert_false(add_range(&addresses, "::/0"));
    assert_false(add_range(&addresses, "0.0.0.0/8"));
    assert_false(add_range(&addresses, "10.1.0.0/16"));
    assert_false(add_range(&addresses, "10.1.2.0/24"));
    assert_false(add_range(&addresses, "10.0.0.0/8"));
    assert_int_equal(addresses.range_count, 1);
    for (uint8_t i = 2; i <= GATE_ADDRESSES_MAX; i++) {
        struct ip_network range = { { 4, { 10, i } }, 16 };
        assert_true(gate_addresses_add_range(&addresses, &range));
    }
    assert_false(add_range(&addresses, "10.200.0.0/16"));
}

static void families_are_mixed_or_not(void **state)
{
    struct gate_addresses addresses = with_range("10.1.0.0/16");
    (void)state;
    assert_true(add_range(&addresses, "2001:db8::1"));
    assert_false(gate_addresses_are_mixed(&addresses, 4));
    assert_false(gate_addresses_are_mixed(&addresses, 6));
    assert_true(gate_addresses_has_range(&addresses, 4));
    assert_false(gate_addresses_has_range(&addresses, 6));
    assert_true(add_range(&addresses, "2001:db8:1::/64"));
    assert_true(gate_addresses_are_mixed(&addresses, 6));
}

static void keys_are_read_strictly(void **state)
{
    static const char *const bad[] = { "", "00112233445566778899aabbccddeef",
                                       "00112233445566778899aabbccddeeff0",
                                       "00112233445566778899AABBCCDDEEFF",
                                       "0011223344556677 899aabbccddeeff" };
    struct gate_key key = { 0 };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(gate_key_parse(bad[i], &key));
    assert_false(key.is_known);
    assert_true(gate_key_parse(KEY_TEXT, &key));
    assert_true(key.is_known);
    assert_true(key.siphash.words[0] == 0x0011223344556677);
    assert_true(key.siphash.words[1] == 0x8899aabbccddeeff);
}

static enum gate_address_fit judge(const struct gate_addresses *addresses, bool has_key,
                                   const char *address_text)
{
    struct gate_key key = key_of(KEY_TEXT);
    struct host_name name = numbered_name(1);
    struct ip_address address;
    key.is_known = has_key;
    assert_true(ip_address_parse(address_text, &address));
    return gate_address_judge(addresses, &key, &name, &address);
}

static void an_arrival_is_judged(void **state)
{
    struct gate_addresses none = { 0 }, addresses = with_range("10.0.0.0/8");
    struct host_name name = numbered_name(1);
    char buffer[TEXT_BYTES];
    struct text own = text_in(buffer, sizeof(buffer));
    (void)state;
    assert_true(add_range(&addresses, "fd00::/64"));
    struct ip_address address = address_of(&addresses, KEY_TEXT, &name, 4);
    ip_address_add_to(&address, &own);
    assert_int_equal(judge(&addresses, true, own.at), GATE_ADDRESS_OF_NAME);
    assert_int_equal(judge(&addresses, false, own.at), GATE_ADDRESS_OF_ANOTHER);
    assert_int_equal(judge(&addresses, true, "10.0.0.0"), GATE_ADDRESS_OF_ANOTHER);
    assert_int_equal(judge(&addresses, true, "fd00::1"), GATE_ADDRESS_OF_ANOTHER);
    assert_int_equal(judge(&addresses, true, "11.0.0.1"), GATE_ADDRESS_OUTSIDE);
    assert_int_equal(judge(&addresses, true, "fd00:1::1"), GATE_ADDRESS_OUTSIDE);
    assert_int_equal(judge(&none, true, own.at), GATE_ADDRESS_UNRANGED);
}

int main(void)
{
    static struct tests tests;
    TESTS_ADD_TABLE(&tests, known_rows, has_the_known_address);
    tests_add_row(&tests, "every prefix length", NULL, every_prefix_length_keeps_names_inside);
    tests_add_row(&tests, "large ranges", NULL, large_ranges_tell_names_apart);
    tests_add_row(&tests, "an even spread", NULL, names_are_spread_evenly);
    tests_add_row(&tests, "the key moves names", NULL, the_key_moves_names);
    tests_add_row(&tests, "several ranges", NULL, several_ranges_share_the_names);
    tests_add_row(&tests, "what has no address", NULL, what_has_no_address);
    tests_add_row(&tests, "a range of one", NULL, range_of_one_is_an_address);
    tests_add_row(&tests, "unfit ranges", NULL, unfit_ranges);
    tests_add_row(&tests, "mixed families", NULL, families_are_mixed_or_not);
    tests_add_row(&tests, "keys", NULL, keys_are_read_strictly);
    tests_add_row(&tests, "an arrival", NULL, an_arrival_is_judged);
    return tests_run(&tests, "gate_range");
}
