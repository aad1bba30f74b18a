/* tests/unit/base/siphash_test.c - SipHash as others compute it. The values of 1-3 are those of
 * CPython's hash() of the bytes 0, 1, 2, ... under PYTHONHASHSEED 0 and 42; the first is of Rust's
 * core library. */
#include "base/siphash.h"
#include "unit.h"

#define NO_KEY                                                                                     \
    {                                                                                              \
        {                                                                                          \
            0, 0                                                                                   \
        }                                                                                          \
    }
#define KEY_42                                                                                     \
    {                                                                                              \
        {                                                                                          \
            0xdc504fd368cd90af, 0xb920bb9ffe99e9c1                                                 \
        }                                                                                          \
    }
#define COUNTED_KEY                                                                                \
    {                                                                                              \
        {                                                                                          \
            0x0706050403020100, 0x0f0e0d0c0b0a0908                                                 \
        }                                                                                          \
    }

static const struct row {
    const char *name;
    struct siphash_key key;
    size_t size;
    uint64_t expected;
} rows[] = {
    { "nothing", COUNTED_KEY, 0, 0xabac0158050fc4dc },
    { "1 byte", NO_KEY, 1, 0x68a914128e01e473 },
    { "7 bytes", NO_KEY, 7, 0x2f098ab0c751325a },
    { "8 bytes", NO_KEY, 8, 0xead411e67ebe2eea },
    { "9 bytes", NO_KEY, 9, 0x75927f9d95124362 },
    { "256 bytes", NO_KEY, 256, 0x31ae646afba70308 },
    { "1 byte with a key", KEY_42, 1, 0xce880c366bcf3489 },
    { "7 bytes with a key", KEY_42, 7, 0xce280fabc397fbda },
    { "8 bytes with a key", KEY_42, 8, 0x60866c3c108c6afb },
    { "15 bytes with a key", KEY_42, 15, 0x94ace24d68c18cf8 },
    { "16 bytes with a key", KEY_42, 16, 0x339176f3ac59ce05 },
    { "255 bytes with a key", KEY_42, 255, 0xd02008474fae02c8 },
};

static void hashes_as_expected(void **state)
{
    const struct row *row = *state;
    uint8_t bytes[257];
    for (size_t i = 0; i < row->size; i++)
        bytes[1 + i] = (uint8_t)i;
    assert_true(siphash(&row->key, bytes + 1, row->size) == row->expected); /* at an odd address */
}

/* The bytes 0, 1, 2, ... under the counted key; the values are of the paper's appendix and the
 * authors' vectors. */
static const struct row_2_4 {
    const char *name;
    size_t size;
    uint64_t expected;
} rows_2_4[] = {
    { "2-4, nothing", 0, 0x726fdb47dd0e0e31 }, { "2-4, 1 byte", 1, 0x74f839c593dc67fd },
    { "2-4, 2 bytes", 2, 0x0d6c8009d9a94f5a }, { "2-4, 3 bytes", 3, 0x85676696d7fb7e2d },
    { "2-4, 4 bytes", 4, 0xcf2794e0277187b7 }, { "2-4, 5 bytes", 5, 0x18765564cd99a68d },
    { "2-4, 6 bytes", 6, 0xcbc9466e58fee3ce }, { "2-4, 7 bytes", 7, 0xab0200f58b01d137 },
    { "2-4, 8 bytes", 8, 0x93f5f5799a932462 }, { "2-4, 15 bytes", 15, 0xa129ca6149be45e5 },
};

static void hashes_2_4_as_expected(void **state)
{
    const struct row_2_4 *row = *state;
    struct siphash_key key = COUNTED_KEY;
    uint8_t bytes[16];
    for (size_t i = 0; i < row->size; i++)
        bytes[i] = (uint8_t)i;
    assert_true(siphash_2_4(&key, bytes, row->size) == row->expected);
}

static void the_last_bytes_count(void **state)
{
    (void)state;
    struct siphash_key key = COUNTED_KEY;
    const uint8_t zeros[16] = { 0 };
    for (size_t size = 1; size <= sizeof(zeros); size++)
        assert_true(siphash(&key, zeros, size) != siphash(&key, zeros, size - 1));
}

static void random_keys_differ(void **state)
{
    (void)state;
    struct siphash_key left = siphash_key_random(), right = siphash_key_random();
    assert_true(left.words[0] != right.words[0] && left.words[1] != right.words[1]);
    assert_true(siphash(&left, "a", 1) != siphash(&right, "a", 1));
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, hashes_as_expected);
    TESTS_ADD_TABLE(&tests, rows_2_4, hashes_2_4_as_expected);
    tests_add_row(&tests, "zero bytes are counted", NULL, the_last_bytes_count);
    tests_add_row(&tests, "random keys", NULL, random_keys_differ);
    return tests_run(&tests, "siphash");
}
