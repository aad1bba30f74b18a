/* tests/unit/sni-gate/hello_assembler_test.c - every way to cut a ClientHello, and what is no way
 * to send one. */
#include "sni-gate/hello_assembler.h"

#include "client_hellos.h"
#include "unit.h"

#include <stdlib.h>

enum { RECORD_HEADER = 5 };

/* Feeds all bytes, `step` at a time, until the status is final. */
static enum hello_assembly feed(struct hello_assembler *assembler, const void *bytes, size_t size,
                                size_t step)
{
    const uint8_t *at = bytes;
    while (size > 0 && assembler->status == HELLO_INCOMPLETE) {
        size_t part = size < step ? size : step;
        if (part > hello_assembler_room(assembler))
            part = hello_assembler_room(assembler);
        uint8_t *copy = test_malloc(part); /* so that a read past the end is found */
        memcpy(copy, at, part);
        (void)hello_assembler_feed(assembler, copy, part);
        test_free(copy);
        at += part;
        size -= part;
    }
    return assembler->status;
}

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    enum hello_assembly expected;
} rows[] = {
    { "one record", BYTES("\x16\3\1\0\6\1\0\0\2ab"), HELLO_COMPLETE },
    { "any minor version", BYTES("\x16\3\xff\0\6\1\0\0\2ab"), HELLO_COMPLETE },
    { "two records", BYTES("\x16\3\1\0\5\1\0\0\2a\x16\3\1\0\1b"), HELLO_COMPLETE },
    { "message header in three records", BYTES("\x16\3\1\0\1\1\x16\3\1\0\2\0\0\x16\3\1\0\3\2ab"),
      HELLO_COMPLETE },
    { "a later record after the hello", BYTES("\x16\3\1\0\6\1\0\0\2ab\x14\3\3\0\1\1"),
      HELLO_COMPLETE },
    { "an empty message", BYTES("\x16\3\1\0\4\1\0\0\0"), HELLO_COMPLETE },
    { "plain HTTP", BYTES("GET / HTTP/1.1\r\n"), HELLO_NOT_TLS },
    { "one byte of plain HTTP", BYTES("G"), HELLO_NOT_TLS },
    { "SSL 2", BYTES("\x80\x2e\1\0\2"), HELLO_NOT_TLS },
    { "type 23 of another protocol", BYTES("\x17\1"), HELLO_NOT_TLS },
    { "type 23 alone could be TLS", BYTES("\x17"), HELLO_INCOMPLETE },
    { "application data first", BYTES("\x17\3"), HELLO_MALFORMED },
    { "alert first", BYTES("\x15\3\1\0\2\1\0"), HELLO_MALFORMED },
    { "change cipher spec first", BYTES("\x14\3\1\0\1\1"), HELLO_MALFORMED },
    { "major version 2", BYTES("\x16\2"), HELLO_MALFORMED },
    { "empty fragment", BYTES("\x16\3\1\0\0"), HELLO_MALFORMED },
    { "empty fragment in the midst", BYTES("\x16\3\1\0\5\1\0\0\2a\x16\3\1\0\0"), HELLO_MALFORMED },
    { "record of 16,384 bytes may come", BYTES("\x16\3\1\x40\0"), HELLO_INCOMPLETE },
    { "record of 16,385 bytes", BYTES("\x16\3\1\x40\1"), HELLO_MALFORMED },
    { "an alert in the midst", BYTES("\x16\3\1\0\5\1\0\0\2a\x15"), HELLO_MALFORMED },
    { "plain HTTP in the midst", BYTES("\x16\3\1\0\5\1\0\0\2aG"), HELLO_MALFORMED },
    { "a byte behind the message in its record", BYTES("\x16\3\1\0\7\1\0\0\2abc"),
      HELLO_MALFORMED },
    { "a byte behind it in its last record", BYTES("\x16\3\1\0\5\1\0\0\2a\x16\3\1\0\2bc"),
      HELLO_MALFORMED },
    { "a ServerHello", BYTES("\x16\3\1\0\1\2"), HELLO_MALFORMED },
    { "message of 65,531 bytes may come", BYTES("\x16\3\1\0\4\1\0\xff\xf7"), HELLO_INCOMPLETE },
    { "message of 65,532 bytes", BYTES("\x16\3\1\0\4\1\0\xff\xf8"), HELLO_TOO_LARGE },
    { "message of 16 MiB", BYTES("\x16\3\1\0\4\1\xff\xff\xff"), HELLO_TOO_LARGE },
};

static void judges_however_split(void **state)
{
    const struct row *row = *state;
    for (size_t step = 1; step <= row->size; step++) {
        struct hello_assembler assembler;
        hello_assembler_init(&assembler);
        assert_int_equal(feed(&assembler, row->bytes, row->size, step), row->expected);
        hello_assembler_release(&assembler);
    }
}

