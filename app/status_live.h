/* app/status_live.h - what the status page shows of the workers' live connections and recent
 * decisions: each worker fills a share of its own, the control thread joins them. */
#pragma once
#include "app/worker.h"
#include "status/status.h"

struct policy_feed;
struct status_live;

struct live_setup {
    struct status_request *request; /* whose query says what is wanted */
    struct policy_feed *feed;
    struct worker *const *workers;
    uint32_t worker_count;
    void (*done)(void *context); /* on a worker, once for each share that is full */
    void *context;
};

/* NULL when out of memory. */
struct status_live *status_live_new(const struct live_setup *setup);

/* Asks one worker. False: it can't be asked, and `done` will not come for it. */
bool status_live_ask(struct status_live *live, uint32_t worker);

/* The control thread, when all shares are full: fills the request's data. */
void status_live_fill(const struct status_live *live);

/* No share is being filled any more. NULL is fine. */
void status_live_free(struct status_live *live);
