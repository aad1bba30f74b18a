/* tests/unit/policy/host_name_test.c - host names as text and on the wire. */
#include "base/reader.h"
#include "base/text.h"
#include "dice.h"
#include "names.h"
#include "policy/host_name.h"
#include "unit.h"

#define TEN   "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN

static const struct parse_row {
    const char *name;
    const char *text;
    size_t size;
    enum host_name_status expected;
    const char *wire; /* where it is a name; without the root's empty label */
} parse_rows[] = {
    { "two labels", BYTES("example.com"), HOST_NAME_OK, "\7example\3com" },
    { "one label", BYTES("localhost"), HOST_NAME_OK, "\11localhost" },
    { "capitals are folded", BYTES("EXAMPLE.Com"), HOST_NAME_OK, "\7example\3com" },
    { "digits and hyphens", BYTES("a-1.2-b.x"), HOST_NAME_OK,
      "\3a-1\3"
      "2-b\1x" },
    { "underscores", BYTES("_dmarc.a_b.x"), HOST_NAME_OK, "\6_dmarc\3a_b\1x" },
    { "an A-label", BYTES("xn--bcher-kva.example"), HOST_NAME_OK, "\15xn--bcher-kva\7example" },
    { "digits that are no address", BYTES("1.2.3.4.in-addr.arpa"), HOST_NAME_OK,
      "\1"
      "1\1"
      "2\1"
      "3\1"
      "4\7in-addr\4arpa" },
    { "hex that is no number", BYTES("example.0xg"), HOST_NAME_OK,
      "\7example\3"
      "0xg" },
    { "empty", BYTES(""), HOST_NAME_EMPTY, NULL },
    { "only a dot", BYTES("."), HOST_NAME_EMPTY_LABEL, NULL },
    { "a dot first", BYTES(".example.com"), HOST_NAME_EMPTY_LABEL, NULL },
    { "a final dot", BYTES("example.com."), HOST_NAME_EMPTY_LABEL, NULL },
    { "two dots", BYTES("example..com"), HOST_NAME_EMPTY_LABEL, NULL },
    { "63 bytes in a label", BYTES(SIXTY "aaa.x"), HOST_NAME_OK, "\77" SIXTY "aaa\1x" },
    { "64 bytes in a label", BYTES(SIXTY "aaaa.x"), HOST_NAME_LABEL_TOO_LONG, NULL },
    { "64 bytes in the last label", BYTES("x." SIXTY "aaaa"), HOST_NAME_LABEL_TOO_LONG, NULL },
    { "a star", BYTES("*.example.com"), HOST_NAME_BAD_BYTE, NULL },
    { "a space", BYTES("exa mple.com"), HOST_NAME_BAD_BYTE, NULL },
    { "NUL", BYTES("example\0.com"), HOST_NAME_BAD_BYTE, NULL },
    { "a slash", BYTES("example.com/"), HOST_NAME_BAD_BYTE, NULL },
    { "a percent sign", BYTES("exampl%65.com"), HOST_NAME_BAD_BYTE, NULL },
    { "a full-width dot",
      BYTES("example\xe3\x80\x82"
            "com"),
      HOST_NAME_NOT_ASCII, NULL },
    { "an umlaut",
      BYTES("b\xc3\xbc"
            "cher.example"),
      HOST_NAME_NOT_ASCII, NULL },
    { "a hyphen first", BYTES("-a.example"), HOST_NAME_BAD_HYPHEN, NULL },
    { "a hyphen last", BYTES("a-.example"), HOST_NAME_BAD_HYPHEN, NULL },
    { "only a hyphen", BYTES("a.-"), HOST_NAME_BAD_HYPHEN, NULL },
    { "IPv4", BYTES("192.0.2.1"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv4 of two parts", BYTES("127.1"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv4 as one number", BYTES("2130706433"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv4 in hexadecimal", BYTES("0x7f.0x0.0.0X1"), HOST_NAME_IS_ADDRESS, NULL },
    { "a name that ends in a number", BYTES("example.1"), HOST_NAME_IS_ADDRESS, NULL },
    { "a name that ends in 0x", BYTES("example.0x"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv6", BYTES("2001:db8::1"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv6 in brackets", BYTES("[2001:db8::1]"), HOST_NAME_IS_ADDRESS, NULL },
    { "IPv6 in brackets with a port", BYTES("[2001:db8::1]:443"), HOST_NAME_IS_ADDRESS, NULL },
    { "no IPv6 behind NUL", BYTES("::1\0x"), HOST_NAME_BAD_BYTE, NULL },
    { "brackets around nothing", BYTES("[]"), HOST_NAME_BAD_BYTE, NULL },
    { "an open bracket", BYTES("["), HOST_NAME_BAD_BYTE, NULL },
};

static void parses_as_expected(void **state)
{
    const struct parse_row *row = *state;
    struct host_name name = { .size = 77 };
    assert_int_equal(host_name_parse(row->text, row->size, &name), row->expected);
    if (row->wire == NULL) {
        assert_int_equal(name.size, 77); /* untouched */
        return;
    }
    assert_int_equal(name.size, strlen(row->wire) + 1);
    assert_memory_equal(name.wire, row->wire, name.size);
    assert_true(host_name_is_printable(&name));

    /* Its text is read as the same name again. */
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    struct host_name again;
    host_name_add_to(&name, &text);
    assert_int_equal(host_name_parse(text.at, text.size, &again), HOST_NAME_OK);
    assert_int_equal(again.size, name.size);
    assert_memory_equal(again.wire, name.wire, name.size);
    assert_int_equal(again.label_count, name.label_count);
    assert_int_equal(again.plain_labels, name.plain_labels);
}

/* RFC 1035 2.3.4, from both sides of the limit. */
static void the_longest_names(void **state)
{
    (void)state;
    char longest[300];
    struct host_name name;
    for (size_t i = 0; i < sizeof(longest); i++)
        longest[i] = i % 2 == 0 ? 'a' : '.';
    assert_int_equal(host_name_parse(longest, HOST_NAME_TEXT_MAX, &name), HOST_NAME_OK);
    assert_int_equal(name.size, HOST_NAME_WIRE_MAX);
    assert_int_equal(name.label_count, HOST_NAME_LABELS_MAX);
    assert_int_equal(name.plain_labels, HOST_NAME_LABELS_MAX);
    assert_int_equal(host_name_parse(longest, HOST_NAME_TEXT_MAX + 2, &name), HOST_NAME_TOO_LONG);
    longest[HOST_NAME_TEXT_MAX] = 'a'; /* one letter more in the last label */
    assert_int_equal(host_name_parse(longest, HOST_NAME_TEXT_MAX + 1, &name), HOST_NAME_TOO_LONG);
}

static const struct wire_row {
    const char *name;
    const char *wire;
    size_t size;
    const char *text; /* NULL: refused */
    unsigned plain_labels;
    bool is_printable;
} wire_rows[] = {
    { "wire: a name", BYTES("\3API\7example\0"), "api.example", 2, true },
    { "wire: the root", BYTES("\0"), ".", 0, false },
    { "wire: an underscore", BYTES("\1a\4_tcp\1b\0"), "a._tcp.b", 1, true },
    { "wire: an underscore first", BYTES("\4_tcp\1b\0"), "_tcp.b", 0, true },
    { "wire: an outer hyphen", BYTES("\1a\2b-\1c\0"), "a.b-.c", 1, false },
    { "wire: a leading hyphen", BYTES("\2-a\1c\0"), "-a.c", 0, false },
    { "wire: a dot in a label", BYTES("\3a.b\1c\0"), "a\\046b.c", 0, false },
    { "wire: a star", BYTES("\1*\1c\0"), "\\042.c", 0, false },
    { "wire: a NUL in a label", BYTES("\3a\0b\1c\0"), "a\\000b.c", 0, false },
    { "wire: an escape and a high byte", BYTES("\2\x1b\xff\0"), "\\027\\255", 0, false },
    { "wire: a backslash and a quote", BYTES("\2\\\"\0"), "\\092\\034", 0, false },
    { "wire: only ASCII is folded", BYTES("\3\xc3\x9c[\0"), "\\195\\156\\091", 0, false },
    { "wire: nothing", BYTES(""), NULL, 0, false },
    { "wire: no root", BYTES("\1a"), NULL, 0, false },
    { "wire: a label cut short", BYTES("\3ab"), NULL, 0, false },
    { "wire: a label of 64", BYTES("\x40" SIXTY "aaaa\0"), NULL, 0, false },
    { "wire: a pointer", BYTES("\1a\xc0\x00\0"), NULL, 0, false },
    { "wire: a type of label that is not used", BYTES("\1a\x81\x01\0"), NULL, 0, false },
};

static void is_read_from_the_wire(void **state)
{
    const struct wire_row *row = *state;
    struct host_name name;
    struct reader reader = reader_over(row->wire, row->size);
    assert_int_equal(host_name_read(&reader, &name), row->text != NULL);
    if (row->text == NULL)
        return;
    char buffer[64];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(&name, &text);
    assert_true(reader_done(&reader));
    assert_string_equal(buffer, row->text);
    assert_int_equal(name.plain_labels, row->plain_labels);
    assert_int_equal(host_name_is_printable(&name), row->is_printable);
    for (size_t cut = 0; cut < row->size; cut++) {
        reader = reader_over(row->wire, cut);
        assert_false(host_name_read(&reader, &name));
    }
}

/* Random labels out of what trips a reader up: a name reads back exactly when its text does. */
static void reads_back_when_its_text_does(void **state)
{
    (void)state;
    static const char bytes[] = "aZ09-_.*x:/ @\\\"\x80\xff";
    struct dice dice = { 1 };
    unsigned read_back = 0;
    for (int round = 0; round < 100000; round++) {
        uint8_t wire[64];
        struct writer writer = writer_over(wire, sizeof(wire));
        for (uint32_t labels = 1 + dice_below(&dice, 3); labels > 0; labels--) {
            uint32_t size = 1 + dice_below(&dice, 4);
            uint32_t known = dice_below(&dice, 8) == 0 ? sizeof(bytes) : 6;
            writer_uint(&writer, size, 1);
            while (size-- > 0)
                writer_uint(&writer, (uint8_t)bytes[dice_below(&dice, known)], 1);
        }
        writer_uint(&writer, 0, 1);
        struct host_name name, again;
        struct reader reader = reader_over(wire, writer_size(&writer));
        assert_true(host_name_read(&reader, &name));
        char buffer[256];
        struct text text = text_in(buffer, sizeof(buffer));
        host_name_add_to(&name, &text);
        bool is_read = host_name_parse(buffer, text.size, &again) == HOST_NAME_OK &&
                       again.size == name.size && memcmp(again.wire, name.wire, name.size) == 0;
        assert_int_equal(host_name_reads_back(&name), is_read);
        read_back += is_read;
    }
    assert_in_range(read_back, 1000, 99000);
}

static void leaves_what_follows(void **state)
{
    (void)state;
    struct host_name name;
    struct reader reader = reader_over("\1a\0\1b\0", 6);
    assert_true(host_name_read(&reader, &name));
    assert_int_equal(name.size, 3);
    assert_int_equal(reader_left(&reader), 3);
}

/* A name of 255 bytes is read, one of 256 is not, and no more than that is looked at. */
static void the_longest_wire_name(void **state)
{
    (void)state;
    uint8_t wire[300];
    struct host_name name;
    for (size_t i = 0; i < sizeof(wire); i++)
        wire[i] = i % 2 == 0 ? 1 : 'a';
    wire[254] = 0;
    struct reader reader = reader_over(wire, sizeof(wire));
    assert_true(host_name_read(&reader, &name));
    assert_int_equal(name.size, 255);
    wire[254] = 1;
    wire[256] = 0;
    reader = reader_over(wire, sizeof(wire));
    assert_false(host_name_read(&reader, &name));
    wire[252] = 2; /* the last label is one longer: 256 bytes */
    wire[254] = 'a';
    wire[255] = 0;
    reader = reader_over(wire, sizeof(wire));
    assert_false(host_name_read(&reader, &name));
}

static void suffixes_of_a_name(void **state)
{
    (void)state;
    static const char *const expected[] = { "\1a\2bb\3ccc", "\2bb\3ccc", "\3ccc", "" };
    struct host_name name = name_of("a.bb.ccc");
    for (unsigned labels = 0; labels < COUNT(expected); labels++) {
        size_t size;
        const uint8_t *suffix = host_name_suffix(&name, labels, &size);
        assert_int_equal(size, strlen(expected[labels]) + 1);
        assert_memory_equal(suffix, expected[labels], size);
    }
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, parse_rows, parses_as_expected);
    TESTS_ADD_TABLE(&tests, wire_rows, is_read_from_the_wire);
    tests_add_row(&tests, "the longest names", NULL, the_longest_names);
    tests_add_row(&tests, "reads back when its text does", NULL, reads_back_when_its_text_does);
    tests_add_row(&tests, "wire: leaves what follows", NULL, leaves_what_follows);
    tests_add_row(&tests, "wire: the longest name", NULL, the_longest_wire_name);
    tests_add_row(&tests, "suffixes", NULL, suffixes_of_a_name);
    return tests_run(&tests, "host_name");
}
