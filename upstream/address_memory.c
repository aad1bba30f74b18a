/* upstream/address_memory.c - which addresses could not be reached lately. */
#include "upstream/address_memory.h"
#include "base/siphash.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

struct slot {
    struct endpoint endpoint;
    bool has_failed;
    int64_t failed_ms;
};

struct address_memory {
    int64_t (*now_ms)(void);
    struct siphash_key key;
    struct slot families[2]; /* of IPv4, of IPv6: as if each were an address */
    struct slot slots[SLOTS];
};

static struct slot *family_slot(struct address_memory *memory, uint8_t family)
{
    return &memory->families[family == 6];
}

/* Where an endpoint would be. */
static uint64_t place_of(const struct address_memory *memory, const struct endpoint *endpoint)
{
    uint8_t bytes[sizeof(endpoint->address.bytes) + 2];
    memcpy(bytes, endpoint->address.bytes, sizeof(endpoint->address.bytes));
    memcpy(bytes + sizeof(endpoint->address.bytes), &endpoint->port, 2);
    return siphash(&memory->key, bytes, sizeof(bytes)) % SLOTS;
}

static enum address_rank rank_of(const struct address_memory *memory, const struct slot *slot)
{
    int64_t age_ms = memory->now_ms() - slot->failed_ms;
    if (!slot->has_failed || age_ms >= ADDRESS_MEMORY_DOUBT_MS)
        return ADDRESS_RANK_GOOD;
    return age_ms < ADDRESS_MEMORY_BAD_MS ? ADDRESS_RANK_BAD : ADDRESS_RANK_DOUBTFUL;
}

void address_memory_note_failed(struct address_memory *memory, const struct endpoint *endpoint)
{
    struct slot failed = { *endpoint, true, memory->now_ms() };
    memory->slots[place_of(memory, endpoint)] = failed;
    *family_slot(memory, endpoint->address.family) = failed;
}

void address_memory_note_worked(struct address_memory *memory, const struct endpoint *endpoint)
{
    struct slot *slot = &memory->slots[place_of(memory, endpoint)];
    if (endpoint_equal(&slot->endpoint, endpoint))
        slot->has_failed = false;
    family_slot(memory, endpoint->address.family)->has_failed = false;
}

enum address_rank address_memory_rank(const struct address_memory *memory,
                                      const struct endpoint *endpoint)
{
    const struct slot *slot = &memory->slots[place_of(memory, endpoint)];
    return endpoint_equal(&slot->endpoint, endpoint) ? rank_of(memory, slot) : ADDRESS_RANK_GOOD;
}

uint8_t address_memory_family(const struct address_memory *memory)
{
    enum address_rank v4 = rank_of(memory, &memory->families[0]);
    enum address_rank v6 = rank_of(memory, &memory->families[1]);
    return v6 == ADDRESS_RANK_BAD && v4 != ADDRESS_RANK_BAD ? 4 : 6;
}

struct address_memory *address_memory_new(int64_t (*now_ms)(void))
{
    struct address_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL)
        return NULL;
    memory->now_ms = now_ms;
    memory->key = siphash_key_random();
    return memory;
}

void address_memory_free(struct address_memory *memory)
{
    free(memory);
}
