/* status/gather.h - asking the source, one question at a time. Whoever asks what is under way, or
 * already waits for its turn, shares the answer. One loop. */
#pragma once
#include "status/status.h"

struct gather;
struct gather_waiter;

/* The answer is there, `data` valid for the call; or the question is given up (`data` NULL). */
typedef void (*gather_done_fn)(struct gather_waiter *waiter, const struct status_data *data);

/* Embedded in whoever waits. */
struct gather_waiter {
    struct gather *gather; /* NULL: it waits for none */
    struct gather_waiter *next;
    gather_done_fn on_done;
};

/* Questions of one status. Empty when zeroed, but for the source. */
struct gather_queue {
    struct status_source source;
    struct gather *running; /* with the source; NULL: none */
    struct gather *first;   /* that wait for their turn */
    uint64_t started_count;
};

/* Has the question answered; on_done is called once, perhaps from within, unless gather_leave()
 * comes first. False when out of memory. */
bool gather_join(struct gather_queue *queue, const struct status_query *query,
                 struct gather_waiter *waiter);

/* Waits no more. A question that nobody waits for is not asked, or is abandoned. */
void gather_leave(struct gather_queue *queue, struct gather_waiter *waiter);

/* Gives all up: each waiter is told. What is with the source is freed by its answer. */
void gather_end(struct gather_queue *queue);
