/* base/siphash.c - SipHash-1-3 and SipHash-2-4. */
#include "base/siphash.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct siphash_key siphash_key_random(void)
{
    struct siphash_key key;
    if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
        abort();
    return key;
}

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_rounds(uint64_t v[4], unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        v[0] += v[1];
        v[1] = rotate_left(v[1], 13) ^ v[0];
        v[0] = rotate_left(v[0], 32);
        v[2] += v[3];
        v[3] = rotate_left(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate_left(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate_left(v[1], 17) ^ v[2];
        v[2] = rotate_left(v[2], 32);
    }
}

/* How often the state is stirred for each word, and at the end. */
struct round_counts {
    unsigned of_word, at_end;
};

/* Inlined into each of its callers, so that their rounds are constants. */
static inline uint64_t hash_with(struct round_counts rounds, const struct siphash_key *key,
                                 const uint8_t *byte, size_t size)
{
    uint64_t v[4] = { key->words[0] ^ 0x736f6d6570736575, key->words[1] ^ 0x646f72616e646f6d,
                      key->words[0] ^ 0x6c7967656e657261, key->words[1] ^ 0x7465646279746573 };
    uint64_t word;
    for (size_t left = size; left >= 8; left -= 8, byte += 8) {
        memcpy(&word, byte, 8);
        word = le64toh(word);
        v[3] ^= word;
        sip_rounds(v, rounds.of_word);
        v[0] ^= word;
    }
    word = 0;
    if (size % 8 > 0)
        memcpy(&word, byte, size % 8);
    word = le64toh(word);
    word |= (uint64_t)size << 56;
    v[3] ^= word;
    sip_rounds(v, rounds.of_word);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_rounds(v, rounds.at_end);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t size)
{
    return hash_with((struct round_counts){ 1, 3 }, key, bytes, size);
}

uint64_t siphash_2_4(const struct siphash_key *key, const void *bytes, size_t size)
{
    return hash_with((struct round_counts){ 2, 4 }, key, bytes, size);
}
