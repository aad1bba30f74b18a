/* policy/name_slots.c - hashes to nodes. */
#include "policy/name_slots.h"
#include "base/huge_pages.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16 };

/* How many slots serve `taken` of them: at two thirds a look that ends nowhere takes five. */
static uint64_t slots_for(uint64_t taken)
{
    uint64_t count = taken + taken / 2 + 1;
    return count > FIRST_SLOTS ? count : FIRST_SLOTS;
}

static bool allocate(struct name_slots *slots, uint64_t count)
{
    struct name_slot *slot =
        count <= UINT32_MAX ? huge_pages_allocate(count * sizeof(*slot)) : NULL;
    if (slot == NULL)
        return false;
    for (uint64_t i = 0; i < count; i++)
        slot[i].node = TABLE_NONE;
    *slots = (struct name_slots){ .slot = slot, .count = (uint32_t)count };
    return true;
}

bool name_slots_init(struct name_slots *slots)
{
    return allocate(slots, FIRST_SLOTS);
}

bool name_slots_copy(struct name_slots *copy, const struct name_slots *from)
{
    size_t size = from->count * sizeof(*from->slot);
    struct name_slot *slot = malloc(size);
    if (slot == NULL)
        return false;
    memcpy(slot, from->slot, size);
    *copy = *from;
    copy->slot = slot;
    return true;
}

void name_slots_release(struct name_slots *slots)
{
    free(slots->slot);
    *slots = (struct name_slots){ 0 };
}

static void insert(struct name_slots *slots, uint32_t hash, uint32_t node)
{
    uint32_t at = name_slots_start(slots, hash);
    while (slots->slot[at].node != TABLE_NONE)
        at = name_slots_next(slots, at);
    slots->slot[at] = (struct name_slot){ hash, node };
    slots->taken++;
}

static bool resize(struct name_slots *slots, uint64_t count)
{
    struct name_slots resized;
    if (!allocate(&resized, count))
        return false;
    for (uint32_t i = 0; i < slots->count; i++)
        if (slots->slot[i].node != TABLE_NONE)
            insert(&resized, slots->slot[i].hash, slots->slot[i].node);
    name_slots_release(slots);
    *slots = resized;
    return true;
}

bool name_slots_add(struct name_slots *slots, uint32_t hash, uint32_t node)
{
    bool is_full = slots_for((uint64_t)slots->taken + 1) > slots->count;
    if (is_full && !resize(slots, 2 * (uint64_t)slots->count))
        return false;
    insert(slots, hash, node);
    return true;
}

void name_slots_trim(struct name_slots *slots)
{
    uint64_t count = slots_for(slots->taken);
    if (count < slots->count)
        (void)resize(slots, count); /* they serve as they are, too */
}
