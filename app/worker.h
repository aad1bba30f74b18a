/* app/worker.h - one worker: a thread, a loop, and on it its share of the resolver and of the gate.
 * Workers share nothing but the policy feed, the log and the configuration they were given. */
#pragma once
#include "app/activity.h"
#include "app/listening_sockets.h"
#include "net/server_health.h"
#include "policy/policy_feed.h"
#include "resolver/resolver.h"
#include "sni-gate/connection_list.h"
#include "upstream/certificate_checks.h"
#include "upstream/name_cache.h"

struct certificate_tools;
struct client_limits;
struct client_rate;
struct query_limit;
struct record_thread;
struct server_context;
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
    struct query_limit *query_limit;
    struct server_context *tls; /* of DNS over TLS; NULL where no listener wants it */
    struct client_rate *dot_handshakes;
};

/* Takes its sockets over; `index` numbers workers (and their log rings) from 0. NULL with a
 * fault. */
struct worker *worker_new(const struct worker_setup *setup, uint32_t index, struct fault *fault);

/* Starts its thread. False with a fault. */
bool worker_start(struct worker *worker, struct fault *fault);

/* There is another policy: what the worker has open is judged again. Any thread. */
void worker_policy_changed(struct worker *worker);
/* DNS over TLS begins with `tls` from now on. Any thread. */
void worker_use_certificate(struct worker *worker, struct server_context *tls);

/* What workers have counted since they started. */
struct worker_counts {
    uint64_t resolver[RESOLVER_COUNTER_COUNT];
    uint64_t names[NAME_CACHE_COUNTERS];
    struct name_cache_times name_times;
    uint64_t certificates[CERTIFICATE_COUNTERS];
    uint64_t connections[REASON_COUNT]; /* once each: when relayed, or else when ended */
    uint64_t ends[GATE_END_COUNT];
    uint64_t bytes_up, bytes_down;
    uint64_t live_connections;
    uint64_t unchecked_addresses, hellos_with_ech;
    uint64_t rule_uses_left_out; /* decisions of rules that are not counted by themselves */
    struct histogram_sum decision, connect, probe;
};
/* Adds one worker's to `sum`. Any thread. */
void worker_add_counts(const struct worker *worker, struct worker_counts *sum);

/* Adds how, on one worker, a server of the upstream DNS answers, or the server at `server` of the
 * internal zone at `zone`. Any thread. */
void worker_add_upstream_health(const struct worker *worker, uint32_t server,
                                struct server_health_sum *sum);
void worker_add_zone_health(const struct worker *worker, uint32_t zone, uint32_t server,
                            struct server_health_sum *sum);

/* How often each rule decided on this worker. Any thread. */
const struct rule_counters *worker_rules(const struct worker *worker);

/* A look at what only a worker's own thread may read. The functions are called there. */
struct worker_look {
    struct worker *worker;               /* set by worker_look() */
    struct recent_decisions *ret_recent; /* to be copied to; NULL: not wanted */
    /* For each live connection, some a turn of the loop; NULL: not wanted. */
    void (*connection)(void *context, const struct gate_connection *connection);
    void *context;
    const atomic_bool *is_abandoned;        /* nobody wants it any more */
    void (*done)(struct worker_look *look); /* once, at the end; not where the worker ends before */
};

/* Any thread; one look at a time. `look` must live until `done`, or until the worker has ended.
 * False when out of memory: nothing will happen. */
bool worker_look(struct worker *worker, struct worker_look *look);

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
