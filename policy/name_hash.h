/* policy/name_hash.h - a keyed hash of a name and of all its suffixes at once.
 * It is pair-multiply-shift (Thorup, "High Speed Hashing for Integers and Strings", 2015): whoever
 * chooses two names without the key has a chance of some 2^-31 that their hashes are the same. That
 * serves a table whose hashes nobody is shown; it is no pseudorandom function, as SipHash is. */
#pragma once
#include "policy/host_name.h"

#include <stdint.h>

/* Each label begins a word of 8 bytes, and takes at least 2 of the wire's 255. */
enum { NAME_HASH_WORDS = HOST_NAME_LABELS_MAX };

struct name_hash_key {
    uint64_t id; /* random, not 0: hashes of one key mean nothing under another */
    uint64_t of_word[NAME_HASH_WORDS][2];
};

/* A key from the kernel's random source. Ends the process if there is none: a guessable key is no
 * key. */
struct name_hash_key name_hash_key_random(void);

/* The hashes of a name's suffixes, and where each begins in `wire`. [0] is the whole name. */
struct name_hashes {
    uint64_t key_id; /* 0: none was computed */
    uint32_t hash[HOST_NAME_LABELS_MAX];
    uint8_t at[HOST_NAME_LABELS_MAX];
};
void name_hashes_compute(const struct name_hash_key *key, const struct host_name *name,
                         struct name_hashes *ret_hashes);
