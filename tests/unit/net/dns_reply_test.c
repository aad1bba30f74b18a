/* tests/unit/net/dns_reply_test.c - replies read strictly: aliases followed, TTLs the least, and
 * nothing believed of a reply that can't be read whole. */
#include "net/dns_reply.h"

#include "base/writer.h"
#include "unit.h"

enum { A = 1, CNAME = 5, SOA = 6, AAAA = 28, NXDOMAIN = 3, REPLY_MAX = 4096 };

struct reply {
    uint8_t bytes[REPLY_MAX];
    struct writer writer;
};

/* A dotted name without compression. */
static void put_name(struct reply *reply, const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");
        writer_uint(&reply->writer, (uint32_t)size, 1);
        writer_bytes(&reply->writer, name, size);
        name += size + (name[size] == '.');
    }
    writer_uint(&reply->writer, 0, 1);
}

static void start(struct reply *reply, uint32_t rcode, uint32_t type)
{
    static const uint8_t one_question[] = { 0, 1, 0, 0, 0, 0, 0, 0 };
    reply->writer = writer_over(reply->bytes, sizeof(reply->bytes));
    writer_uint(&reply->writer, 7, 2);
    writer_uint(&reply->writer, 0x8180 | rcode, 2);
    writer_bytes(&reply->writer, one_question, sizeof(one_question));
    put_name(reply, "api.test");
    writer_uint(&reply->writer, type, 2);
    writer_uint(&reply->writer, 1, 2);
}

/* One more record in the section whose count stands at `count_at`: 6 or 8. */
static void put_head(struct reply *reply, size_t count_at, const char *owner, uint32_t type)
{
    reply->bytes[count_at + 1]++;
    put_name(reply, owner);
    writer_uint(&reply->writer, type, 2);
    writer_uint(&reply->writer, 1, 2);
}

static void put_address(struct reply *reply, const char *owner, const char *text, uint32_t ttl_s)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    uint32_t size = address.family == 4 ? 4 : 16;
    put_head(reply, 6, owner, address.family == 4 ? A : AAAA);
    writer_uint(&reply->writer, ttl_s, 4);
    writer_uint(&reply->writer, size, 2);
    writer_bytes(&reply->writer, address.bytes, size);
}

static void put_alias(struct reply *reply, const char *owner, const char *target, uint32_t ttl_s)
{
    put_head(reply, 6, owner, CNAME);
    writer_uint(&reply->writer, ttl_s, 4);
    writer_uint(&reply->writer, (uint32_t)strlen(target) + 2, 2);
    put_name(reply, target);
}

static void put_soa(struct reply *reply, uint32_t ttl_s, uint32_t minimum_s)
{
    put_head(reply, 8, "test", SOA);
    writer_uint(&reply->writer, ttl_s, 4);
    writer_uint(&reply->writer, 22, 2);
    for (int i = 0; i < 18; i++)
        writer_uint(&reply->writer, 0, 1);
    writer_uint(&reply->writer, minimum_s, 4);
}

static struct dns_lookup_result read_reply(const struct reply *reply, uint8_t family)
{
    struct dns_lookup_result result;
    assert_false(reply->writer.failed);
    dns_reply_read(reply->bytes, writer_size(&reply->writer), family, &result);
    return result;
}

static void expect(const struct reply *reply, enum dns_lookup_status status, uint32_t count,
                   uint32_t ttl_s)
{
    struct dns_lookup_result result = read_reply(reply, 4);
    assert_int_equal(result.status, status);
    assert_int_equal(result.address_count, count);
    assert_int_equal(result.ttl_s, ttl_s);
}

static void addresses_and_their_least_ttl(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_address(&reply, "api.test", "192.0.2.1", 300);
    put_address(&reply, "API.test", "192.0.2.2", 200);
    expect(&reply, DNS_LOOKUP_OK, 2, 200);
    struct ip_address second;
    struct dns_lookup_result result = read_reply(&reply, 4);
    assert_true(ip_address_parse("192.0.2.2", &second));
    assert_true(ip_address_equal(&result.address[1], &second));
}

static void only_the_family_asked_for(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, AAAA);
    put_address(&reply, "api.test", "192.0.2.1", 300);
    put_address(&reply, "api.test", "2001:db8::1", 100);
    assert_int_equal(read_reply(&reply, 6).address_count, 1);
    assert_int_equal(read_reply(&reply, 6).ttl_s, 100);
    assert_int_equal(read_reply(&reply, 6).address[0].family, 6);
}

