/* app/worker.h - one worker: a thread, a loop, and on it its share of the resolver and of the gate.
 * Workers share nothing but the policy feed, the log and the configuration they were given. */
#pragma once
#include "app/options.h"
#include "policy/policy_feed.h"

struct client_limits;
struct record_thread;
struct worker;

/* What all workers of a process are made of; borrowed for their life. */
struct worker_setup {
    const struct options *options; /* its ports are real ones: no 0 */
    struct policy_feed *feed;
    struct log_thread *log;
    struct record_thread *record;
    const struct endpoint *own; /* every endpoint that is Pinhole's own, never to be dialled */
    uint32_t own_count;
    struct client_limits *limits;
};

/* Binds the worker's sockets; `index` numbers workers (and their log rings) from 0. NULL with a
 * fault. */
struct worker *worker_new(const struct worker_setup *setup, uint32_t index, struct fault *fault);

/* Starts its thread. False with a fault. */
bool worker_start(struct worker *worker, struct fault *fault);

/* There is another policy: what the worker has open is judged again. Any thread. */
void worker_policy_changed(struct worker *worker);

/* Asks the thread to end: listeners close, connections end. Any thread. */
void worker_stop(struct worker *worker);

/* Waits for the thread, where it was started, and frees. NULL is fine. */
void worker_free(struct worker *worker);
