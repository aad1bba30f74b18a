/* tests/unit/base/address_test.c - addresses, networks and endpoints as people type them. */
#include "base/address.h"
#include "base/text.h"
#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* `expected` is the address as it is written again; NULL where it is none. */
static const struct row {
    const char *name, *input, *expected;
} address_rows[] = {
    { "IPv4", "192.0.2.1", "192.0.2.1" },
    { "IPv6", "2001:DB8:0::1", "2001:db8::1" },
    { "mapped IPv6 is IPv4", "::ffff:192.0.2.1", "192.0.2.1" },
    { "mapped IPv6 in hex is IPv4", "::ffff:c000:201", "192.0.2.1" },
    { "compatible IPv6 is not IPv4", "::192.0.2.1", "::192.0.2.1" },
    { "unspecified", "::", "::" },
    { "empty", "", NULL },
    { "three parts", "192.0.2", NULL },
    { "a leading zero", "192.0.2.01", NULL },
    { "a part too large", "192.0.2.256", NULL },
    { "hexadecimal", "0x7f.0.0.1", NULL },
    { "a space behind", "192.0.2.1 ", NULL },
    { "a zone", "fe80::1%eth0", NULL },
    { "brackets", "[::1]", NULL },
    { "a name", "localhost", NULL },
};

static const struct row network_rows[] = {
    { "network: IPv4", "10.0.0.0/8", "10.0.0.0/8" },
    { "network: one address", "192.0.2.1", "192.0.2.1/32" },
    { "network: one IPv6 address", "2001:db8::1", "2001:db8::1/128" },
    { "network: everything", "0.0.0.0/0", "0.0.0.0/0" },
    { "network: all of IPv6", "::/0", "::/0" },
    { "network: bits inside a byte", "100.64.0.0/10", "100.64.0.0/10" },
    { "network: mapped bits count from IPv6's start", "::ffff:10.0.0.0/104", "10.0.0.0/8" },
    { "network: all mapped addresses", "::ffff:0:0/96", "0.0.0.0/0" },
    { "network: one mapped address", "::ffff:10.0.0.1", "10.0.0.1/32" },
    { "network: too few bits for a mapped address", "::ffff:10.0.0.0/8", NULL },
    { "network: host bits", "10.0.0.1/8", NULL },
    { "network: one host bit", "192.0.2.128/24", NULL },
    { "network: IPv6 host bits", "2001:db8::1/64", NULL },
    { "network: mapped host bits", "::ffff:10.0.0.1/104", NULL },
    { "network: 33 bits", "10.0.0.0/33", NULL },
    { "network: 129 bits", "::/129", NULL },
    { "network: no bits", "10.0.0.0/", NULL },
    { "network: a sign", "10.0.0.0/+8", NULL },
    { "network: negative", "10.0.0.0/-1", NULL },
    { "network: a mask", "10.0.0.0/255.0.0.0", NULL },
    { "network: a space", "10.0.0.0/8 ", NULL },
    { "network: two slashes", "10.0.0.0/8/8", NULL },
    { "network: no address", "/8", NULL },
    { "network: more than an address is long", "0000000000000000000000000000000000000000000000/8",
      NULL },
};

