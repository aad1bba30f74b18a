/* policy/table_entries.c - where a table of names keeps its names and its rules. */
#include "policy/table_entries.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

static_assert(sizeof(struct table_entry) == 64, "an entry is a line of the cache");

enum { FIRST_CAPACITY = 64 }; /* a page of most machines */

static size_t size_of(uint32_t count)
{
    return (size_t)count * sizeof(struct table_entry);
}

/* Pages of the kernel's own: aligned as lines are, and they grow without being copied. */
static bool resize(struct table_entries *entries, uint32_t capacity)
{
    void *moved = entries->capacity == 0 ? mmap(NULL, size_of(capacity), PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                         : mremap(entries->at, size_of(entries->capacity),
                                                  size_of(capacity), MREMAP_MAYMOVE);
    if (moved == MAP_FAILED)
        return false;
    entries->at = moved;
    entries->capacity = capacity;
    return true;
}

uint32_t table_entries_add(struct table_entries *entries)
{
    uint32_t grown = entries->capacity > 0 ? 2 * entries->capacity : FIRST_CAPACITY;
    if (entries->count == entries->capacity &&
        (grown < entries->capacity || !resize(entries, grown)))
        return TABLE_NONE;
    entries->at[entries->count] = (struct table_entry){
        .node = { .parent = TABLE_NONE, .first_rule = TABLE_NONE, .first_below = TABLE_NONE },
        .rule = { .node = TABLE_NONE, .next = TABLE_NONE },
    };
    return entries->count++;
}

bool table_entries_copy(struct table_entries *copy, const struct table_entries *from)
{
    *copy = (struct table_entries){ 0 };
    if (from->count == 0)
        return true;
    if (!resize(copy, from->capacity))
        return false;
    memcpy(copy->at, from->at, size_of(from->count));
    copy->count = from->count;
    return true;
}

void table_entries_trim(struct table_entries *entries)
{
    if (entries->count > 0 && entries->count < entries->capacity)
        (void)resize(entries, entries->count); /* they serve as they are, too */
}

void table_entries_release(struct table_entries *entries)
{
    if (entries->capacity > 0)
        (void)munmap(entries->at, size_of(entries->capacity));
    *entries = (struct table_entries){ 0 };
}
