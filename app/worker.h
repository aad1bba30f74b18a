/* app/worker.h - one worker: a thread, a loop, and on it its share of the resolver and of the gate.
 * Workers share nothing but the policy feed, the log and the configuration they were given. */
#pragma once
#include "app/listening_sockets.h"
#include "policy/policy_feed.h"
#include "resolver/resolver.h"

struct certificate_tools;
struct client_limits;
struct record_thread;
struct worker;

/* What all workers of a process are made of; borrowed for their life. */
struct worker_setup {
    const struct options *options; /* its ports are real ones: no 0 */
    const struct listening_sockets *sockets;
    struct policy_feed *feed;
    struct log_thread *log;
    struct record_thread *record;
    const struct endpoint *own; /* every endpoint that is Pinhole's own, never to be dialled */
    uint32_t own_count;
    struct client_limits *limits;
    const struct certificate_tools *certificates;
};

/* Takes its sockets over; `index` numbers workers (and their log rings) from 0. NULL with a
 * fault. */
struct worker *worker_new(const struct worker_setup *setup, uint32_t index, struct fault *fault);

/* Starts its thread. False with a fault. */
bool worker_start(struct worker *worker, struct fault *fault);

/* There is another policy: what the worker has open is judged again. Any thread. */
void worker_policy_changed(struct worker *worker);

/* What a worker has counted since it started. */
struct worker_counts {
    uint64_t resolver[RESOLVER_COUNTER_COUNT];
    uint64_t unchecked_addresses, hellos_with_ech; /* of the gate */
};
/* Adds them to `sum`. Any thread. */
void worker_add_counts(const struct worker *worker, struct worker_counts *sum);

/* How a worker comes to have nothing left to do. */
struct worker_drain {
    bool is_handed_over; /* another process reads the sockets now; else who waits is accepted yet */
    int drained;         /* an eventfd, which 1 is added to when no connection is left */
};

/* Asks the thread to accept no more, and to let its connections finish. Queries over UDP are
 * answered on, unless another process does. Once in its life; any thread. */
void worker_drain(struct worker *worker, const struct worker_drain *how);

/* Asks the thread to end: listeners close, connections end. Any thread. */
void worker_stop(struct worker *worker);

/* Connections through the gate, once worker_drain() had been called. */
struct worker_drained {
    uint64_t open_count;   /* then */
    uint64_t closed_count; /* of these, by worker_stop() */
};

/* Waits until the thread, which was started and told to stop, has ended. */
struct worker_drained worker_join(struct worker *worker);

/* Frees; stops the thread first, unless worker_join() saw its end. NULL is fine. */
void worker_free(struct worker *worker);
