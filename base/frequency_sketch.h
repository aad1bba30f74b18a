/* base/frequency_sketch.h - about how often each of very many keys was seen lately, in memory of a
 * fixed size: a count-min sketch (Cormode and Muthukrishnan 2005) that grows old (TinyLFU:
 * Einziger, Friedman and Manes 2017). Each key has a counter in each of four rows, all four in one
 * line of the cache, and counts for the least of them, so that only keys that collide in all rows
 * are taken for one another. When as many sightings were added as a row has counters, all counters
 * are halved: a key that goes on coming stays far above the many that came once. Belongs to one
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { FREQUENCY_SKETCH_ROWS = 4 };

struct frequency_sketch {
    uint32_t width;      /* counters in a row; a power of two, 4 or more */
    uint32_t left_young; /* sightings until all counters are halved */
    uint32_t *counters;  /* owned; block after block */
};

/* False when out of memory. */
bool frequency_sketch_init(struct frequency_sketch *sketch, uint32_t width);
void frequency_sketch_release(struct frequency_sketch *sketch);

/* Adds `count` sightings of the key with this hash, of which all 64 bits must be unguessable.
 * Returns about how often it was seen lately, these included: at least that, but for the halving.
 */
uint32_t frequency_sketch_add(struct frequency_sketch *sketch, uint64_t hash, uint32_t count);
