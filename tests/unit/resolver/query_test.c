/* tests/unit/resolver/query_test.c - what a message is read as, whole, cut and corrupted. */
#include "resolver/query.h"

#include "base/reader.h"
#include "base/text.h"
#include "dns_messages.h"

#define HEADER(flags, counts)   "\xbe\xef" flags counts
#define RD                      "\x01\x00"
#define ONE_QUESTION            "\0\1\0\0\0\0\0\0"
#define AND_ONE_ADDITIONAL      "\0\1\0\0\0\0\0\1"
#define AND_TWO_ADDITIONAL      "\0\1\0\0\0\0\0\2"
#define NAME                    "\3aPi\7exAmple\0"
#define A_IN                    "\0\1\0\1"
#define QUESTION                NAME A_IN
#define OPT(size, version)      "\0\0\x29" size "\0" version "\x80\0"
#define PLAIN_OPT               OPT("\x10\0", "\0") "\0\0"
#define OPT_WITH(size, options) OPT("\x10\0", "\0") "\0" size options
#define CLIENT_COOKIE           "\1\2\3\4\5\6\7\x08"
#define SERVER_8                "AAAABBBB"
#define COOKIE(size)            "\0\x0a\0" size
#define TSIG                    "\1k\0\0\xfa\0\xff\0\0\0\0\0\3abc"

