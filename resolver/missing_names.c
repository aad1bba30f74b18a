/* resolver/missing_names.c - names that are known not to exist, for a while. */
#include "resolver/missing_names.h"

#include "base/siphash.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, SETS = MISSING_NAMES_MAX / WAYS };

struct missing_name {
    int64_t until_ms;
    struct host_name name;
};

struct missing_names {
    struct siphash_key key;
    struct missing_name name[SETS][WAYS];
};

struct missing_names *missing_names_new(void)
{
    struct missing_names *names = calloc(1, sizeof(*names));
    if (names != NULL)
        names->key = siphash_key_random();
    return names;
}

void missing_names_free(struct missing_names *names)
{
    free(names);
}

static size_t set_of(const struct missing_names *names, const struct host_name *name)
{
    return siphash(&names->key, name->wire, name->size) % SETS;
}

static bool is_entry_of(const struct missing_name *entry, const struct host_name *name)
{
    return entry->name.size == name->size && memcmp(entry->name.wire, name->wire, name->size) == 0;
}

void missing_names_add(struct missing_names *names, const struct host_name *name, uint32_t ttl_s,
                       int64_t now_ms)
{
    struct missing_name *set = names->name[set_of(names, name)], *place = &set[0];
    if (ttl_s == 0)
        return;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_entry_of(&set[i], name)) {
            place = &set[i];
            break;
        }
        if (set[i].until_ms < place->until_ms)
            place = &set[i];
    }
    if (ttl_s > MISSING_NAMES_TTL_MAX_S)
        ttl_s = MISSING_NAMES_TTL_MAX_S;
    place->until_ms = now_ms + (int64_t)ttl_s * 1000;
    place->name = *name;
}

bool missing_names_has(const struct missing_names *names, const struct host_name *name,
                       int64_t now_ms)
{
    const struct missing_name *set = names->name[set_of(names, name)];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].until_ms > now_ms && is_entry_of(&set[i], name))
            return true;
    return false;
}
