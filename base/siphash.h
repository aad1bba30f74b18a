/* base/siphash.h - SipHash-1-3, a keyed hash for tables that hold names from outside: without the
 * key nobody can choose names that collide (Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF"). */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t words[2];
};

/* A key from the kernel's random source. Ends the process if there is none: a guessable key is no
 * key. */
struct siphash_key siphash_key_random(void);

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t size);
