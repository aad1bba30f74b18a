/* app/rule_uses.c - how often rules decided, on all workers together. */
#include "app/rule_uses.h"

#include <stdlib.h>

struct rule_count rule_uses_of(const struct rule_uses *uses, int64_t rule_id)
{
    struct rule_count sum = { .rule_id = rule_id };
    for (uint32_t i = 0; i < uses->worker_count; i++)
        rule_counters_add_to(worker_rules(uses->workers[i]), rule_id, &sum);
    return sum;
}

uint64_t rule_uses_left_out(const struct rule_uses *uses)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < uses->worker_count; i++)
        sum += rule_counters_left_out(worker_rules(uses->workers[i]));
    return sum;
}

struct use {
    int64_t rule_id;
    uint64_t hits;
};

struct collection {
    struct use *use;
    size_t count, capacity;
    bool has_failed;
};

static bool grow(struct collection *collection)
{
    size_t capacity = collection->capacity == 0 ? 1024 : 2 * collection->capacity;
    struct use *grown = realloc(collection->use, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    collection->use = grown;
    collection->capacity = capacity;
    return true;
}

static void collect(void *context, const struct rule_count *count)
{
    struct collection *collection = context;
    uint64_t hits = count->queries + count->connections;
    if (hits == 0 || collection->has_failed)
        return;
    if (collection->count == collection->capacity && !grow(collection)) {
        collection->has_failed = true;
        return;
    }
    collection->use[collection->count++] = (struct use){ count->rule_id, hits };
}

static int compare_ids(const void *left_use, const void *right_use)
{
    const struct use *left = left_use, *right = right_use;
    return (left->rule_id > right->rule_id) - (left->rule_id < right->rule_id);
}

static int compare_hits(const void *left_use, const void *right_use)
{
    const struct use *left = left_use, *right = right_use;
    if (left->hits != right->hits)
        return left->hits < right->hits ? 1 : -1;
    return compare_ids(left_use, right_use);
}

/* A rule may have decided on several workers. */
static void join_equals(struct collection *collection)
{
    size_t joined = 0;
    qsort(collection->use, collection->count, sizeof(*collection->use), compare_ids);
    for (size_t i = 0; i < collection->count; i++) {
        if (joined > 0 && collection->use[joined - 1].rule_id == collection->use[i].rule_id)
            collection->use[joined - 1].hits += collection->use[i].hits;
        else
            collection->use[joined++] = collection->use[i];
    }
    collection->count = joined;
}

bool rule_uses_list(const struct rule_uses *uses, int64_t **ret_ids, size_t *ret_count)
{
    struct collection collection = { 0 };
    for (uint32_t i = 0; i < uses->worker_count; i++)
        rule_counters_each(worker_rules(uses->workers[i]), collect, &collection);
    int64_t *ids = calloc(collection.count + 1, sizeof(*ids));
    if (collection.has_failed || ids == NULL) {
        free(collection.use);
        free(ids);
        return false;
    }
    if (collection.count > 0) {
        join_equals(&collection);
        qsort(collection.use, collection.count, sizeof(*collection.use), compare_hits);
    }
    for (size_t i = 0; i < collection.count; i++)
        ids[i] = collection.use[i].rule_id;
    *ret_ids = ids;
    *ret_count = collection.count;
    free(collection.use);
    return true;
}
