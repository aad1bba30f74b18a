/* status/arena.h - memory for what lives and goes together: the texts of one data set.
 * Belongs to one thread at a time. Running out shows as NULL, and `has_failed` stays set. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

/* Empty when zeroed. */
struct arena {
    struct arena_block *newest; /* owned */
    size_t used, taken;         /* bytes: of the newest block; of all */
    bool has_failed;            /* once it had no memory, or ARENA_BYTES_MAX were taken */
};

/* What one arena gives at most: a bound on what a page can make the process use. */
enum { ARENA_BYTES_MAX = 16 << 20 };

void arena_release(struct arena *arena);

/* Zeroed bytes, aligned for any type; NULL when there are none. */
void *arena_take(struct arena *arena, size_t size);
/* A copy that ends in NUL. "" where there is no memory: a text is never NULL. */
const char *arena_copy(struct arena *arena, const char *text);
const char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t size);
