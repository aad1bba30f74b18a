/* policy/rule_placer.c - puts rules into a table. */
#include "policy/rule_placer.h"
#include "policy/policy_layout.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    BATCH_RULES = 512, /* some 0.2 ms of work, so that waking a thread is little beside it */
    AHEAD = 8,         /* rules whose memory is asked for before they are placed: a large table's
                          cache misses would take longer than all else */
};

struct rule_batch {
    uint32_t count;
    struct compiled_rule rule[BATCH_RULES]; /* they own their requirements */
};

struct rule_placer {
    struct name_table *table;         /* borrowed */
    const struct policy_ports *ports; /* borrowed */
    struct rule_batch batch[2];       /* one is filled while the other is placed */
    unsigned filled;
    bool has_thread; /* not before a batch is full */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct rule_batch *handed_over; /* the thread's to place; NULL: it waits for more */
    bool is_ending, has_memory;     /* until it ran out once */
};

struct rule_placer *rule_placer_new(struct name_table *table, const struct policy_ports *ports)
{
    struct rule_placer *placer = calloc(1, sizeof(*placer));
    if (placer == NULL)
        return NULL;
    placer->table = table;
    placer->ports = ports;
    placer->has_memory = true;
    (void)pthread_mutex_init(&placer->lock, NULL); /* neither fails with default attributes */
    (void)pthread_cond_init(&placer->changed, NULL);
    return placer;
}

static void look_ahead(const struct name_table *table, const struct compiled_rule *rule,
                       struct name_hashes *ret_hashes)
{
    name_hashes_compute(&table->key, &rule->name, ret_hashes);
    name_table_prefetch(table, ret_hashes, rule->name.label_count);
}

/* Empties the batch; once memory has run out nothing more gets a place. */
static bool place(const struct rule_placer *placer, struct rule_batch *batch, bool has_memory)
{
    struct name_hashes hashes[AHEAD];
    struct table_editor editor = { .table = placer->table, .ports = placer->ports };
    uint32_t node;
    for (uint32_t i = 0; i < batch->count && i < AHEAD; i++)
        look_ahead(placer->table, &batch->rule[i], &hashes[i]);
    for (uint32_t i = 0; i < batch->count; i++) {
        has_memory = has_memory &&
                     table_editor_add_hashed(&editor, &batch->rule[i], &hashes[i % AHEAD], &node);
        compiled_rule_release(&batch->rule[i]);
        if (i + AHEAD < batch->count)
            look_ahead(placer->table, &batch->rule[i + AHEAD], &hashes[i % AHEAD]);
    }
    batch->count = 0;
    return has_memory;
}

/* Places what is handed over, until there will be no more. */
static void *run(void *argument)
{
    struct rule_placer *placer = argument;
    (void)pthread_mutex_lock(&placer->lock);
    while (placer->handed_over != NULL || !placer->is_ending) {
        if (placer->handed_over == NULL) {
            (void)pthread_cond_wait(&placer->changed, &placer->lock);
            continue;
        }
        struct rule_batch *batch = placer->handed_over;
        bool has_memory = placer->has_memory;
        (void)pthread_mutex_unlock(&placer->lock);
        has_memory = place(placer, batch, has_memory);
        (void)pthread_mutex_lock(&placer->lock);
        placer->handed_over = NULL;
        placer->has_memory = has_memory;
        (void)pthread_cond_signal(&placer->changed);
    }
    (void)pthread_mutex_unlock(&placer->lock);
    return NULL;
}

/* Waits until the thread can take the batch that was filled. False when memory has run out. */
static bool hand_over(struct rule_placer *placer)
{
    (void)pthread_mutex_lock(&placer->lock);
    while (placer->handed_over != NULL)
        (void)pthread_cond_wait(&placer->changed, &placer->lock);
    bool has_memory = placer->has_memory;
    placer->handed_over = &placer->batch[placer->filled];
    (void)pthread_cond_signal(&placer->changed);
    (void)pthread_mutex_unlock(&placer->lock);
    placer->filled = !placer->filled;
    return has_memory;
}

/* Empties the batch that was filled; where no thread can be had, here. */
static bool pass_on(struct rule_placer *placer)
{
    if (!placer->has_thread)
        placer->has_thread = pthread_create(&placer->thread, NULL, run, placer) == 0;
    if (placer->has_thread)
        return hand_over(placer);
    placer->has_memory = place(placer, &placer->batch[placer->filled], placer->has_memory);
    return placer->has_memory;
}

bool rule_placer_add(struct rule_placer *placer, const struct compiled_rule *rule)
{
    struct rule_batch *batch = &placer->batch[placer->filled];
    compiled_rule_copy(&batch->rule[batch->count++], rule);
    return batch->count < BATCH_RULES || pass_on(placer);
}

static void stop_thread(struct rule_placer *placer)
{
    (void)pthread_mutex_lock(&placer->lock);
    placer->is_ending = true;
    (void)pthread_cond_signal(&placer->changed);
    (void)pthread_mutex_unlock(&placer->lock);
    (void)pthread_join(placer->thread, NULL);
}

bool rule_placer_end(struct rule_placer *placer)
{
    if (placer == NULL)
        return true;
    if (placer->has_thread)
        stop_thread(placer);
    bool is_whole = place(placer, &placer->batch[placer->filled], placer->has_memory);
    (void)pthread_cond_destroy(&placer->changed);
    (void)pthread_mutex_destroy(&placer->lock);
    free(placer);
    return is_whole;
}