/* A default port below 0: there is none. */
static const struct endpoint_row {
    const char *name, *input;
    int default_port;
    const char *expected;
} endpoint_rows[] = {
    { "endpoint: IPv4", "192.0.2.1:443", -1, "192.0.2.1:443" },
    { "endpoint: IPv6", "[2001:db8::1]:443", -1, "[2001:db8::1]:443" },
    { "endpoint: mapped is IPv4", "[::ffff:192.0.2.1]:443", -1, "192.0.2.1:443" },
    { "endpoint: port 0", "127.0.0.1:0", -1, "127.0.0.1:0" },
    { "endpoint: highest port", "127.0.0.1:65535", -1, "127.0.0.1:65535" },
    { "endpoint: its port beats the default", "192.0.2.1:5353", 53, "192.0.2.1:5353" },
    { "endpoint: default port", "192.0.2.1", 53, "192.0.2.1:53" },
    { "endpoint: default port, IPv6", "[2001:db8::1]", 53, "[2001:db8::1]:53" },
    { "endpoint: default port, IPv6 without brackets", "2001:db8::1", 53, "[2001:db8::1]:53" },
    { "endpoint: no port", "192.0.2.1", -1, NULL },
    { "endpoint: no port, IPv6", "[2001:db8::1]", -1, NULL },
    { "endpoint: IPv6 without brackets", "2001:db8::1:443", -1, NULL },
    { "endpoint: port too large", "192.0.2.1:65536", -1, NULL },
    { "endpoint: port far too large", "192.0.2.1:4294967739", -1, NULL },
    { "endpoint: empty port", "192.0.2.1:", 53, NULL },
    { "endpoint: empty port, IPv6", "[::1]:", 53, NULL },
    { "endpoint: a sign", "192.0.2.1:+1", -1, NULL },
    { "endpoint: IPv4 in brackets", "[192.0.2.1]:443", -1, NULL },
    { "endpoint: bracket left open", "[2001:db8::1:443", -1, NULL },
    { "endpoint: no colon behind the bracket", "[::1]443", -1, NULL },
    { "endpoint: empty", "", 53, NULL },
    { "endpoint: empty brackets", "[]:53", 53, NULL },
    { "endpoint: only a port", ":53", 53, NULL },
    { "endpoint: a name", "localhost:53", 53, NULL },
};

static void address_is_read(void **state)
{
    const struct row *row = *state;
    struct ip_address address = { .family = 9 };
    assert_int_equal(ip_address_parse(row->input, &address), row->expected != NULL);
    if (row->expected == NULL) {
        assert_int_equal(address.family, 9); /* untouched */
        return;
    }
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    ip_address_add_to(&address, &text);
    assert_string_equal(buffer, row->expected);
}

static void bytes_are_an_address(void **state)
{
    static const uint8_t bytes[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 };
    struct ip_address expected, v4 = ip_address_from_bytes(bytes + 12, 4);
    struct ip_address mapped = ip_address_from_bytes(bytes, 16);
    struct ip_address wrong = ip_address_from_bytes(bytes, 15);
    (void)state;
    assert_true(ip_address_parse("192.0.2.1", &expected));
    assert_true(ip_address_equal(&v4, &expected));
    assert_true(ip_address_equal(&mapped, &expected));
    assert_int_equal(wrong.family, 0);
}

static void network_is_read(void **state)
{
    const struct row *row = *state;
    struct ip_network network = { .prefix_bits = 200 };
    assert_int_equal(ip_network_parse(row->input, &network), row->expected != NULL);
    if (row->expected == NULL) {
        assert_int_equal(network.prefix_bits, 200);
        return;
    }
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    ip_address_add_to(&network.address, &text);
    text_add_format(&text, "/%u", network.prefix_bits);
    assert_string_equal(buffer, row->expected);
    assert_true(ip_network_contains(&network, &network.address));
}

static void endpoint_is_read(void **state)
{
    const struct endpoint_row *row = *state;
    struct endpoint endpoint = { .address.family = 9 };
    assert_int_equal(endpoint_parse(row->input, row->default_port, &endpoint),
                     row->expected != NULL);
    if (row->expected == NULL) {
        assert_int_equal(endpoint.address.family, 9);
        return;
    }
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(&endpoint, &text);
    assert_string_equal(buffer, row->expected);

    struct sockaddr_storage address;
    unsigned size = endpoint_to_sockaddr(&endpoint, &address);
    assert_int_equal(size, endpoint.address.family == 4 ? sizeof(struct sockaddr_in)
                                                        : sizeof(struct sockaddr_in6));
    struct endpoint back = endpoint_from_sockaddr((const struct sockaddr *)&address);
    assert_true(endpoint_equal(&back, &endpoint));
}

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

