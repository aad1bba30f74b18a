/* tests/unit/sni-gate/proxy_header_test.c - the PROXY protocol's header, cut anywhere. */
#include "sni-gate/proxy_header.h"

#include "base/text.h"
#include "unit.h"

#define SIGNATURE            "\r\n\r\n\0\r\nQUIT\n"
#define V4_BLOCK             "\xc0\0\2\7\xc0\0\2\x09\xc3\x50\1\xbb"
#define V6_ADDRESS(last)     "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0" last
#define MAPPED_ADDRESS(last) "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2" last
#define V6_BLOCK             V6_ADDRESS("\7") V6_ADDRESS("\x09") "\xc3\x50\1\xbb"

/* `source` and `destination` are of a complete header; NULL for others. */
static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    enum proxy_header_status status;
    const char *source, *destination;
} rows[] = {
    { "v1: IPv4", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 50000 443\r\n"), PROXY_HEADER_COMPLETE,
      "192.0.2.7:50000", "192.0.2.9:443" },
    { "v1: IPv6", BYTES("PROXY TCP6 2001:db8::7 2001:DB8:0::9 1 65535\r\n"), PROXY_HEADER_COMPLETE,
      "[2001:db8::7]:1", "[2001:db8::9]:65535" },
    { "v1: mapped IPv6 is IPv4", BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:c000:209 0 443\r\n"),
      PROXY_HEADER_COMPLETE, "192.0.2.7:0", "192.0.2.9:443" },
    { "v1: as long as two whole addresses",
      BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
      PROXY_HEADER_COMPLETE, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
      "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
    { "v1: unknown", BYTES("PROXY UNKNOWN\r\n"), PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v1: unknown, with words", BYTES("PROXY UNKNOWN ffff::1 ffff::1 65535  x\r\n"),
      PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v1: unknown of 107 bytes",
      BYTES(
          "PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaa\r\n"),
      PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v1: unknown of 108 bytes",
      BYTES(
          "PROXY UNKNOWN aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaa\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a line without an end",
      BYTES(
          "PROXY TCP4 1111111111111111111111111111111111111111111111111111111111111111111111111111"
          "1111111111111111111111111"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: not quite unknown", BYTES("PROXY UNKNOWNS\r\n"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: another family", BYTES("PROXY UDP4 192.0.2.7 192.0.2.9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: small letters", BYTES("PROXY tcp4 192.0.2.7 192.0.2.9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: no family", BYTES("PROXY \r\n"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: IPv6 as TCP4", BYTES("PROXY TCP4 2001:db8::7 2001:db8::9 1 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: IPv4 as TCP6", BYTES("PROXY TCP6 192.0.2.7 192.0.2.9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: two families", BYTES("PROXY TCP4 192.0.2.7 2001:db8::9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: a part with a zero in front", BYTES("PROXY TCP4 192.0.2.07 192.0.2.9 1 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a zone", BYTES("PROXY TCP6 fe80::1%eth0 2001:db8::9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: a NUL in an address", BYTES("PROXY TCP4 192.0.2.7\0 192.0.2.9 1 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: too long an address",
      BYTES("PROXY TCP6 00000:0000:0000:0000:0000:0000:0000:0000:0000:0001 ::1 1 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: two spaces", BYTES("PROXY TCP4  192.0.2.7 192.0.2.9 1 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: a space at the end", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 2 \r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a tab", BYTES("PROXY TCP4 192.0.2.7\t192.0.2.9 1 2\r\n"), PROXY_HEADER_MALFORMED, NULL,
      NULL },
    { "v1: a word too many", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 2 3\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a port is missing", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: an empty port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 \r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: a port with a zero in front", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 01 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a port with a sign", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 +2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: a hexadecimal port", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 0x2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: port 65536", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 65536 2\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: a port of many digits", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 4294967297 2\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v1: LF alone", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 2\n\r\n"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v1: CR alone", BYTES("PROXY TCP4 192.0.2.7 192.0.2.9 1 2\r "), PROXY_HEADER_MALFORMED, NULL,
      NULL },

    { "v2: IPv4", BYTES(SIGNATURE "\x21\x11\0\x0c" V4_BLOCK), PROXY_HEADER_COMPLETE,
      "192.0.2.7:50000", "192.0.2.9:443" },
    { "v2: IPv6", BYTES(SIGNATURE "\x21\x21\0\x24" V6_BLOCK), PROXY_HEADER_COMPLETE,
      "[2001:db8::7]:50000", "[2001:db8::9]:443" },
    { "v2: mapped IPv6 is IPv4",
      BYTES(SIGNATURE "\x21\x21\0\x24" MAPPED_ADDRESS("\7") MAPPED_ADDRESS("\x09") "\0\0\1\xbb"),
      PROXY_HEADER_COMPLETE, "192.0.2.7:0", "192.0.2.9:443" },
    { "v2: TLVs", BYTES(SIGNATURE "\x21\x11\0\x16" V4_BLOCK "\4\0\0\xea\0\4vpce"),
      PROXY_HEADER_COMPLETE, "192.0.2.7:50000", "192.0.2.9:443" },
    { "v2: a checksum, which is not looked at",
      BYTES(SIGNATURE "\x21\x11\0\x13" V4_BLOCK "\3\0\4abcd"), PROXY_HEADER_COMPLETE,
      "192.0.2.7:50000", "192.0.2.9:443" },
    { "v2: a TLV that is too long", BYTES(SIGNATURE "\x21\x11\0\x10" V4_BLOCK "\4\0\2a"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: a TLV of 65535 bytes", BYTES(SIGNATURE "\x21\x11\0\x10" V4_BLOCK "\4\xff\xff\0"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: half a TLV", BYTES(SIGNATURE "\x21\x11\0\x0e" V4_BLOCK "\4\0"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: too short for IPv4", BYTES(SIGNATURE "\x21\x11\0\x0b" V4_BLOCK), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: too short for IPv6", BYTES(SIGNATURE "\x21\x21\0\x23" V6_BLOCK), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: no addresses", BYTES(SIGNATURE "\x21\x11\0\0"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: 65535 bytes", BYTES(SIGNATURE "\x21\x11\xff\xff"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: one byte more than 4 KiB", BYTES(SIGNATURE "\x21\x11\x0f\xf1"), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: local", BYTES(SIGNATURE "\x20\0\0\0"), PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v2: local, with addresses", BYTES(SIGNATURE "\x20\x11\0\x0c" V4_BLOCK),
      PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v2: no family", BYTES(SIGNATURE "\x21\0\0\3abc"), PROXY_HEADER_WITHOUT_CLIENT, NULL, NULL },
    { "v2: UDP", BYTES(SIGNATURE "\x21\x12\0\x0c" V4_BLOCK), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: UDP over IPv6", BYTES(SIGNATURE "\x21\x22\0\x24" V6_BLOCK), PROXY_HEADER_MALFORMED, NULL,
      NULL },
    { "v2: a Unix socket", BYTES(SIGNATURE "\x21\x31\0\1a"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: TCP over nothing", BYTES(SIGNATURE "\x21\1\0\1a"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "v2: IPv4 over nothing", BYTES(SIGNATURE "\x21\x10\0\x0c" V4_BLOCK), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: another command", BYTES(SIGNATURE "\x22\x11\0\x0c" V4_BLOCK), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: version 1 in binary", BYTES(SIGNATURE "\x11\x11\0\x0c" V4_BLOCK), PROXY_HEADER_MALFORMED,
      NULL, NULL },
    { "v2: version 3", BYTES(SIGNATURE "\x31\x11\0\x0c" V4_BLOCK), PROXY_HEADER_MALFORMED, NULL,
      NULL },
    { "v2: the signature's last byte", BYTES("\r\n\r\n\0\r\nQUIT\r"), PROXY_HEADER_MALFORMED, NULL,
      NULL },

    { "a ClientHello", BYTES("\x16"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "HTTP",
      BYTES("P"
            "UT / HTTP/1.1\r\n"),
      PROXY_HEADER_MALFORMED, NULL, NULL },
    { "no space behind the first word", BYTES("PROXY\tTCP4"), PROXY_HEADER_MALFORMED, NULL, NULL },
    { "a space in front", BYTES(" PROXY"), PROXY_HEADER_MALFORMED, NULL, NULL },
};

/* Of a copy without a byte to spare, so that a read past the end is found. */
static enum proxy_header_status parse_copy(const void *bytes, size_t size,
                                           struct proxy_header *ret_header)
{
    uint8_t *copy = test_malloc(size);
    memcpy(copy, bytes, size);
    enum proxy_header_status status = proxy_header_parse(copy, size, ret_header);
    test_free(copy);
    return status;
}

static void assert_endpoint(const struct endpoint *endpoint, const char *expected)
{
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(endpoint, &text);
    assert_string_equal(buffer, expected);
}

static void assert_is_of(const struct row *row, const struct proxy_header *header)
{
    static const struct proxy_header untouched = { .size = 7 };
    if (row->status != PROXY_HEADER_COMPLETE) {
        assert_memory_equal(header, &untouched, sizeof(untouched));
        return;
    }
    assert_int_equal(header->size, row->size);
    assert_endpoint(&header->source, row->source);
    assert_endpoint(&header->destination, row->destination);
}

static void is_read_however_it_is_cut(void **state)
{
    const struct row *row = *state;
    struct proxy_header header = { .size = 7 };
    size_t judged = 0; /* the first size that was not incomplete */
    for (size_t size = 0; size <= row->size; size++) {
        enum proxy_header_status status = parse_copy(row->bytes, size, &header);
        if (status != PROXY_HEADER_INCOMPLETE && judged == 0)
            judged = size;
        assert_int_equal(status, judged == 0 ? PROXY_HEADER_INCOMPLETE : row->status);
    }
    assert_true(judged > 0);
    if (row->status != PROXY_HEADER_MALFORMED)
        assert_int_equal(judged, row->size);
    assert_is_of(row, &header);
}

static void leaves_what_follows(void **state)
{
    const struct row *row = *state;
    struct proxy_header header = { .size = 7 };
    uint8_t bytes[2 * PROXY_HEADER_MAX];
    for (unsigned filler = 0; filler < 256; filler++) {
        memset(bytes, (int)filler, sizeof(bytes));
        memcpy(bytes, row->bytes, row->size);
        assert_int_equal(parse_copy(bytes, sizeof(bytes), &header), row->status);
        assert_is_of(row, &header);
    }
}

/* One TLV fills the largest header there may be. */
static void takes_four_kibibytes(void **state)
{
    (void)state;
    enum { TLV_BYTES = PROXY_HEADER_MAX - 16 - 12 - 3 };
    uint8_t bytes[PROXY_HEADER_MAX] = SIGNATURE "\x21\x11\x0f\xf0" V4_BLOCK "\4";
    bytes[29] = TLV_BYTES >> 8;
    bytes[30] = TLV_BYTES & 0xff;
    struct proxy_header header = { .size = 7 };
    assert_int_equal(parse_copy(bytes, sizeof(bytes) - 1, &header), PROXY_HEADER_INCOMPLETE);
    assert_int_equal(header.size, 7);
    assert_int_equal(parse_copy(bytes, sizeof(bytes), &header), PROXY_HEADER_COMPLETE);
    assert_int_equal(header.size, PROXY_HEADER_MAX);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, is_read_however_it_is_cut);
    TESTS_ADD_TABLE(&tests, rows, leaves_what_follows);
    tests_add_row(&tests, "takes four kibibytes", NULL, takes_four_kibibytes);
    return tests_run(&tests, "proxy_header");
}
