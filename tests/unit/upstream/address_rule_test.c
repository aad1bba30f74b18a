/* tests/unit/upstream/address_rule_test.c - each range at both its edges, what settings open,
 * Pinhole's own sockets. */
#include "upstream/address_rule.h"

#include "policy/settings.h"
#include "unit.h"

#include <stdio.h>

enum { DIALLED_PORT = 443 };

struct row {
    const char *address;
    enum address_fitness expected;
};

static const struct row rows[] = {
    /* IPv4 */
    { "0.0.0.0", ADDRESS_UNSPECIFIED },
    { "0.0.0.1", ADDRESS_RESERVED },
    { "0.255.255.255", ADDRESS_RESERVED },
    { "1.0.0.0", ADDRESS_FIT },
    { "9.255.255.255", ADDRESS_FIT },
    { "10.0.0.0", ADDRESS_PRIVATE },
    { "10.255.255.255", ADDRESS_PRIVATE },
    { "11.0.0.0", ADDRESS_FIT },
    { "100.63.255.255", ADDRESS_FIT },
    { "100.64.0.0", ADDRESS_SHARED },
    { "100.100.100.199", ADDRESS_SHARED },
    { "100.100.100.200", ADDRESS_METADATA },
    { "100.100.100.201", ADDRESS_SHARED },
    { "100.127.255.255", ADDRESS_SHARED },
    { "100.128.0.0", ADDRESS_FIT },
    { "126.255.255.255", ADDRESS_FIT },
    { "127.0.0.0", ADDRESS_LOOPBACK },
    { "127.255.255.255", ADDRESS_LOOPBACK },
    { "128.0.0.0", ADDRESS_FIT },
    { "168.63.129.15", ADDRESS_FIT },
    { "168.63.129.16", ADDRESS_METADATA },
    { "168.63.129.17", ADDRESS_FIT },
    { "169.253.255.255", ADDRESS_FIT },
    { "169.254.0.0", ADDRESS_LINK_LOCAL },
    { "169.254.169.254", ADDRESS_LINK_LOCAL },
    { "169.254.255.255", ADDRESS_LINK_LOCAL },
    { "169.255.0.0", ADDRESS_FIT },
    { "172.15.255.255", ADDRESS_FIT },
    { "172.16.0.0", ADDRESS_PRIVATE },
    { "172.31.255.255", ADDRESS_PRIVATE },
    { "172.32.0.0", ADDRESS_FIT },
    { "191.255.255.255", ADDRESS_FIT },
    { "192.0.0.0", ADDRESS_RESERVED },
    { "192.0.0.192", ADDRESS_METADATA },
    { "192.0.0.255", ADDRESS_RESERVED },
    { "192.0.1.0", ADDRESS_FIT },
    { "192.0.1.255", ADDRESS_FIT },
    { "192.0.2.0", ADDRESS_DOCUMENTATION },
    { "192.0.2.255", ADDRESS_DOCUMENTATION },
    { "192.0.3.0", ADDRESS_FIT },
    { "192.88.98.255", ADDRESS_FIT },
    { "192.88.99.0", ADDRESS_RESERVED },
    { "192.88.99.255", ADDRESS_RESERVED },
    { "192.88.100.0", ADDRESS_FIT },
    { "192.167.255.255", ADDRESS_FIT },
    { "192.168.0.0", ADDRESS_PRIVATE },
    { "192.168.255.255", ADDRESS_PRIVATE },
    { "192.169.0.0", ADDRESS_FIT },
    { "198.17.255.255", ADDRESS_FIT },
    { "198.18.0.0", ADDRESS_RESERVED },
    { "198.19.255.255", ADDRESS_RESERVED },
    { "198.20.0.0", ADDRESS_FIT },
    { "198.51.99.255", ADDRESS_FIT },
    { "198.51.100.0", ADDRESS_DOCUMENTATION },
    { "198.51.100.255", ADDRESS_DOCUMENTATION },
    { "198.51.101.0", ADDRESS_FIT },
    { "203.0.112.255", ADDRESS_FIT },
    { "203.0.113.0", ADDRESS_DOCUMENTATION },
    { "203.0.113.255", ADDRESS_DOCUMENTATION },
    { "203.0.114.0", ADDRESS_FIT },
    { "223.255.255.255", ADDRESS_FIT },
    { "224.0.0.0", ADDRESS_MULTICAST },
    { "239.255.255.255", ADDRESS_MULTICAST },
    { "240.0.0.0", ADDRESS_RESERVED },
    { "255.255.255.254", ADDRESS_RESERVED },
    { "255.255.255.255", ADDRESS_BROADCAST },
    /* IPv6 */
    { "::", ADDRESS_UNSPECIFIED },
    { "::1", ADDRESS_LOOPBACK },
    { "::2", ADDRESS_RESERVED },
    { "100::1", ADDRESS_RESERVED },
    { "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED },
    { "2000::", ADDRESS_FIT },
    { "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_FIT },
    { "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED },
    { "2001:200::", ADDRESS_FIT },
    { "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_FIT },
    { "2001:db8::", ADDRESS_DOCUMENTATION },
    { "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_DOCUMENTATION },
    { "2001:db9::", ADDRESS_FIT },
    { "2606:4700::1111", ADDRESS_FIT },
    { "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_FIT },
    { "3fff::", ADDRESS_DOCUMENTATION },
    { "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_DOCUMENTATION },
    { "3fff:1000::", ADDRESS_FIT },
    { "4000::", ADDRESS_RESERVED },
    { "5f00::1", ADDRESS_RESERVED },
    { "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED },
    { "fc00::", ADDRESS_UNIQUE_LOCAL },
    { "fd00:ec2::253", ADDRESS_UNIQUE_LOCAL },
    { "fd00:ec2::254", ADDRESS_METADATA },
    { "fd20:ce::254", ADDRESS_METADATA },
    { "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_UNIQUE_LOCAL },
    { "fe00::", ADDRESS_RESERVED },
    { "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED },
    { "fe80::", ADDRESS_LINK_LOCAL },
    { "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_LINK_LOCAL },
    { "fec0::", ADDRESS_RESERVED },
    { "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ADDRESS_RESERVED },
    { "ff00::", ADDRESS_MULTICAST },
    { "ff02::1", ADDRESS_MULTICAST },
    /* IPv4 inside IPv6 */
    { "::ffff:1.1.1.1", ADDRESS_FIT },
    { "::ffff:10.0.0.1", ADDRESS_PRIVATE },
    { "::ffff:169.254.169.254", ADDRESS_LINK_LOCAL },
    { "::1.1.1.1", ADDRESS_RESERVED },
    { "::169.254.169.254", ADDRESS_LINK_LOCAL },
    { "2002:101:101::1", ADDRESS_FIT },
    { "2002:7f00:1::1", ADDRESS_LOOPBACK },
    { "2002:a9fe:a9fe::1", ADDRESS_LINK_LOCAL },
    { "2001:0:101:101::f5ff:fffe", ADDRESS_RESERVED },
    { "2001:0:a9fe:a9fe::fefe:fefe", ADDRESS_LINK_LOCAL },
    { "2001:0:101:101::5601:5601", ADDRESS_LINK_LOCAL },
    { "64:ff9b::1.1.1.1", ADDRESS_FIT },
    { "64:ff9b::10.0.0.1", ADDRESS_PRIVATE },
    { "64:ff9b::100.100.100.200", ADDRESS_METADATA },
    { "64:ff9b::224.0.0.1", ADDRESS_MULTICAST },
    { "64:ff9b:0:1::", ADDRESS_RESERVED },
    { "64:ff9b:1::1.1.1.1", ADDRESS_RESERVED },
    { "64:ff9b:1::169.254.169.254", ADDRESS_LINK_LOCAL },
    { "64:ff9b:1:a9fe:a9:fe00::", ADDRESS_LINK_LOCAL },
    { "64:ff9b:1:a9:fe:a9fe::", ADDRESS_LINK_LOCAL },
    { "64:ff9b:1:0:a9:fea9:fe00:0", ADDRESS_LINK_LOCAL },
};

/* As a resolver's answer has it: sixteen bytes, mapped or not. ip_address_parse() would unmap it.
 */
static struct ip_address raw_address(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    if (strncmp(text, "::ffff:", 7) != 0)
        return address;
    struct ip_address mapped = { 6, { [10] = 0xff, [11] = 0xff } };
    memcpy(mapped.bytes + 12, address.bytes, 4);
    return mapped;
}

static enum address_fitness judge(const struct settings *settings, const char *address)
{
    const struct address_rule rule = { .settings = settings };
    const struct endpoint endpoint = { raw_address(address), DIALLED_PORT };
    return address_rule_judge(&rule, &endpoint);
}

/* Typed into a rule, with nothing opened. */
static enum address_fitness judge_typed(const char *address)
{
    const struct settings settings = settings_default();
    const struct address_rule rule = { .settings = &settings, .is_typed = true };
    const struct endpoint endpoint = { raw_address(address), DIALLED_PORT };
    return address_rule_judge(&rule, &endpoint);
}

static void judges_range(void **state)
{
    const struct row *row = *state;
    struct settings settings = settings_default();
    assert_string_equal(address_fitness_word(judge(&settings, row->address)),
                        address_fitness_word(row->expected));
}

/* With everything opened, or typed into a rule: only what nothing opens is still refused. */
static void judges_range_opened(void **state)
{
    const struct row *row = *state;
    struct settings settings = settings_default();
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "0.0.0.0/0,::/0"),
                     SETTING_OK);
    enum address_fitness expected = row->expected;
    if (expected == ADDRESS_PRIVATE || expected == ADDRESS_LOOPBACK || expected == ADDRESS_SHARED ||
        expected == ADDRESS_UNIQUE_LOCAL || expected == ADDRESS_DOCUMENTATION ||
        expected == ADDRESS_RESERVED)
        expected = ADDRESS_FIT;
    assert_string_equal(address_fitness_word(judge(&settings, row->address)),
                        address_fitness_word(expected));
    assert_string_equal(address_fitness_word(judge_typed(row->address)),
                        address_fitness_word(expected));
}

static void setting_opens_its_networks_alone(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "10.1.0.0/16,fd00:1::/32"),
                     SETTING_OK);
    assert_int_equal(judge(&settings, "10.1.255.255"), ADDRESS_FIT);
    assert_int_equal(judge(&settings, "10.2.0.0"), ADDRESS_PRIVATE);
    assert_int_equal(judge(&settings, "fd00:1::9"), ADDRESS_FIT);
    assert_int_equal(judge(&settings, "fd00:2::9"), ADDRESS_UNIQUE_LOCAL);
    assert_int_equal(judge(&settings, "::ffff:10.1.0.1"), ADDRESS_FIT);
    assert_int_equal(judge(&settings, "64:ff9b::10.1.0.1"), ADDRESS_PRIVATE);
}

static void no_address_is_refused(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    const struct address_rule rule = { .settings = &settings };
    const struct address_rule typed = { .settings = &settings, .is_typed = true };
    const struct endpoint endpoint = { .port = DIALLED_PORT };
    assert_int_equal(address_rule_judge(&rule, &endpoint), ADDRESS_UNKNOWN);
    assert_int_equal(address_rule_judge(&typed, &endpoint), ADDRESS_UNKNOWN);
}

/* Judges "ADDR:PORT" where Pinhole listens on `own` and loopback is open; typed into a rule, it is
 * judged the same. */
static enum address_fitness judge_beside(const char *own, const char *dialled)
{
    struct endpoint own_endpoint, endpoint;
    struct settings settings = settings_default();
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "127.0.0.0/8,::1/128"),
                     SETTING_OK);
    assert_true(endpoint_parse(own, -1, &own_endpoint));
    assert_true(endpoint_parse(dialled, -1, &endpoint));
    const struct address_rule rule = { .settings = &settings,
                                       .own = &own_endpoint,
                                       .own_count = 1 };
    struct address_rule typed = rule;
    typed.is_typed = true;
    enum address_fitness fitness = address_rule_judge(&rule, &endpoint);
    assert_int_equal(address_rule_judge(&typed, &endpoint), fitness);
    return fitness;
}

static void own_sockets_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge_beside("127.0.0.1:8443", "127.0.0.1:8443"), ADDRESS_OWN_SOCKET);
    assert_int_equal(judge_beside("127.0.0.1:8443", "127.0.0.1:443"), ADDRESS_FIT);
    assert_int_equal(judge_beside("127.0.0.1:8443", "127.0.0.2:8443"), ADDRESS_FIT);
    assert_int_equal(judge_beside("0.0.0.0:8443", "127.0.0.1:8443"), ADDRESS_OWN_SOCKET);
    assert_int_equal(judge_beside("0.0.0.0:8443", "127.0.0.9:8443"), ADDRESS_OWN_SOCKET);
    assert_int_equal(judge_beside("0.0.0.0:8443", "1.1.1.1:8443"), ADDRESS_FIT);
    assert_int_equal(judge_beside("0.0.0.0:8443", "127.0.0.1:443"), ADDRESS_FIT);
}

static void own_ranges_are_refused(void **state)
{
    struct settings settings = settings_default();
    const struct ip_network ranges[] = { { { 4, { 127, 90 } }, 16 }, { { 6, { 0xfd } }, 64 } };
    const struct address_rule rule = { .settings = &settings,
                                       .own_range = ranges,
                                       .own_range_count = COUNT(ranges) };
    static const struct {
        const char *dialled;
        enum address_fitness expected;
    } cases[] = { { "127.90.1.2:443", ADDRESS_OWN_SOCKET },
                  { "127.90.1.2:1", ADDRESS_OWN_SOCKET },
                  { "127.91.1.2:443", ADDRESS_FIT },
                  { "[fd00::1]:443", ADDRESS_OWN_SOCKET },
                  { "[fd00:1::1]:443", ADDRESS_FIT } };
    (void)state;
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "127.0.0.0/8,fd00::/8"),
                     SETTING_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint;
        assert_true(endpoint_parse(cases[i].dialled, -1, &endpoint));
        assert_int_equal(address_rule_judge(&rule, &endpoint), cases[i].expected);
    }
}

int main(void)
{
    struct tests *tests = test_calloc(1, sizeof(*tests));
    char names[COUNT(rows)][64];
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(names[i], sizeof(names[i]), "%s with everything opened", rows[i].address);
        tests_add_row(tests, rows[i].address, &rows[i], judges_range);
        tests_add_row(tests, names[i], &rows[i], judges_range_opened);
    }
    tests_add_row(tests, "a setting opens its networks alone", NULL,
                  setting_opens_its_networks_alone);
    tests_add_row(tests, "no address", NULL, no_address_is_refused);
    tests_add_row(tests, "Pinhole's own sockets", NULL, own_sockets_are_refused);
    tests_add_row(tests, "the gate's own ranges", NULL, own_ranges_are_refused);
    int result = tests_run(tests, "address_rule");
    test_free(tests);
    return result;
}