static const struct member_row {
    const char *name, *network, *address;
    bool expected;
} member_rows[] = {
    { "first address", "10.0.0.0/8", "10.0.0.0", true },
    { "last address", "10.0.0.0/8", "10.255.255.255", true },
    { "just above", "10.0.0.0/8", "11.0.0.0", false },
    { "just below", "10.0.0.0/8", "9.255.255.255", false },
    { "inside a byte", "100.64.0.0/10", "100.127.255.255", true },
    { "outside a byte", "100.64.0.0/10", "100.128.0.0", false },
    { "everything of IPv4", "0.0.0.0/0", "255.255.255.255", true },
    { "IPv6 not in IPv4", "0.0.0.0/0", "::1", false },
    { "mapped in IPv4", "192.0.2.0/24", "::ffff:192.0.2.7", true },
    { "mapped not in IPv6", "::/0", "::ffff:192.0.2.7", false },
    { "IPv6, odd prefix", "2001:db8::/33", "2001:db8:7fff::1", true },
    { "IPv6, outside an odd prefix", "2001:db8::/33", "2001:db8:8000::1", false },
    { "one address", "2001:db8::1/128", "2001:db8::2", false },
};

static void network_contains(void **state)
{
    const struct member_row *row = *state;
    struct ip_network network;
    struct ip_address address = address_of(row->address);
    assert_true(ip_network_parse(row->network, &network));
    assert_int_equal(ip_network_contains(&network, &address), row->expected);
}

static void compares(void **state)
{
    (void)state;
    struct endpoint left = { address_of("192.0.2.1"), 53 }, right = left;
    assert_true(endpoint_equal(&left, &right));
    right.port = 54;
    assert_false(endpoint_equal(&left, &right));
    right = (struct endpoint){ address_of("c000:201::"), 53 }; /* the same leading bytes */
    assert_false(endpoint_equal(&left, &right));
    struct ip_address zero4 = address_of("0.0.0.0"), zero6 = address_of("::");
    assert_true(ip_address_is_unspecified(&zero4));
    assert_true(ip_address_is_unspecified(&zero6));
    assert_false(ip_address_is_unspecified(&left.address));
}

static void client_of_ipv6_is_its_network(void **state)
{
    struct ip_address v4, v6;
    (void)state;
    assert_true(ip_address_parse("192.0.2.1", &v4));
    assert_true(ip_address_parse("2001:db8::1", &v6));
    assert_int_equal(ip_address_client_bytes(&v4), 4);
    assert_int_equal(ip_address_client_bytes(&v6), 64 / 8);
}

static void mapped_socket_address_is_ipv4(void **state)
{
    (void)state;
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
    v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
    v6.sin6_addr.s6_addr[12] = 10;
    struct endpoint endpoint = endpoint_from_sockaddr((const struct sockaddr *)&v6);
    struct endpoint expected = { address_of("10.0.0.0"), 443 };
    assert_true(endpoint_equal(&endpoint, &expected));
}

/* The unspecified address would mean this machine. */
static void no_address_stays_none(void **state)
{
    (void)state;
    struct endpoint none = { .port = 443 };
    struct sockaddr_storage address;
    assert_int_equal(endpoint_to_sockaddr(&none, &address), 0);
    assert_int_equal(address.ss_family, AF_UNSPEC);
    address.ss_family = AF_UNIX;
    assert_int_equal(endpoint_from_sockaddr((const struct sockaddr *)&address).address.family, 0);
    char buffer[16];
    struct text text = text_in(buffer, sizeof(buffer));
    ip_address_add_to(&none.address, &text);
    assert_string_equal(buffer, "none");
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, address_rows, address_is_read);
    TESTS_ADD_TABLE(&tests, network_rows, network_is_read);
    TESTS_ADD_TABLE(&tests, endpoint_rows, endpoint_is_read);
    TESTS_ADD_TABLE(&tests, member_rows, network_contains);
    tests_add_row(&tests, "equal and unspecified", NULL, compares);
    tests_add_row(&tests, "bytes", NULL, bytes_are_an_address);
    tests_add_row(&tests, "mapped socket address", NULL, mapped_socket_address_is_ipv4);
    tests_add_row(&tests, "a client of IPv6 is its network", NULL, client_of_ipv6_is_its_network);
    tests_add_row(&tests, "no address stays none", NULL, no_address_stays_none);
    return tests_run(&tests, "address");
}
