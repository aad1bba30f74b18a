/* app/status_source.h - what the status page shows, gathered from where it is: counts may be read
 * by any thread, workers are asked by mailbox, the tables are read on the record thread. */
#pragma once
#include "app/options.h"
#include "app/record_thread.h"
#include "app/status_tables.h"
#include "app/worker.h"
#include "status/status.h"
#include "status/traffic_history.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct certificate_board;
struct log_thread;
struct policy_thread;
struct status_live;

/* Borrowed for the gatherer's life. */
struct status_gatherer_parts {
    const struct options *options; /* with real ports */
    struct policy_thread *policy;
    const struct log_thread *log;
    struct certificate_board *board;
    const atomic_bool *is_ready;
    struct worker *const *workers;
    uint32_t worker_count;
};

/* Belongs to the control thread, but for what a `reading` or `recount` under way uses. One request
 * at a time, as struct status_source promises. */
struct status_gatherer {
    struct status_gatherer_parts parts;
    struct status_request *request; /* under way; NULL: none */
    struct worker_counts counts;    /* when it came */
    atomic_uint pending;            /* parts of it that other threads still fill */
    struct record_reading reading;
    struct status_live *live;     /* owned; NULL: not asked for */
    uv_async_t is_gathered;       /* told by whoever fills the last part */
    uv_timer_t slot_over;         /* of the traffic's */
    struct counted_states states; /* the record thread's */
    pthread_mutex_t lock;
    struct counted_states known; /* a copy of `states`; guarded by lock */
    struct record_reading recount;
    atomic_bool is_recounting; /* the record thread has `recount` */
    struct traffic_history traffic;
    int64_t started_s;
};

/* 0, or a negative UV_E*. */
int status_gatherer_init(struct status_gatherer *gatherer, uv_loop_t *loop,
                         const struct status_gatherer_parts *parts);
/* When the record thread and the workers have ended. Gives the last answer, and closes its handles
 * on the loop. */
void status_gatherer_end(struct status_gatherer *gatherer);

struct status_source status_gatherer_source(struct status_gatherer *gatherer);
