/* tests/unit/resolver/answer_test.c - answers to the byte, and how large they can get. */
#include "resolver/answer.h"

#include "base/reader.h"
#include "dns_messages.h"
#include "resolver/forwarded_answer.h"

static struct gate_addresses gate_with(unsigned v4_count, unsigned v6_count)
{
    struct gate_addresses gate = { 0 };
    for (unsigned i = 0; i < v4_count; i++) {
        struct ip_address address = { 4, { 192, 0, 2, (uint8_t)(i + 1) } };
        assert_true(gate_addresses_add(&gate, &address));
    }
    for (unsigned i = 0; i < v6_count; i++) {
        struct ip_address address = { 6, { 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)(i + 1) } };
        assert_true(gate_addresses_add(&gate, &address));
    }
    return gate;
}

static const struct verdict allowed = { .decision = DECISION_ALLOW,
                                        .reason = REASON_ALLOWED,
                                        .rule_id = 1 };
static const struct verdict denied = { .reason = REASON_NO_RULE };

/* Four labels that make a name of 255 bytes. */
#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const char longest_name[] = LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61;

/* The same with bytes that the error text shows as four characters each. */
static const char escaped_name[] =
    "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1.com";

#define KEEPALIVE_OPTION "\0\x0b\0\0"

static const struct row {
    const char *name;
    const char *question;
    uint32_t type;
    bool has_edns;
    const struct verdict *verdict;
    enum deny_answer deny_answer;
    const char *answer; /* after the echoed question */
    size_t answer_size;
    const char *header; /* flags and counts */
} rows[] = {
    { "an address", "aPi.example", DNS_TYPE_A, false, &allowed, DENY_ANSWER_NXDOMAIN,
      BYTES("\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc0\0\2\1"), "\x81\x80\0\1\0\1\0\0\0\0" },
    { "an address, with EDNS", "aPi.example", DNS_TYPE_A, true, &allowed, DENY_ANSWER_NXDOMAIN,
      BYTES("\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4\xc0\0\2\1"
            "\0\0\x29\x04\xd0\0\0\0\0\0\0"),
      "\x81\x80\0\1\0\1\0\0\0\1" },
    { "no data", "aPi.example", DNS_TYPE_HTTPS, false, &allowed, DENY_ANSWER_NXDOMAIN,
      BYTES("\0\0\6\0\1\0\0\0\5\0\x16\0\0\0\0\0\1\0\1\x51\x80\0\0\x1c\x20\0\x09\x3a\x80\0\0\0\5"),
      "\x81\x80\0\1\0\0\0\1\0\0" },
    { "denied", "aPi.example", DNS_TYPE_A, true, &denied, DENY_ANSWER_NXDOMAIN,
      BYTES("\0\0\6\0\1\0\0\0\5\0\x16\0\0\0\0\0\1\0\1\x51\x80\0\0\x1c\x20\0\x09\x3a\x80\0\0\0\5"
            "\0\0\x29\x04\xd0\0\0\0\0\0\x2f\0\x0f\0\x2b\0\x0f"
            "api.example is denied: no rule allows it."),
      "\x81\x83\0\1\0\0\0\1\0\1" },
    { "denied, without EDNS", "aPi.example", DNS_TYPE_A, false, &denied, DENY_ANSWER_NXDOMAIN,
      BYTES("\0\0\6\0\1\0\0\0\5\0\x16\0\0\0\0\0\1\0\1\x51\x80\0\0\x1c\x20\0\x09\x3a\x80\0\0\0\5"),
      "\x81\x83\0\1\0\0\0\1\0\0" },
    { "refused", "aPi.example", DNS_TYPE_A, false, &denied, DENY_ANSWER_REFUSED, BYTES(""),
      "\x81\x85\0\1\0\0\0\0\0\0" },
};

static void is_composed_to_the_byte(void **state)
{
    const struct row *row = *state;
    uint8_t message[TEST_QUERY_MAX], answer[DNS_ANSWER_MAX];
    struct query query;
    size_t size = make_query(row->question, row->type, row->has_edns, message);
    assert_int_equal(query_parse(reader_over(message, size), &query), QUERY_OK);
    struct settings settings = settings_default();
    settings.deny_answer = row->deny_answer;
    struct gate_addresses gate = gate_with(1, 0);
    struct answer_terms terms = { .settings = &settings, .gate = &gate, .verdict = *row->verdict };
    struct writer output = writer_over(answer, sizeof(answer));
    answer_compose(&query, QUERY_OK, &terms, &output);

    assert_int_equal(writer_size(&output),
                     DNS_HEADER_BYTES + query.question_size + row->answer_size);
    assert_memory_equal(answer, message, 2);
    assert_memory_equal(answer + 2, row->header, 10);
    assert_memory_equal(answer + DNS_HEADER_BYTES, message + DNS_HEADER_BYTES, query.question_size);
    assert_memory_equal(answer + DNS_HEADER_BYTES + query.question_size, row->answer,
                        row->answer_size);
}

/* What the largest answers come to; they fit in 512 bytes by composition, not by being cut. */
static const struct size_row {
    const char *name;
    const char *question;
    uint32_t type;
    const struct verdict *verdict;
    uint16_t keepalive_100ms;
    size_t expected;
} size_rows[] = {
    { "eight IPv4 addresses of the longest name", longest_name, DNS_TYPE_A, &allowed, 0,
      12 + 259 + 8 * 16 + 11 },
    { "eight IPv6 addresses of the longest name", longest_name, DNS_TYPE_AAAA, &allowed, 0,
      12 + 259 + 8 * 28 + 11 },
    { "and a keepalive", longest_name, DNS_TYPE_AAAA, &allowed, 100, 12 + 259 + 8 * 28 + 11 + 6 },
    { "a denial of the longest name", longest_name, DNS_TYPE_A, &denied, 0,
      12 + 259 + 33 + 11 + 6 + 160 },
    { "a denial of the longest name, and a keepalive", longest_name, DNS_TYPE_A, &denied, 100,
      12 + 259 + 33 + 11 + 6 + 160 + 6 },
    { "a denial of a name of escapes", escaped_name, DNS_TYPE_A, &denied, 0,
      12 + 51 + 33 + 11 + 6 + 160 },
};

