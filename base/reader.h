/* base/reader.h - a bounded cursor over bytes from outside.
 * Invariant: `at` never passes `end`. The first read that asks for more than is left fails the
 * reader for good: that read and all later ones yield NULL or zero, so a parser checks once, at its
 * end. Borrows the bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

/* A reader over `size` bytes, which must outlive it. */
static inline struct reader reader_over(const void *bytes, size_t size)
{
    const uint8_t *start = bytes;
    return (struct reader){ start, start + size, false };
}

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* True when every byte was consumed and no read failed. */
static inline bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->at == reader->end;
}

/* Consumes `count` bytes; returns their start, or NULL (and fails for good) if fewer are left. */
static inline const uint8_t *reader_take(struct reader *reader, size_t count)
{
    if (reader->failed || count > reader_left(reader)) {
        *reader = (struct reader){ reader->end, reader->end, true };
        return NULL;
    }
    reader->at += count;
    return reader->at - count;
}

/* The big-endian unsigned integer in the `width` bytes (1 to 4) at `byte`. No loop, as compilers
 * make one load of it where `width` is a constant. */
static inline uint32_t load_uint(const uint8_t *byte, size_t width)
{
    uint32_t value = 0;
    if (width > 3)
        value |= (uint32_t)*byte++ << 24;
    if (width > 2)
        value |= (uint32_t)*byte++ << 16;
    if (width > 1)
        value |= (uint32_t)*byte++ << 8;
    return value | *byte;
}

/* Reads a big-endian unsigned integer of `width` bytes (1 to 4); 0 on failure. */
static inline uint32_t reader_uint(struct reader *reader, size_t width)
{
    const uint8_t *byte = reader_take(reader, width);
    return byte != NULL ? load_uint(byte, width) : 0;
}

/* Opens a vector whose length takes `width` bytes (RFC 8446 3.4). Too long a length fails both
 * readers. */
static inline struct reader reader_vector(struct reader *reader, size_t width)
{
    size_t count = reader_uint(reader, width);
    const uint8_t *start = reader_take(reader, count);
    return start != NULL ? (struct reader){ start, start + count, false } : *reader;
}
