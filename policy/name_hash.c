/* policy/name_hash.c - a keyed hash of names. */
#include "policy/name_hash.h"
#include "base/word.h"

#include <stdlib.h>
#include <sys/random.h>

struct name_hash_key name_hash_key_random(void)
{
    enum { WHOLE_READ = 256 }; /* that much comes at once, or not at all (getrandom(2)) */
    struct name_hash_key key;
    uint8_t *at = (uint8_t *)&key;
    for (size_t left = sizeof(key), size; left > 0; left -= size, at += size) {
        size = left < WHOLE_READ ? left : WHOLE_READ;
        if (getrandom(at, size, 0) != (ssize_t)size)
            abort();
    }
    key.id |= 1;
    return key;
}

static inline uint64_t product(const uint64_t key[2], uint64_t word)
{
    return (key[0] + (uint32_t)word) * (key[1] + (word >> 32));
}

/* From the last label to the first, so that each sum is that of a suffix. A label goes in with its
 * length, which tells one that ends in zeros from a shorter one. */
void name_hashes_compute(const struct name_hash_key *key, const struct host_name *name,
                         struct name_hashes *ret_hashes)
{
    uint64_t sum = 0;
    size_t at = 0, word = 0;
    ret_hashes->key_id = key->id;
    for (unsigned i = 0; i < name->label_count; i++) {
        ret_hashes->at[i] = (uint8_t)at;
        at += 1u + name->wire[at];
    }
    for (unsigned i = name->label_count; i > 0; i--) {
        const uint8_t *byte = name->wire + ret_hashes->at[i - 1];
        size_t left = 1u + byte[0];
        for (; left > 8; left -= 8, byte += 8)
            sum += product(key->of_word[word++], word_of_bytes(byte, 8));
        sum += product(key->of_word[word++], word_of_bytes(byte, left));
        ret_hashes->hash[i - 1] = (uint32_t)(sum >> 32);
    }
}
