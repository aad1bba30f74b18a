/* policy/denial_table.c - denials until they are written down. */
#include "policy/denial_table.h"
#include "base/frequency_sketch.h"
#include "base/siphash.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SKETCH_COUNTERS_PER_PLACE = 8 };

struct place {
    uint64_t hash;
    struct denial denial; /* count 0: the place is free */
};

struct denial_table {
    struct siphash_key key;
    struct frequency_sketch sketch;
    _Atomic uint64_t left_out[DENIAL_LOSS_COUNT][REASON_COUNT]; /* written by the owner alone */
    uint32_t bucket_count;
    size_t taken_count;
    struct place places[]; /* bucket after bucket */
};

const char *denial_loss_word(enum denial_loss loss)
{
    static const char *const words[DENIAL_LOSS_COUNT] = {
        [DENIAL_WITHOUT_NAME] = "no_plain_name", [DENIAL_WITHOUT_ROOM] = "no_room"
    };
    return words[loss];
}

struct denial_table *denial_table_new(uint32_t places)
{
    assert(places >= DENIAL_BUCKET_PLACES && (places & (places - 1)) == 0);
    struct denial_table *table = calloc(1, sizeof(*table) + places * sizeof(table->places[0]));
    if (table == NULL)
        return NULL;
    table->key = siphash_key_random();
    table->bucket_count = places / DENIAL_BUCKET_PLACES;
    if (frequency_sketch_init(&table->sketch, SKETCH_COUNTERS_PER_PLACE * places))
        return table;
    free(table);
    return NULL;
}

void denial_table_free(struct denial_table *table)
{
    if (table == NULL)
        return;
    frequency_sketch_release(&table->sketch);
    free(table);
}

static uint64_t hash_of(const struct denial_table *table, const struct denial *denial)
{
    uint8_t bytes[sizeof(denial->group) + sizeof(denial->port) + HOST_NAME_WIRE_MAX];
    size_t size = sizeof(denial->group) + sizeof(denial->port);
    memcpy(bytes, &denial->group, sizeof(denial->group));
    memcpy(bytes + sizeof(denial->group), &denial->port, sizeof(denial->port));
    memcpy(bytes + size, denial->name.wire, denial->name.size);
    return siphash(&table->key, bytes, size + denial->name.size);
}

static bool is_same(const struct denial *left, const struct denial *right)
{
    return left->group == right->group && left->port == right->port &&
           left->name.size == right->name.size &&
           memcmp(left->name.wire, right->name.wire, left->name.size) == 0;
}

/* Joins what is newer, which came `often` by now, to what stands there. */
static void join(struct denial *denial, const struct denial *newer, uint32_t often)
{
    denial->count += newer->count;
    denial->often = often;
    denial->reason = newer->reason;
    if (newer->first_seen_s < denial->first_seen_s)
        denial->first_seen_s = newer->first_seen_s;
    if (newer->last_seen_s > denial->last_seen_s)
        denial->last_seen_s = newer->last_seen_s;
}

/* The denial's own place in its bucket, or else a free one; NULL: the bucket is full. */
static struct place *find_place(struct place *bucket, uint64_t hash, const struct denial *denial)
{
    struct place *free_place = NULL;
    for (struct place *place = bucket; place < bucket + DENIAL_BUCKET_PLACES; place++) {
        if (place->denial.count == 0)
            free_place = free_place != NULL ? free_place : place;
        else if (place->hash == hash && is_same(&place->denial, denial))
            return place;
    }
    return free_place;
}

static unsigned count_group(const struct place *bucket, uint32_t group)
{
    unsigned count = 0;
    for (unsigned i = 0; i < DENIAL_BUCKET_PLACES; i++)
        count += bucket[i].denial.group == group;
    return count;
}

/* The group that holds most places of a full bucket. */
static uint32_t find_largest_group(const struct place *bucket)
{
    uint32_t largest = bucket[0].denial.group;
    for (unsigned i = 1; i < DENIAL_BUCKET_PLACES; i++)
        if (bucket[i].denial.group != largest && /* mostly there is just one */
            count_group(bucket, bucket[i].denial.group) > count_group(bucket, largest))
            largest = bucket[i].denial.group;
    return largest;
}

/* What a group, or any where `group` is NULL, asked for least often. */
static struct place *find_weakest(struct place *bucket, const uint32_t *group)
{
    struct place *weakest = NULL;
    for (struct place *place = bucket; place < bucket + DENIAL_BUCKET_PLACES; place++)
        if ((group == NULL || place->denial.group == *group) &&
            (weakest == NULL || place->denial.often < weakest->denial.often))
            weakest = place;
    return weakest;
}

/* The place in a full bucket that a newcomer of `group` may have, which came `often`; NULL: none.
 */
static struct place *find_victim(struct place *bucket, uint32_t group, uint32_t often)
{
    uint32_t largest = find_largest_group(bucket);
    unsigned own_count = count_group(bucket, group);
    if (own_count + 2 <= count_group(bucket, largest))
        return find_weakest(bucket, &largest);
    struct place *weakest = find_weakest(bucket, own_count > 0 ? &group : NULL);
    return often > weakest->denial.often ? weakest : NULL;
}

void denial_table_add(struct denial_table *table, const struct denial *denial)
{
    uint64_t hash = hash_of(table, denial);
    struct place *bucket =
        &table->places[(hash >> 16) % table->bucket_count * DENIAL_BUCKET_PLACES];
    uint32_t often = frequency_sketch_add(
        &table->sketch, hash, denial->count < UINT32_MAX ? (uint32_t)denial->count : UINT32_MAX);
    struct place *place = find_place(bucket, hash, denial);
    if (place != NULL && place->denial.count > 0) {
        join(&place->denial, denial, often);
        return;
    }
    if (place != NULL) {
        table->taken_count++;
    } else {
        place = find_victim(bucket, denial->group, often);
        const struct denial *loser = place != NULL ? &place->denial : denial;
        denial_table_leave_out(table, DENIAL_WITHOUT_ROOM, loser->reason, loser->count);
    }
    if (place == NULL)
        return;
    *place = (struct place){ hash, *denial };
    place->denial.often = often;
}

size_t denial_table_count(const struct denial_table *table)
{
    return table->taken_count;
}

size_t denial_table_take(struct denial_table *table, struct denial *ret_denials)
{
    size_t count = 0, places = (size_t)table->bucket_count * DENIAL_BUCKET_PLACES;
    for (size_t i = 0; count < table->taken_count && i < places; i++) {
        if (table->places[i].denial.count == 0)
            continue;
        ret_denials[count++] = table->places[i].denial;
        table->places[i].denial.count = 0;
    }
    table->taken_count = 0;
    return count;
}

/* Load and store apart, as no one else writes: no locked instruction. */
void denial_table_leave_out(struct denial_table *table, enum denial_loss loss, enum reason reason,
                            uint64_t count)
{
    _Atomic uint64_t *left_out = &table->left_out[loss][reason];
    uint64_t value = atomic_load_explicit(left_out, memory_order_relaxed);
    atomic_store_explicit(left_out, value + count, memory_order_relaxed);
}

uint64_t denial_table_left_out(const struct denial_table *table, enum denial_loss loss,
                               enum reason reason)
{
    return atomic_load_explicit(&table->left_out[loss][reason], memory_order_relaxed);
}
