/* base/frequency_sketch.c - a count-min sketch with aging. */
#include "base/frequency_sketch.h"

#include <assert.h>
#include <stdlib.h>

bool frequency_sketch_init(struct frequency_sketch *sketch, uint32_t width)
{
    assert(width > 0 && (width & (width - 1)) == 0);
    *sketch = (struct frequency_sketch){ .width = width, .left_young = width };
    sketch->counters = calloc((size_t)FREQUENCY_SKETCH_ROWS * width, sizeof(*sketch->counters));
    return sketch->counters != NULL;
}

void frequency_sketch_release(struct frequency_sketch *sketch)
{
    free(sketch->counters);
    sketch->counters = NULL;
}

/* Two halves of one hash make as many as there are rows (Kirsch and Mitzenmacher 2006). */
static uint32_t *counter_in(const struct frequency_sketch *sketch, uint32_t row, uint64_t hash)
{
    uint32_t first = (uint32_t)hash, step = (uint32_t)(hash >> 32) | 1;
    uint32_t column = (first + row * step) & (sketch->width - 1);
    return &sketch->counters[(size_t)row * sketch->width + column];
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
