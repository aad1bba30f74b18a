/* base/frequency_sketch.c - a count-min sketch with aging. */
#include "base/frequency_sketch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A line of the cache: four counters of each row. */
enum { BLOCK_COUNTERS = 16, BLOCK_ROW_COUNTERS = BLOCK_COUNTERS / FREQUENCY_SKETCH_ROWS };

bool frequency_sketch_init(struct frequency_sketch *sketch, uint32_t width)
{
    assert(width >= BLOCK_ROW_COUNTERS && (width & (width - 1)) == 0);
    size_t size = (size_t)FREQUENCY_SKETCH_ROWS * width * sizeof(*sketch->counters);
    *sketch = (struct frequency_sketch){ .width = width, .left_young = width };
    sketch->counters = aligned_alloc(BLOCK_COUNTERS * sizeof(*sketch->counters), size);
    if (sketch->counters == NULL)
        return false;
    memset(sketch->counters, 0, size);
    return true;
}

void frequency_sketch_release(struct frequency_sketch *sketch)
{
    free(sketch->counters);
    sketch->counters = NULL;
}

/* One half of the hash chooses the block, two bits of the other the counter of each row. */
static uint32_t *counter_in(const struct frequency_sketch *sketch, uint32_t row, uint64_t hash)
{
    size_t block = (uint32_t)hash & (sketch->width / BLOCK_ROW_COUNTERS - 1);
    size_t column = hash >> (32 + 2 * row) & (BLOCK_ROW_COUNTERS - 1);
    return &sketch->counters[block * BLOCK_COUNTERS + row * BLOCK_ROW_COUNTERS + column];
}

static void grow_old(struct frequency_sketch *sketch, uint32_t count)
{
    if (count < sketch->left_young) {
        sketch->left_young -= count;
        return;
    }
    sketch->left_young = sketch->width;
    for (size_t i = 0; i < (size_t)FREQUENCY_SKETCH_ROWS * sketch->width; i++)
        sketch->counters[i] /= 2;
}

uint32_t frequency_sketch_add(struct frequency_sketch *sketch, uint64_t hash, uint32_t count)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t row = 0; row < FREQUENCY_SKETCH_ROWS; row++) {
        uint32_t counter = *counter_in(sketch, row, hash);
        least = counter < least ? counter : least;
    }
    least = count > UINT32_MAX - least ? UINT32_MAX : least + count;
    /* A counter that is higher already is another key's: raising it would only mislead. */
    for (uint32_t row = 0; row < FREQUENCY_SKETCH_ROWS; row++) {
        uint32_t *counter = counter_in(sketch, row, hash);
        *counter = *counter < least ? least : *counter;
    }
    grow_old(sketch, count);
    return least;
}