static void joins_message_however_split(void **state)
{
    (void)state;
    uint8_t extensions[700], bytes[1024], raw[8192];
    struct writer extension = writer_over(extensions, sizeof(extensions));
    struct writer message = writer_over(bytes, sizeof(bytes));
    put_server_name(&extension, BYTES("api.example.com"));
    put_padding(&extension, 600);
    put_hello(&message, extensions, writer_size(&extension));
    for (size_t fragment = 1; fragment <= writer_size(&message);
         fragment += fragment < 9 ? 1 : 41) {
        struct writer records = writer_over(raw, sizeof(raw));
        struct hello_assembler assembler;
        put_records(&records, &message, fragment);
        hello_assembler_init(&assembler);
        assert_int_equal(feed(&assembler, raw, writer_size(&records), 7), HELLO_COMPLETE);
        struct reader joined = hello_assembler_message(&assembler);
        assert_int_equal(reader_left(&joined), writer_size(&message));
        assert_memory_equal(joined.at, bytes, writer_size(&message));
        size_t size;
        uint8_t *kept = hello_assembler_take_raw(&assembler, &size);
        assert_int_equal(size, writer_size(&records));
        assert_memory_equal(kept, raw, size);
        free(kept);
        assert_null(assembler.raw);
    }
}

static void keeps_what_follows(void **state)
{
    (void)state;
    static const char bytes[] = "\x16\3\1\0\6\1\0\0\2ab\x17\3\3\0\3and more";
    struct hello_assembler assembler;
    hello_assembler_init(&assembler);
    assert_int_equal(feed(&assembler, bytes, sizeof(bytes), sizeof(bytes)), HELLO_COMPLETE);
    size_t size;
    uint8_t *raw = hello_assembler_take_raw(&assembler, &size);
    assert_int_equal(size, sizeof(bytes));
    assert_memory_equal(raw, bytes, size);
    free(raw);
}

/* A message of `size` bytes in records of `fragment`. */
static enum hello_assembly feed_large(size_t size, size_t fragment, size_t step,
                                      size_t *ret_raw_size)
{
    uint8_t *bytes = test_calloc(1, size), *raw = test_malloc(HELLO_TEST_MAX);
    struct writer message = writer_over(bytes, size), records = writer_over(raw, HELLO_TEST_MAX);
    struct hello_assembler assembler;
    writer_uint(&message, 1, 1);
    writer_uint(&message, (uint32_t)size - 4, 3);
    (void)writer_reserve(&message, size - 4);
    put_records(&records, &message, fragment);
    hello_assembler_init(&assembler);
    enum hello_assembly status = feed(&assembler, raw, writer_size(&records), step);
    *ret_raw_size = assembler.raw_size;
    hello_assembler_release(&assembler);
    test_free(raw);
    test_free(bytes);
    return status;
}

static void takes_64_kib_and_no_more(void **state)
{
    (void)state;
    size_t raw_size;
    size_t fits = HELLO_RAW_MAX - 4 * RECORD_HEADER; /* four records of 16,384 bytes at most */
    assert_int_equal(feed_large(fits, 16384, 16384, &raw_size), HELLO_COMPLETE);
    assert_int_equal(raw_size, HELLO_RAW_MAX);
    assert_int_equal(feed_large(fits + 1, 16384, 16384, &raw_size), HELLO_TOO_LARGE);
    assert_int_equal(raw_size, HELLO_RAW_MAX);
    assert_int_equal(feed_large(12000, 1, 1, &raw_size), HELLO_TOO_LARGE);
}

/* Bytes come one at a time: what was judged must not be looked at again, nor memory be taken ahead
 * of them. */
static void memory_follows_the_bytes(void **state)
{
    (void)state;
    static const uint8_t start[] = { 22, 3, 1, 0x40, 0, 1, 0, 0xff, 0 };
    struct hello_assembler assembler;
    hello_assembler_init(&assembler);
    assert_int_equal(feed(&assembler, start, sizeof(start), 1), HELLO_INCOMPLETE);
    assert_true(assembler.raw_capacity <= 512);
    static const uint8_t zeros[3000];
    assert_int_equal(feed(&assembler, zeros, sizeof(zeros), 1), HELLO_INCOMPLETE);
    assert_true(assembler.raw_capacity <= 8192);
    assert_null(assembler.joined);
    hello_assembler_release(&assembler);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, judges_however_split);
    tests_add_row(&tests, "joins a message however split", NULL, joins_message_however_split);
    tests_add_row(&tests, "keeps what follows the hello", NULL, keeps_what_follows);
    tests_add_row(&tests, "takes 64 KiB and no more", NULL, takes_64_kib_and_no_more);
    tests_add_row(&tests, "memory follows the bytes", NULL, memory_follows_the_bytes);
    return tests_run(&tests, "hello_assembler");
}
