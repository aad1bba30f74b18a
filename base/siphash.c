/* base/siphash.c - SipHash-1-3 and SipHash-2-4. */
#include "base/siphash.h"

#include "base/reader.h"
#include "base/word.h"

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

struct sip_state {
    uint64_t a, b, c, d;
};

static inline struct sip_state sip_round(struct sip_state v)
{
    v.a += v.b;
    v.c += v.d;
    v.b = rotate_left(v.b, 13) ^ v.a;
    v.d = rotate_left(v.d, 16) ^ v.c;
    v.a = rotate_left(v.a, 32);
    v.a += v.d;
    v.c += v.b;
    v.d = rotate_left(v.d, 21) ^ v.a;
    v.b = rotate_left(v.b, 17) ^ v.c;
    v.c = rotate_left(v.c, 32);
    return v;
}

/* How often the state is stirred for each word, and at the end. */
struct round_counts {
    unsigned of_word, at_end;
};

static inline struct sip_state take_word(struct sip_state v, uint64_t word, unsigned rounds)
{
    v.d ^= word;
    for (unsigned i = 0; i < rounds; i++)
        v = sip_round(v);
    v.a ^= word;
    return v;
}

static inline struct sip_state start(const struct siphash_key *key)
{
    return (
        struct sip_state){ key->words[0] ^ 0x736f6d6570736575, key->words[1] ^ 0x646f72616e646f6d,
                           key->words[0] ^ 0x6c7967656e657261, key->words[1] ^ 0x7465646279746573 };
}

/* Takes the bytes that are left, where `size` is that of all. Inlined into each of its callers, so
 * that their rounds are constants. */
__attribute__((always_inline)) static inline uint64_t finish(struct sip_state v,
                                                             struct round_counts rounds,
                                                             struct reader bytes, size_t size)
{
    const uint8_t *byte = bytes.at;
    size_t left = reader_left(&bytes);
    for (; left >= 8; left -= 8, byte += 8) {
        uint64_t word;
        memcpy(&word, byte, 8);
        v = take_word(v, le64toh(word), rounds.of_word);
    }
    v = take_word(v, word_of_bytes(byte, left) | (uint64_t)size << 56, rounds.of_word);
    v.c ^= 0xff;
    for (unsigned i = 0; i < rounds.at_end; i++)
        v = sip_round(v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

static const struct round_counts SIPHASH_1_3 = { 1, 3 }, SIPHASH_2_4 = { 2, 4 };

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t size)
{
    return finish(start(key), SIPHASH_1_3, reader_over(bytes, size), size);
}

uint64_t siphash_2_4(const struct siphash_key *key, const void *bytes, size_t size)
{
    return finish(start(key), SIPHASH_2_4, reader_over(bytes, size), size);
}