/* What a row expects besides the status. */
enum {
    QUESTION_READ = 1,
    EDNS = 2,
    DNSSEC = 4,
    KEEPALIVE = 8,
    RECURSION = 16,
    CHECKING_DISABLED = 32,
    COOKIE_READ = 64,
    NSID = 128,
};

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    enum query_status expected;
    unsigned marks;
    unsigned udp_size;
} rows[] = {
    { "a plain query", BYTES(HEADER(RD, ONE_QUESTION) QUESTION), QUERY_OK,
      QUESTION_READ | RECURSION, 512 },
    { "no recursion wanted, checking disabled", BYTES(HEADER("\0\x10", ONE_QUESTION) QUESTION),
      QUERY_OK, QUESTION_READ | CHECKING_DISABLED, 512 },
    { "AD and the reserved bit are passed over", BYTES(HEADER("\1\x60", ONE_QUESTION) QUESTION),
      QUERY_OK, QUESTION_READ | RECURSION, 512 },
    { "with EDNS", BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION PLAIN_OPT), QUERY_OK,
      QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a UDP size under 512 means 512",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\0\x10", "\0") "\0\0"), QUERY_OK,
      QUESTION_READ | EDNS | DNSSEC | RECURSION, 512 },
    { "unknown options are passed over",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL)
                QUESTION OPT("\x10\0", "\0") "\0\x09\xfd\xe9\0\1x\0\x0c\0\0"),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "keepalive wanted",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\0") "\0\4\0\x0b\0\0"), QUERY_OK,
      QUESTION_READ | EDNS | DNSSEC | KEEPALIVE | RECURSION, 4096 },
    { "keepalive with a timeout",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\0") "\0\6\0\x0b\0\2\0\1"),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a client's cookie",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH("\x0c", COOKIE("\x08") CLIENT_COOKIE)),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION | COOKIE_READ, 4096 },
    { "a cookie with a server's part of 8",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL)
                QUESTION OPT_WITH("\x14", COOKIE("\x10") CLIENT_COOKIE SERVER_8)),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION | COOKIE_READ, 4096 },
    { "a cookie with a server's part of 32",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH(
          "\x2c", COOKIE("\x28") CLIENT_COOKIE SERVER_8 SERVER_8 SERVER_8 SERVER_8)),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION | COOKIE_READ, 4096 },
    { "a cookie without bytes",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH("\x04", COOKIE("\0"))),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a client's cookie of 7",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH("\x0b", COOKIE("\x07") "1234567")),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a server's part of 1",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL)
                QUESTION OPT_WITH("\x0d", COOKIE("\x09") CLIENT_COOKIE "A")),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a server's part of 7",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL)
                QUESTION OPT_WITH("\x13", COOKIE("\x0f") CLIENT_COOKIE "AAAABBB")),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "a server's part of 33",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH(
          "\x2d", COOKIE("\x29") CLIENT_COOKIE SERVER_8 SERVER_8 SERVER_8 SERVER_8 "A")),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "of two cookies the first counts, whatever the second is",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL)
                QUESTION OPT_WITH("\x11", COOKIE("\x08") CLIENT_COOKIE COOKIE("\1") "A")),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION | COOKIE_READ, 4096 },
    { "NSID wanted", BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH("\x04", "\0\3\0\0")),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION | NSID, 4096 },
    { "NSID wanted, with bytes that mean nothing",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT_WITH("\x05", "\0\3\0\1x")), QUERY_OK,
      QUESTION_READ | EDNS | DNSSEC | RECURSION | NSID, 4096 },
    { "no question but a cookie",
      BYTES(HEADER(RD, "\0\0\0\0\0\0\0\1") OPT_WITH("\x0c", COOKIE("\x08") CLIENT_COOKIE)),
      QUERY_COOKIE_ALONE, EDNS | DNSSEC | RECURSION | COOKIE_READ, 4096 },
    { "no question, and an OPT record without a cookie",
      BYTES(HEADER(RD, "\0\0\0\0\0\0\0\1") PLAIN_OPT), QUERY_FORMAT_ERROR,
      EDNS | DNSSEC | RECURSION, 4096 },
    { "the OPT record before another",
      BYTES(HEADER(RD, AND_TWO_ADDITIONAL) QUESTION PLAIN_OPT
            "\1a\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"),
      QUERY_OK, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "an OPT record among the authorities",
      BYTES(HEADER(RD, "\0\1\0\0\0\1\0\0") NAME "\0\xfb\0\1" PLAIN_OPT), QUERY_FORMAT_ERROR,
      QUESTION_READ | RECURSION, 512 },
    { "every other bit of the header is passed over",
      BYTES(HEADER("\7\xef", ONE_QUESTION) QUESTION), QUERY_OK, QUESTION_READ | RECURSION, 512 },
    { "an OPT record that is cut",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\0") "\0\4\0\x0a"),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | RECURSION, 512 },
    { "an option longer than its record",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\0") "\0\4\0\x0a\0\1"),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "EDNS version 1", BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\1") "\0\0"),
      QUERY_BAD_VERSION, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "options of another version are not read",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION OPT("\x10\0", "\1") "\0\1x"), QUERY_BAD_VERSION,
      QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "two OPT records", BYTES(HEADER(RD, AND_TWO_ADDITIONAL) QUESTION PLAIN_OPT PLAIN_OPT),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "an OPT record of a name", BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION "\1x" PLAIN_OPT),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "an OPT record of a pointer",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION "\xc0\x0c\0\x29\x10\0\0\0\0\0\0\0"),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "a signed query", BYTES(HEADER(RD, AND_TWO_ADDITIONAL) QUESTION PLAIN_OPT TSIG), QUERY_OK,
      QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "an additional record of a compressed name",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION "\1a\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"),
      QUERY_OK, QUESTION_READ | RECURSION, 512 },
    { "an additional record of a label of unknown kind",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) QUESTION "\x41\1\0\0\1\0\1\0\0\0\0\0\4abcd"),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "one additional record too few", BYTES(HEADER(RD, AND_TWO_ADDITIONAL) QUESTION PLAIN_OPT),
      QUERY_FORMAT_ERROR, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "one byte too many", BYTES(HEADER(RD, ONE_QUESTION) QUESTION "\0"), QUERY_FORMAT_ERROR,
      QUESTION_READ | RECURSION, 512 },
    { "a record among the answers",
      BYTES(HEADER(RD, "\0\1\0\1\0\0\0\0") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "a record announced among the answers", BYTES(HEADER(RD, "\0\1\0\1\0\0\0\0") QUESTION),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "a record among the authorities",
      BYTES(HEADER(RD, "\0\1\0\0\0\1\0\0") QUESTION "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"),
      QUERY_FORMAT_ERROR, QUESTION_READ | RECURSION, 512 },
    { "no question", BYTES(HEADER(RD, "\0\0\0\0\0\0\0\0")), QUERY_FORMAT_ERROR, RECURSION, 512 },
    { "two questions", BYTES(HEADER(RD, "\0\2\0\0\0\0\0\0") QUESTION QUESTION), QUERY_FORMAT_ERROR,
      RECURSION, 512 },
    { "a name that is a pointer", BYTES(HEADER(RD, ONE_QUESTION) "\xc0\x0c" A_IN),
      QUERY_FORMAT_ERROR, RECURSION, 512 },
    { "a name without its end", BYTES(HEADER(RD, ONE_QUESTION) "\3api"), QUERY_FORMAT_ERROR,
      RECURSION, 512 },
    { "another opcode, whatever follows", BYTES(HEADER("\x29\0", "\0\7\0\7\0\7\0\7") "\xff"),
      QUERY_NOT_IMPLEMENTED, RECURSION, 512 },
    { "class CHAOS", BYTES(HEADER(RD, ONE_QUESTION) NAME "\0\x10\0\3"), QUERY_IDENTITY,
      QUESTION_READ | RECURSION, 512 },
    { "class ANY", BYTES(HEADER(RD, ONE_QUESTION) NAME "\0\1\0\xff"), QUERY_REFUSED,
      QUESTION_READ | RECURSION, 512 },
    { "class NONE", BYTES(HEADER(RD, ONE_QUESTION) NAME "\0\1\0\xfe"), QUERY_REFUSED,
      QUESTION_READ | RECURSION, 512 },
    { "class 0", BYTES(HEADER(RD, ONE_QUESTION) NAME "\0\1\0\0"), QUERY_REFUSED,
      QUESTION_READ | RECURSION, 512 },
    { "AXFR", BYTES(HEADER(RD, ONE_QUESTION) NAME "\0\xfc\0\1"), QUERY_REFUSED,
      QUESTION_READ | RECURSION, 512 },
    { "IXFR with its serial",
      BYTES(HEADER(RD, "\0\1\0\0\0\1\0\0") NAME "\0\xfb\0\1\xc0\x0c\0\6\0\1\0\0\0\0\0\4abcd"),
      QUERY_REFUSED, QUESTION_READ | RECURSION, 512 },
    { "a bad version goes before a refusal",
      BYTES(HEADER(RD, AND_ONE_ADDITIONAL) NAME "\0\xfc\0\1" OPT("\x10\0", "\1") "\0\0"),
      QUERY_BAD_VERSION, QUESTION_READ | EDNS | DNSSEC | RECURSION, 4096 },
    { "an answer", BYTES(HEADER("\x81\0", ONE_QUESTION) QUESTION), QUERY_IGNORED, 0, 0 },
    { "an answer of another opcode", BYTES(HEADER("\xa9\0", ONE_QUESTION) QUESTION), QUERY_IGNORED,
      0, 0 },
    { "eleven bytes", BYTES("\xbe\xef\1\0\0\1\0\0\0\0\0"), QUERY_IGNORED, 0, 0 },
    { "nothing", "", 0, QUERY_IGNORED, 0, 0 },
};

