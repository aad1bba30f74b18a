/* tests/unit/sni-gate/server_opening_test.c - what a server's first bytes are, however they are
 * cut. */
#include "sni-gate/server_opening.h"

#include "unit.h"

#define RETRY_RANDOM                                                                               \
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                             \
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define OTHER_RANDOM "0123456789abcdef0123456789abcdef"
#define CHANGE       "\x14\3\3\0\1\1"
/* 40 bytes of handshake: header, version, random, two more */
#define HELLO(random) "\2\0\0\x24\3\3" random "xy"
#define RECORD(hello) "\x16\3\3\0\x28" hello

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    size_t decided_after; /* bytes; before them it is incomplete */
    enum server_opening expected;
} rows[] = {
    { "ServerHello", BYTES(RECORD(HELLO(OTHER_RANDOM))), 43, SERVER_OPENING_ANSWER },
    { "HelloRetryRequest", BYTES(RECORD(HELLO(RETRY_RANDOM))), 45, SERVER_OPENING_RETRY },
    { "HelloRetryRequest and change cipher spec", BYTES(RECORD(HELLO(RETRY_RANDOM)) CHANGE), 45,
      SERVER_OPENING_RETRY },
    { "change cipher spec, then ServerHello", BYTES(CHANGE RECORD(HELLO(OTHER_RANDOM))), 49,
      SERVER_OPENING_ANSWER },
    { "HelloRetryRequest in two records",
      BYTES("\x16\3\3\0\6\2\0\0\x24\3\3\x16\3\3\0\x22" RETRY_RANDOM "xy"), 50,
      SERVER_OPENING_RETRY },
    { "more handshake behind a HelloRetryRequest", BYTES("\x16\3\3\0\x29" HELLO(RETRY_RANDOM) "z"),
      46, SERVER_OPENING_MALFORMED },
    { "an alert", BYTES("\x15\3\3\0\2\2\x28"), 1, SERVER_OPENING_ANSWER },
    { "plain HTTP", BYTES("HTTP/1.1 400"), 1, SERVER_OPENING_ANSWER },
    { "application data", BYTES("\x17\3\3\0\1a"), 1, SERVER_OPENING_ANSWER },
    { "an echoed ClientHello", BYTES("\x16\3\1\0\2\1\0"), 6, SERVER_OPENING_ANSWER },
    { "another protocol's 22", BYTES("\x16\1\1\0\2"), 5, SERVER_OPENING_ANSWER },
    { "an empty record", BYTES("\x16\3\3\0\0"), 5, SERVER_OPENING_MALFORMED },
    { "a record too large", BYTES("\x16\3\3\x40\1"), 5, SERVER_OPENING_MALFORMED },
};

static void judges(void **state)
{
    const struct row *row = *state;
    for (size_t size = 0; size <= row->size; size++) {
        uint8_t *copy = test_malloc(size + 1); /* so that a read past the end is found */
        memcpy(copy + 1, row->bytes, size);
        enum server_opening opening = server_opening_judge(reader_over(copy + 1, size));
        test_free(copy);
        if (size < row->decided_after)
            assert_int_equal(opening, SERVER_OPENING_INCOMPLETE);
        else if (size == row->decided_after)
            assert_int_equal(opening, row->expected);
    }
}

static void endless_opening_is_malformed(void **state)
{
    static uint8_t bytes[SERVER_OPENING_MAX];
    (void)state;
    for (size_t at = 0; at < sizeof(bytes); at++)
        bytes[at] = (uint8_t)CHANGE[at % 6];
    assert_int_equal(server_opening_judge(reader_over(bytes, sizeof(bytes) - 8)),
                     SERVER_OPENING_INCOMPLETE);
    assert_int_equal(server_opening_judge(reader_over(bytes, sizeof(bytes))),
                     SERVER_OPENING_MALFORMED);
}

static void counts_whole_records(void **state)
{
    static const char bytes[] = RECORD(HELLO(RETRY_RANDOM)) CHANGE;
    (void)state;
    for (size_t size = 0; size < sizeof(bytes); size++)
        assert_int_equal(server_opening_whole_records(reader_over(bytes, size)),
                         size < 45 ? 0 : (size < 51 ? 45 : 51));
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, judges);
    tests_add_row(&tests, "an endless opening is malformed", NULL, endless_opening_is_malformed);
    tests_add_row(&tests, "counts whole records", NULL, counts_whole_records);
    return tests_run(&tests, "server_opening");
}
