/* status/gather.c - asking the source, one question at a time. */
#include "status/gather.h"

#include <sys/mman.h>

/* `request` first, so that one is found from the other. */
struct gather {
    struct status_request request;
    struct status_data data;
    struct gather_queue *queue; /* NULL: it has ended */
    struct gather *next;
    struct gather_waiter *waiters;
};

static struct gather *gather_new(struct gather_queue *queue, const struct status_query *query)
{
    /* Fresh pages, not calloc(): it is half a megabyte, of which an answer touches little, and
     * clearing all of it would cost more than the answer, and the core its cache. */
    struct gather *gather =
        mmap(NULL, sizeof(*gather), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (gather == MAP_FAILED)
        return NULL;
    gather->request.query = *query;
    gather->request.data = &gather->data;
    atomic_init(&gather->request.is_abandoned, false);
    gather->queue = queue;
    return gather;
}

static void gather_free(struct gather *gather)
{
    status_data_release(&gather->data);
    (void)munmap(gather, sizeof(*gather)); /* can only fail for another address */
}

static void tell_waiters(struct gather *gather, const struct status_data *data)
{
    while (gather->waiters != NULL) {
        struct gather_waiter *waiter = gather->waiters;
        gather->waiters = waiter->next;
        waiter->gather = NULL;
        waiter->next = NULL;
        waiter->on_done(waiter, data);
    }
}

/* The source may answer from within, so this starts as many as it lets. */
static void start_next(struct gather_queue *queue)
{
    while (queue->running == NULL && queue->first != NULL) {
        struct gather *gather = queue->first;
        queue->first = gather->next;
        gather->next = NULL;
        queue->running = gather;
        queue->started_count++;
        queue->source.gather(queue->source.context, &gather->request);
    }
}

void status_answer(struct status_request *request)
{
    struct gather *gather = (struct gather *)request;
    struct gather_queue *queue = gather->queue;
    tell_waiters(gather, &gather->data);
    gather_free(gather);
    if (queue == NULL)
        return;
    queue->running = NULL;
    start_next(queue);
}

/* One that was given up may have left parts undone. */
static bool is_answer_to(struct gather *gather, const struct status_query *query)
{
    return gather != NULL && !atomic_load(&gather->request.is_abandoned) &&
           status_query_equal(&gather->request.query, query);
}

/* The question among those that are under way or wait, or a new one at the end; NULL: no memory. */
static struct gather *find_or_add(struct gather_queue *queue, const struct status_query *query)
{
    struct gather **at = &queue->first;
    if (is_answer_to(queue->running, query))
        return queue->running;
    while (*at != NULL && !is_answer_to(*at, query))
        at = &(*at)->next;
    if (*at == NULL)
        *at = gather_new(queue, query);
    return *at;
}

bool gather_join(struct gather_queue *queue, const struct status_query *query,
                 struct gather_waiter *waiter)
{
    struct gather *gather = find_or_add(queue, query);
    if (gather == NULL)
        return false;
    waiter->gather = gather;
    waiter->next = gather->waiters;
    gather->waiters = waiter;
    start_next(queue);
    return true;
}

static void remove_from(struct gather_queue *queue, struct gather *gather)
{
    struct gather **at = &queue->first;
    while (*at != gather)
        at = &(*at)->next;
    *at = gather->next;
    gather_free(gather);
}

void gather_leave(struct gather_queue *queue, struct gather_waiter *waiter)
{
    struct gather *gather = waiter->gather;
    if (gather == NULL)
        return;
    struct gather_waiter **at = &gather->waiters;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    *waiter = (struct gather_waiter){ .on_done = waiter->on_done };
    if (gather->waiters != NULL)
        return;
    if (gather == queue->running)
        atomic_store(&gather->request.is_abandoned, true);
    else
        remove_from(queue, gather);
}

void gather_end(struct gather_queue *queue)
{
    struct gather *running = queue->running;
    queue->running = NULL;
    if (running != NULL) {
        running->queue = NULL;
        atomic_store(&running->request.is_abandoned, true);
        tell_waiters(running, NULL);
    }
    while (queue->first != NULL) {
        struct gather *gather = queue->first;
        queue->first = gather->next;
        tell_waiters(gather, NULL);
        gather_free(gather);
    }
}
