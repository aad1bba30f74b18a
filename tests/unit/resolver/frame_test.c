/* tests/unit/resolver/frame_test.c - messages in a stream, whole and in parts. */
#include "resolver/frame.h"

#include "unit.h"

#include <stdlib.h>

#define TWELVE                                                                                     \
    "\0\x0c"                                                                                       \
    "abcdefghijkl"

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    enum frame_status expected;
    size_t message_size;
} rows[] = {
    { "nothing", "", 0, FRAME_INCOMPLETE, 0 },
    { "half a length", "\0", 1, FRAME_INCOMPLETE, 0 },
    { "a length alone", "\0\x0c", 2, FRAME_INCOMPLETE, 0 },
    { "all but the last byte", TWELVE, 13, FRAME_INCOMPLETE, 0 },
    { "a header", TWELVE, 14, FRAME_WHOLE, 12 },
    { "a header, and the start of the next", TWELVE "\0", 15, FRAME_WHOLE, 12 },
    { "an empty message", "\0\0", 2, FRAME_BROKEN, 0 },
    { "less than a header", "\0\x0b", 2, FRAME_BROKEN, 0 },
    { "the longest, not there yet", "\x10\0", 2, FRAME_INCOMPLETE, 0 },
    { "one byte more than the longest", "\x10\1", 2, FRAME_BROKEN, 0 },
    { "the longest length there is", "\xff\xff", 2, FRAME_BROKEN, 0 },
};

static void takes_a_message(void **state)
{
    const struct row *row = *state;
    uint8_t *bytes = malloc(row->size + 1); /* on the heap, so that a read too far is seen */
    memcpy(bytes, row->bytes, row->size);
    struct reader input = reader_over(bytes, row->size), message = reader_over("untouched", 9);
    assert_int_equal(frame_take(&input, &message), row->expected);
    if (row->expected == FRAME_WHOLE) {
        assert_ptr_equal(message.at, bytes + FRAME_LENGTH_BYTES);
        assert_int_equal(reader_left(&message), row->message_size);
        assert_ptr_equal(input.at, message.end);
    } else {
        assert_ptr_equal(input.at, bytes);
        assert_int_equal(reader_left(&message), 9);
    }
    assert_false(input.failed);
    free(bytes);
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){ rows[i].name, takes_a_message, NULL, NULL, (void *)&rows[i] };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
