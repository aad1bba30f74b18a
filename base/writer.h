/* base/writer.h - a bounded cursor that writes.
 * Invariant: `at` never passes `end`. The first write that does not fit fails the writer for good
 * and writes nothing, as do all later ones, so a composer checks once, at its end. Borrows the
 * buffer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct writer {
    uint8_t *start, *at, *end;
    bool failed;
};

static inline struct writer writer_over(void *buffer, size_t size)
{
    uint8_t *start = buffer;
    return (struct writer){ start, start, start + size, false };
}

/* Bytes written so far. */
static inline size_t writer_size(const struct writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

static inline size_t writer_left(const struct writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

/* Reserves `count` bytes for the caller to fill; NULL (and fails for good) if they do not fit. */
static inline uint8_t *writer_reserve(struct writer *writer, size_t count)
{
    if (writer->failed || count > writer_left(writer)) {
        writer->failed = true;
        return NULL;
    }
    writer->at += count;
    return writer->at - count;
}

static inline void writer_bytes(struct writer *writer, const void *bytes, size_t count)
{
    uint8_t *to = writer_reserve(writer, count);
    if (to != NULL && count > 0)
        memcpy(to, bytes, count);
}

/* Stores `value` big-endian in `width` bytes (1 to 4) at `to`. No loop, as compilers make one store
 * of it where `width` is a constant. */
static inline void store_uint(uint8_t *to, uint32_t value, size_t width)
{
    if (width > 3)
        *to++ = (uint8_t)(value >> 24);
    if (width > 2)
        *to++ = (uint8_t)(value >> 16);
    if (width > 1)
        *to++ = (uint8_t)(value >> 8);
    *to = (uint8_t)value;
}

/* Writes `value` big-endian in `width` bytes (1 to 4). */
static inline void writer_uint(struct writer *writer, uint32_t value, size_t width)
{
    uint8_t *to = writer_reserve(writer, width);
    if (to != NULL)
        store_uint(to, value, width);
}
