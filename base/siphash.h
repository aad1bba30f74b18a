/* base/siphash.h - SipHash, a keyed hash (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF"). */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t words[2]; /* the key's first and last 8 bytes, each little-endian */
};

/* A key from the kernel's random source. Ends the process if there is none: a guessable key is no
 * key. */
struct siphash_key siphash_key_random(void);

/* SipHash-1-3, for tables that hold names from outside: without the key nobody can choose names
 * that collide. */
uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t size);

/* SipHash-2-4, where a hash that others see must not be forged, or must be the one that other
 * programs compute. */
uint64_t siphash_2_4(const struct siphash_key *key, const void *bytes, size_t size);
