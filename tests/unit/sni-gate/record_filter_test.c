/* tests/unit/sni-gate/record_filter_test.c - what may go to the server before it has answered. */
#include "sni-gate/record_filter.h"

#include "unit.h"

#define ALL SIZE_MAX

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    size_t passes; /* ALL, or how many */
} rows[] = {
    { "nothing", "", 0, ALL },
    { "change cipher spec", BYTES("\x14\3\3\0\1\1"), ALL },
    { "early data", BYTES("\x17\3\3\0\2ab"), ALL },
    { "early data that goes on", BYTES("\x17\3\3\1\0ab"), ALL },
    { "half a header", BYTES("\x17\3"), ALL },
    { "an empty record", BYTES("\x17\3\3\0\0\x17\3\3\0\1a"), ALL },
    { "an alert", BYTES("\x15\3\3\0\2\2\x28"), ALL },
    { "a handshake record", BYTES("\x16\3\3\0\1a"), 0 },
    { "a handshake record after early data", BYTES("\x17\3\3\0\2ab\x16\3\3\0\1a"), 7 },
    { "22 inside early data", BYTES("\x17\3\3\0\2\x16\x16"), ALL },
    { "no TLS", BYTES("GET / HTTP/1.1\r\n\x16\3\3\0\1a"), ALL },
    { "no TLS after early data", BYTES("\x17\3\3\0\1aGET\x16\3\3\0\1a"), ALL },
    { "another protocol's 23", BYTES("\x17\1\x16\3\3\0\1a"), ALL },
};

static void passes(void **state)
{
    const struct row *row = *state;
    for (size_t step = 1; step <= row->size + 1; step++) {
        struct record_filter filter = { 0 };
        size_t passed = 0;
        for (size_t at = 0; at < row->size && !filter.at_handshake; at += step) {
            size_t part = row->size - at < step ? row->size - at : step;
            uint8_t *copy = test_malloc(part); /* so that a read past the end is found */
            memcpy(copy, row->bytes + at, part);
            passed += record_filter_pass(&filter, copy, part);
            test_free(copy);
        }
        assert_int_equal(passed, row->passes == ALL ? row->size : row->passes);
        assert_int_equal(filter.at_handshake, row->passes != ALL);
        uint8_t more = 0x16;
        if (filter.at_handshake) /* and so it stays */
            assert_int_equal(record_filter_pass(&filter, &more, 1), 0);
    }
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, passes);
    return tests_run(&tests, "record_filter");
}