static void aliases_in_any_order(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_address(&reply, "c.test", "192.0.2.1", 300);
    put_alias(&reply, "b.test", "c.test", 20);
    put_alias(&reply, "api.test", "b.test", 50);
    expect(&reply, DNS_LOOKUP_OK, 1, 20);
}

static void records_of_other_names_do_not_count(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_alias(&reply, "api.test", "b.test", 50);
    put_address(&reply, "api.test", "192.0.2.1", 300);
    put_address(&reply, "evil.test", "192.0.2.2", 300);
    expect(&reply, DNS_LOOKUP_NO_ADDRESS, 0, 0);
}

static void loop_of_aliases_fails(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_alias(&reply, "api.test", "b.test", 50);
    put_alias(&reply, "b.test", "api.test", 50);
    expect(&reply, DNS_LOOKUP_FAILED, 0, 0);
}

static void more_addresses_than_are_kept(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    for (int i = 0; i < DNS_REPLY_ADDRESSES_MAX + 5; i++)
        put_address(&reply, "api.test", "192.0.2.1", 60);
    expect(&reply, DNS_LOOKUP_OK, DNS_REPLY_ADDRESSES_MAX, 60);
}

static void negative_ttl_is_the_lesser_of_the_soas(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, NXDOMAIN, A);
    put_soa(&reply, 3600, 30);
    expect(&reply, DNS_LOOKUP_NO_NAME, 0, 30);
    start(&reply, 0, A);
    put_alias(&reply, "api.test", "b.test", 50);
    put_soa(&reply, 10, 30);
    expect(&reply, DNS_LOOKUP_NO_ADDRESS, 0, 10);
    start(&reply, NXDOMAIN, A);
    expect(&reply, DNS_LOOKUP_NO_NAME, 0, 0);
}

static void other_rcode_fails(void **state)
{
    (void)state;
    for (uint32_t rcode = 1; rcode < 16; rcode++) {
        struct reply reply;
        if (rcode == NXDOMAIN)
            continue;
        start(&reply, rcode, A);
        put_address(&reply, "api.test", "192.0.2.1", 300);
        expect(&reply, DNS_LOOKUP_FAILED, 0, 0);
    }
}

static void huge_ttl_is_none(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_address(&reply, "api.test", "192.0.2.1", 0x80000000);
    expect(&reply, DNS_LOOKUP_OK, 1, 0); /* RFC 2181 8 */
}

/* An owner that points back to the question is read; one that points to itself, or onwards, or to
 * nowhere is not. */
static void compression_pointers(void **state)
{
    static const struct {
        uint32_t offset;
        enum dns_lookup_status status;
    } rows[] = { { 12, DNS_LOOKUP_OK },
                 { 26, DNS_LOOKUP_FAILED },
                 { 28, DNS_LOOKUP_FAILED },
                 { 0x3fff, DNS_LOOKUP_FAILED } };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static const uint8_t rest[] = { 0, A, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
        struct reply reply;
        start(&reply, 0, A);
        assert_int_equal(writer_size(&reply.writer), 26);
        reply.bytes[7] = 1;
        writer_uint(&reply.writer, 0xc000 | rows[i].offset, 2);
        writer_bytes(&reply.writer, rest, sizeof(rest));
        assert_int_equal(read_reply(&reply, 4).status, rows[i].status);
    }
}

/* Property: of a reply that ends early nothing is believed. */
static void no_prefix_is_an_answer(void **state)
{
    struct reply reply;
    (void)state;
    start(&reply, 0, A);
    put_alias(&reply, "api.test", "b.test", 50);
    put_address(&reply, "b.test", "192.0.2.1", 300);
    for (size_t size = 0; size < writer_size(&reply.writer); size++) {
        struct dns_lookup_result result;
        dns_reply_read(reply.bytes, size, 4, &result);
        assert_int_equal(result.status, DNS_LOOKUP_FAILED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_their_least_ttl),
        cmocka_unit_test(only_the_family_asked_for),
        cmocka_unit_test(aliases_in_any_order),
        cmocka_unit_test(records_of_other_names_do_not_count),
        cmocka_unit_test(loop_of_aliases_fails),
        cmocka_unit_test(more_addresses_than_are_kept),
        cmocka_unit_test(negative_ttl_is_the_lesser_of_the_soas),
        cmocka_unit_test(other_rcode_fails),
        cmocka_unit_test(huge_ttl_is_none),
        cmocka_unit_test(compression_pointers),
        cmocka_unit_test(no_prefix_is_an_answer),
    };
    return cmocka_run_group_tests_name("dns_reply", tests, NULL, NULL);
}
