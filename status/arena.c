/* status/arena.c - memory for what lives and goes together. */
#include "status/arena.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 10, ALIGNMENT = _Alignof(max_align_t) };

struct arena_block {
    struct arena_block *older;
    size_t capacity;
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_release(struct arena *arena)
{
    for (struct arena_block *block = arena->newest, *older; block != NULL; block = older) {
        older = block->older;
        free(block);
    }
    *arena = (struct arena){ 0 };
}

static bool add_block(struct arena *arena, size_t size)
{
    size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *block =
        arena->taken + capacity <= ARENA_BYTES_MAX ? calloc(1, sizeof(*block) + capacity) : NULL;
    if (block == NULL) {
        arena->has_failed = true;
        return false;
    }
    block->older = arena->newest;
    block->capacity = capacity;
    arena->newest = block;
    arena->used = 0;
    arena->taken += capacity;
    return true;
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > ARENA_BYTES_MAX) {
        arena->has_failed = true;
        return NULL;
    }
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    bool has_room = arena->newest != NULL && rounded <= arena->newest->capacity - arena->used;
    if (!has_room && !add_block(arena, rounded))
        return NULL;
    arena->used += rounded;
    return arena->newest->bytes + arena->used - rounded;
}

const char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t size)
{
    char *copy = size < ARENA_BYTES_MAX ? arena_take(arena, size + 1) : NULL;
    if (copy == NULL) {
        arena->has_failed = true;
        return "";
    }
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

const char *arena_copy(struct arena *arena, const char *text)
{
    return text != NULL ? arena_copy_bytes(arena, text, strlen(text)) : "";
}
