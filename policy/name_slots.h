/* policy/name_slots.h - hashes to nodes: the open-addressing part of a name table. Private to
 * policy/.
 * A slot's place follows the order of its hash, so that slots may be of any number, and are moved
 * into more or fewer in one pass over memory, without a look at the names. Two names may have one
 * hash: who looks compares what the nodes stand for. */
#pragma once
#include "policy/table_entries.h"

struct name_slot {
    uint32_t hash;
    uint32_t node; /* TABLE_NONE: free */
};

struct name_slots {
    struct name_slot *slot;
    uint32_t count, taken;
};

/* False when out of memory; then there is nothing to release. */
bool name_slots_init(struct name_slots *slots);
bool name_slots_copy(struct name_slots *copy, const struct name_slots *from);
void name_slots_release(struct name_slots *slots);

/* Adds a node under a hash. False when out of memory. */
bool name_slots_add(struct name_slots *slots, uint32_t hash, uint32_t node);
/* Keeps as few slots as serve what is in there. */
void name_slots_trim(struct name_slots *slots);

/* Where a look for `hash` begins. */
static inline uint32_t name_slots_start(const struct name_slots *slots, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * slots->count >> 32);
}

/* Where it goes on; it ends at a free slot, of which there always is one. */
static inline uint32_t name_slots_next(const struct name_slots *slots, uint32_t at)
{
    return at + 1 < slots->count ? at + 1 : 0;
}

/* The first node that was added under `hash`; TABLE_NONE: there is none. */
static inline uint32_t name_slots_first(const struct name_slots *slots, uint32_t hash)
{
    uint32_t at = name_slots_start(slots, hash);
    while (slots->slot[at].node != TABLE_NONE && slots->slot[at].hash != hash)
        at = name_slots_next(slots, at);
    return slots->slot[at].node;
}
