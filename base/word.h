/* base/word.h - the first bytes of something as one integer. */
#pragma once
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The `size` bytes at `byte`, at most 8, as the low ones of a little-endian word; the others are 0.
 * Its loads overlap, so that there is neither a loop nor a call, and none goes beyond `size`. */
static inline uint64_t word_of_bytes(const uint8_t *byte, size_t size)
{
    uint32_t low, high;
    if (size >= sizeof(low)) {
        memcpy(&low, byte, sizeof(low));
        memcpy(&high, byte + size - sizeof(high), sizeof(high));
        return le32toh(low) | (uint64_t)le32toh(high) << 8 * (size - sizeof(high));
    }
    if (size == 0)
        return 0;
    return byte[0] | (uint64_t)byte[size / 2] << 8 * (size / 2) |
           (uint64_t)byte[size - 1] << 8 * (size - 1);
}
