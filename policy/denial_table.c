/* policy/denial_table.c - denials until they are written down. */
#include "policy/denial_table.h"
#include "base/frequency_sketch.h"
#include "base/siphash.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SKETCH_COUNTERS_PER_PLACE = 8 };

/* What a look into a bucket needs stands together, so that it takes a few lines of the cache; a
 * denial is as long as a name. */
struct bucket {
    uint64_t hash[DENIAL_BUCKET_PLACES];
    uint32_t often[DENIAL_BUCKET_PLACES]; /* about how many times lately */
    uint32_t group[DENIAL_BUCKET_PLACES];
    uint8_t is_taken; /* a bit for each place */
    struct denial denial[DENIAL_BUCKET_PLACES];
};
static_assert(DENIAL_BUCKET_PLACES <= 8, "is_taken has a bit for each place");
enum { NO_PLACE = DENIAL_BUCKET_PLACES };

struct denial_table {
    struct siphash_key key;
    struct frequency_sketch sketch;
    _Atomic uint64_t left_out[DENIAL_LOSS_COUNT][REASON_COUNT]; /* written by the owner alone */
    uint32_t bucket_count;
    size_t taken_count;
    struct bucket bucket[];
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
    uint32_t buckets = places / DENIAL_BUCKET_PLACES;
    struct denial_table *table = calloc(1, sizeof(*table) + buckets * sizeof(table->bucket[0]));
    if (table == NULL)
        return NULL;
    table->key = siphash_key_random();
    table->bucket_count = buckets;
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

/* Joins what is newer to what stands there. */
static void join(struct denial *denial, const struct denial *newer)
{
    denial->count += newer->count;
    denial->reason = newer->reason;
    if (newer->first_seen_s < denial->first_seen_s)
        denial->first_seen_s = newer->first_seen_s;
    if (newer->last_seen_s > denial->last_seen_s)
        denial->last_seen_s = newer->last_seen_s;
}

static bool is_taken(const struct bucket *bucket, unsigned place)
{
    return (bucket->is_taken >> place & 1u) != 0;
}

/* The denial's own place in its bucket, or else a free one; NO_PLACE: the bucket is full. */
static unsigned find_place(const struct bucket *bucket, uint64_t hash, const struct denial *denial)
{
    unsigned free_place = NO_PLACE;
    for (unsigned i = 0; i < DENIAL_BUCKET_PLACES; i++) {
        if (!is_taken(bucket, i))
            free_place = free_place != NO_PLACE ? free_place : i;
        else if (bucket->hash[i] == hash && is_same(&bucket->denial[i], denial))
            return i;
    }
    return free_place;
}

static unsigned count_group(const struct bucket *bucket, uint32_t group)
{
    unsigned count = 0;
    for (unsigned i = 0; i < DENIAL_BUCKET_PLACES; i++)
        count += bucket->group[i] == group;
    return count;
}

/* The group that holds most places of a full bucket. */
static uint32_t find_largest_group(const struct bucket *bucket)
{
    uint32_t largest = bucket->group[0];
    for (unsigned i = 1; i < DENIAL_BUCKET_PLACES; i++)
        if (bucket->group[i] != largest && /* mostly there is just one */
            count_group(bucket, bucket->group[i]) > count_group(bucket, largest))
            largest = bucket->group[i];
    return largest;
}

/* What a group, or any where `group` is NULL, asked for least often. */
static unsigned find_weakest(const struct bucket *bucket, const uint32_t *group)
{
    unsigned weakest = NO_PLACE;
    for (unsigned i = 0; i < DENIAL_BUCKET_PLACES; i++)
        if ((group == NULL || bucket->group[i] == *group) &&
            (weakest == NO_PLACE || bucket->often[i] < bucket->often[weakest]))
            weakest = i;
    return weakest;
}

/* The place in a full bucket that a newcomer of `group` may have, which came `often`; NO_PLACE:
 * none. */
static unsigned find_victim(const struct bucket *bucket, uint32_t group, uint32_t often)
{
    uint32_t largest = find_largest_group(bucket);
    unsigned own_count = count_group(bucket, group);
    if (own_count + 2 <= count_group(bucket, largest))
        return find_weakest(bucket, &largest);
    unsigned weakest = find_weakest(bucket, own_count > 0 ? &group : NULL);
    return often > bucket->often[weakest] ? weakest : NO_PLACE;
}

/* Which place of a full bucket the newcomer takes, or NO_PLACE; who has none is counted. */
static unsigned make_place(struct denial_table *table, const struct bucket *bucket,
                           const struct denial *denial, uint32_t often)
{
    unsigned place = find_victim(bucket, denial->group, often);
    const struct denial *loser = place != NO_PLACE ? &bucket->denial[place] : denial;
    denial_table_leave_out(table, DENIAL_WITHOUT_ROOM, loser->reason, loser->count);
    return place;
}

void denial_table_add(struct denial_table *table, const struct denial *denial)
{
    uint64_t hash = hash_of(table, denial);
    struct bucket *bucket = &table->bucket[(hash >> 16) % table->bucket_count];
    __builtin_prefetch(bucket); /* it comes while the sketch does */
    uint32_t often = frequency_sketch_add(
        &table->sketch, hash, denial->count < UINT32_MAX ? (uint32_t)denial->count : UINT32_MAX);
    unsigned place = find_place(bucket, hash, denial);
    if (place != NO_PLACE && is_taken(bucket, place)) {
        bucket->often[place] = often;
        join(&bucket->denial[place], denial);
        return;
    }
    if (place != NO_PLACE)
        table->taken_count++;
    else
        place = make_place(table, bucket, denial, often);
    if (place == NO_PLACE)
        return;
    bucket->is_taken |= (uint8_t)(1u << place);
    bucket->hash[place] = hash;
    bucket->often[place] = often;
    bucket->group[place] = denial->group;
    bucket->denial[place] = *denial;
}

size_t denial_table_count(const struct denial_table *table)
{
    return table->taken_count;
}

size_t denial_table_take(struct denial_table *table, struct denial *ret_denials)
{
    size_t count = 0;
    for (uint32_t i = 0; count < table->taken_count && i < table->bucket_count; i++) {
        struct bucket *bucket = &table->bucket[i];
        for (unsigned place = 0; place < DENIAL_BUCKET_PLACES; place++) {
            if (!is_taken(bucket, place))
                continue;
            ret_denials[count] = bucket->denial[place];
            ret_denials[count++].often = bucket->often[place];
        }
        bucket->is_taken = 0;
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
