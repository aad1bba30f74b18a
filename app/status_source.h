/* app/status_source.h - what the status page shows, gathered from where it is: some of it lies on
 * the control thread, the tables are read on the record thread. */
#pragma once
#include "app/options.h"
#include "app/record_thread.h"
#include "app/status_tables.h"
#include "status/status.h"

#include <stdatomic.h>
#include <uv.h>

struct policy_feed;
struct worker;

/* Borrowed for the gatherer's life. */
struct status_gatherer_parts {
    const struct options *options; /* with real ports */
    struct policy_feed *feed;
    struct record_thread *record;
    const atomic_bool *is_ready;
    struct worker *const *workers;
    uint32_t worker_count;
};

/* Belongs to the control thread, but for what a `reading` under way uses. One request at a time,
 * as struct status_source promises. */
struct status_gatherer {
    struct status_gatherer_parts parts;
    struct status_request *request; /* under way; NULL: none */
    struct record_reading reading;
    uv_async_t is_read;           /* told by the record thread */
    struct counted_states states; /* the record thread's */
    int64_t started_s;
    uint64_t version_seen; /* of the policy, and since when */
    int64_t version_seen_s;
};

/* 0, or a negative UV_E*. */
int status_gatherer_init(struct status_gatherer *gatherer, uv_loop_t *loop,
                         const struct status_gatherer_parts *parts);
/* When the record thread has ended. Gives the last answer, and closes its handle on the loop. */
void status_gatherer_end(struct status_gatherer *gatherer);

struct status_source status_gatherer_source(struct status_gatherer *gatherer);