static unsigned marks_of(const struct query *query)
{
    return (query->question != NULL ? QUESTION_READ : 0u) | (query->has_edns ? EDNS : 0u) |
           (query->cookie.is_present ? COOKIE_READ : 0u) | (query->wants_nsid ? NSID : 0u) |
           (query->is_dnssec_ok ? DNSSEC : 0u) | (query->wants_keepalive ? KEEPALIVE : 0u) |
           (query->is_recursion_desired ? RECURSION : 0u) |
           (query->is_checking_disabled ? CHECKING_DISABLED : 0u);
}

static void reads_as_expected(void **state)
{
    const struct row *row = *state;
    struct query query;
    assert_int_equal(query_parse(reader_over(row->bytes, row->size), &query), row->expected);
    if (row->expected == QUERY_IGNORED)
        return;
    assert_int_equal(query.id, TEST_QUERY_ID);
    assert_int_equal(query.opcode, row->expected == QUERY_NOT_IMPLEMENTED ? 5 : 0);
    assert_int_equal(marks_of(&query), row->marks);
    assert_int_equal(query.udp_size, row->udp_size);
    if (query.question == NULL)
        return;
    assert_ptr_equal(query.question, row->bytes + DNS_HEADER_BYTES); /* as sent, so with its case */
    assert_int_equal(query.question_size, sizeof(QUESTION) - 1);
    assert_int_equal(query.name.size, sizeof(NAME) - 1);
    assert_memory_equal(query.name.wire, "\3api\7example\0", sizeof(NAME) - 1);
}

/* The first `size` bytes of a row, read from memory of just that size, so that the sanitizers see a
 * read behind. */
static void check_prefix(const struct row *row, size_t size)
{
    struct query query;
    uint8_t *bytes = test_malloc(size + 1);
    memcpy(bytes, row->bytes, size);
    enum query_status status = query_parse(reader_over(bytes, size), &query);
    assert_int_equal(status, size < DNS_HEADER_BYTES ? QUERY_IGNORED : QUERY_FORMAT_ERROR);
    if (size >= DNS_HEADER_BYTES && query.question != NULL)
        assert_true(query.question + query.question_size <= bytes + size);
    test_free(bytes);
}

static void no_prefix_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t size = 0; rows[i].expected >= QUERY_BAD_VERSION && size < rows[i].size; size++)
            check_prefix(&rows[i], size);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, reads_as_expected);
    tests_add_row(&tests, "no prefix is whole", NULL, no_prefix_is_whole);
    return tests_run(&tests, "query");
}