static void is_as_large_as_expected(void **state)
{
    const struct size_row *row = *state;
    uint8_t message[TEST_QUERY_MAX], answer[DNS_ANSWER_MAX];
    struct query query;
    struct writer input = writer_over(message, sizeof(message));
    put_header(&input, 0, 0x1001);
    put_question(&input, row->question, row->type, DNS_CLASS_IN);
    put_opt(&input, 0, KEEPALIVE_OPTION, sizeof(KEEPALIVE_OPTION) - 1);
    assert_int_equal(query_parse(reader_over(message, writer_size(&input)), &query), QUERY_OK);
    struct settings settings = settings_default();
    struct gate_addresses gate = gate_with(8, 8);
    struct answer_terms terms = { .settings = &settings,
                                  .gate = &gate,
                                  .verdict = *row->verdict,
                                  .keepalive_100ms = row->keepalive_100ms };
    struct writer output = writer_over(answer, sizeof(answer));
    answer_compose(&query, QUERY_OK, &terms, &output);
    assert_int_equal(writer_size(&output), row->expected);
    assert_true(writer_size(&output) <= 512);
}

/* With a key, IPv4 in a range and two addresses of IPv6: the records of one type. */
static enum answer_kind ask_ranged(uint32_t type, bool has_key, uint8_t answer[DNS_ANSWER_MAX])
{
    uint8_t message[TEST_QUERY_MAX];
    struct query query;
    struct ip_network range;
    struct settings settings = settings_default();
    struct gate_addresses gate = gate_with(0, 2);
    size_t size = make_query("API.example.com", type, false, message);
    assert_int_equal(query_parse(reader_over(message, size), &query), QUERY_OK);
    assert_true(ip_network_parse("127.90.0.0/16", &range));
    assert_true(gate_addresses_add_range(&gate, &range));
    assert_true(gate_key_parse("00112233445566778899aabbccddeeff", &settings.gate_key));
    settings.gate_key.is_known = has_key;
    struct answer_terms terms = { .settings = &settings, .gate = &gate, .verdict = allowed };
    struct writer output = writer_over(answer, DNS_ANSWER_MAX);
    return answer_compose(&query, QUERY_OK, &terms, &output);
}

static void range_gives_the_names_own_address(void **state)
{
    enum { RECORD_AT = DNS_HEADER_BYTES + 17 + 4, ADDRESS_AT = RECORD_AT + 12 };
    uint8_t answer[DNS_ANSWER_MAX];
    (void)state;
    assert_int_equal(ask_ranged(DNS_TYPE_A, true, answer), ANSWER_ADDRESSES);
    assert_memory_equal(answer + 6, "\0\1", 2);
    assert_memory_equal(answer + ADDRESS_AT, "\x7f\x5a\x35\x66", 4);
    assert_int_equal(ask_ranged(DNS_TYPE_ANY, true, answer), ANSWER_ADDRESSES);
    assert_memory_equal(answer + ADDRESS_AT, "\x7f\x5a\x35\x66", 4);
    assert_int_equal(ask_ranged(DNS_TYPE_AAAA, true, answer), ANSWER_ADDRESSES);
    assert_memory_equal(answer + 6, "\0\2", 2);
    assert_int_equal(ask_ranged(DNS_TYPE_A, false, answer), ANSWER_NO_DATA);
    assert_int_equal(ask_ranged(DNS_TYPE_ANY, false, answer), ANSWER_ADDRESSES); /* of IPv6 */
    assert_memory_equal(answer + 6, "\0\2", 2);
}

/* Without an OPT record the upper bits of BADVERS (16) are lost, and NOERROR would be left. */
static void rcode_that_needs_edns_is_a_failure_without(void **state)
{
    uint8_t message[TEST_QUERY_MAX], answer[DNS_ANSWER_MAX];
    struct settings settings = settings_default();
    static struct forwarded_answer forwarded = { .rcode = DNS_RCODE_BAD_VERSION };
    struct answer_terms terms = { .settings = &settings,
                                  .standing = STANDING_FORWARDED,
                                  .forwarded = &forwarded };
    (void)state;
    for (int has_edns = 0; has_edns <= 1; has_edns++) {
        struct query query;
        size_t size = make_query("web.cluster.local", DNS_TYPE_A, has_edns, message);
        assert_int_equal(query_parse(reader_over(message, size), &query), QUERY_OK);
        struct writer output = writer_over(answer, sizeof(answer));
        assert_int_equal(answer_compose(&query, QUERY_OK, &terms, &output), ANSWER_FORWARDED);
        assert_int_equal(answer[3] & DNS_RCODE_MASK, has_edns ? 0 : DNS_RCODE_SERVER_FAILURE);
        if (has_edns)
            assert_int_equal(answer[size - 6], 1); /* of the OPT record */
    }
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, is_composed_to_the_byte);
    TESTS_ADD_TABLE(&tests, size_rows, is_as_large_as_expected);
    tests_add_row(&tests, "a range gives the name's own address", NULL,
                  range_gives_the_names_own_address);
    tests_add_row(&tests, "an rcode that needs EDNS is a failure without", NULL,
                  rcode_that_needs_edns_is_a_failure_without);
    return tests_run(&tests, "answer");
}
