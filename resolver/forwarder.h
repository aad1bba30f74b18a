/* resolver/forwarder.h - asks the servers of internal zones, for all clients of one worker: one
 * question in flight for all who wait for the same, servers that fail left out until they answer
 * again, names that are missing remembered. Belongs to one loop. */
#pragma once
#include "base/fault.h"
#include "resolver/forwarded_answer.h"
#include "resolver/query.h"
#include "resolver/zone_table.h"

#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

enum {
    FORWARDER_QUESTIONS_MAX = 1000, /* in flight */
    FORWARDER_WAITING_MAX = 4000,   /* clients' queries that wait */
    FORWARDER_PER_CLIENT_MAX = 200, /* of them from one address; IPv6: from one /64 */
    FORWARDER_ATTEMPTS_MAX = 3,     /* for one question, at its zone's servers in turn */
    FORWARDER_FAILURES_MAX = 3,     /* in a row: then a server is down */
    FORWARDER_SILENCE_MS = 1000,    /* and it gave no answer at all for so long */
    FORWARDER_RETRY_MS = 1000,      /* how often one that is down is tried */
    FORWARDER_ROOM_BYTES = 65535,
};

struct forwarder;
struct forwarding;
struct server_health;

/* A server of a zone went down, or answers again. */
struct forwarder_event {
    const struct zone *zone;
    const struct endpoint *server;
    bool is_up;
    bool is_zone_down; /* none of the zone's servers is up */
};

struct forwarder_parts {
    uv_loop_t *loop;
    const struct zone_table *zones; /* borrowed */
    void *context;
    void (*server_changed)(void *context, const struct forwarder_event *event); /* NULL: nobody */
};

/* NULL with a fault on failure. */
struct forwarder *forwarder_new(const struct forwarder_parts *parts, struct fault *fault);
/* No query may wait any more. Its memory goes with close callbacks. NULL is fine. */
void forwarder_free(struct forwarder *forwarder);

/* What came of a question: an answer, or the Extended DNS Error that says why there is none. */
struct forwarder_result {
    const struct forwarded_answer *answer; /* NULL: none; borrowed for the call */
    uint16_t failure;
    uint8_t *room; /* FORWARDER_ROOM_BYTES to put answers together in, for the call */
};

/* Called once, never from within forwarder_ask() and never after forwarder_leave(). */
typedef void (*forwarder_fn)(struct forwarding *forwarding, const struct forwarder_result *result);

/* A client's query that waits. Embedded in what its owner keeps of it. */
struct forwarding {
    LIST_ENTRY(forwarding) same; /* of those who wait for one answer */
    struct forwarder *forwarder;
    forwarder_fn on_done;
    uint32_t client_slot;
};

/* Forwards the question of `query` to the servers of `zone`. False: too many wait, no server is up,
 * or out of memory. */
bool forwarder_ask(struct forwarder *forwarder, const struct zone *zone, const struct query *query,
                   const struct ip_address *client, struct forwarding *forwarding);
/* Its callback will not come. */
void forwarder_leave(struct forwarding *forwarding);

/* False while every server of `zone` is down, and none is due to be tried again. */
bool forwarder_can_ask(const struct forwarder *forwarder, const struct zone *zone);
/* True for a name that a zone's server said, lately, does not exist. */
bool forwarder_knows_missing(const struct forwarder *forwarder, const struct host_name *name);

/* Questions sent so far, each attempt and each trial of a server counted. Any thread. */
uint64_t forwarder_sent_count(const struct forwarder *forwarder);

/* How a server of a zone answers, both by their place in the table. Any thread, for the forwarder's
 * life. */
const struct server_health *forwarder_health(const struct forwarder *forwarder, uint32_t zone,
                                             uint32_t server);
