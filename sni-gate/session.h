/* sni-gate/session.h - one connection, from accept to close.
 *
 *     reading hello -> resolving -> connecting -> checking -> watching -> relaying
 *            \____________\____________\____________\____________\____________\___ refusing ->
 * closing
 *
 * (relaying closes at once: nothing is forged once the server may have spoken). Nothing is dialled
 * before the policy has allowed name and port. A session keeps the verdict and a copy of the name,
 * never the policy; when the policy changes, it is judged again. Where a proxy is at the other end,
 * its header is read before the hello. */
#pragma once
#include "net/relay.h"
#include "sni-gate/connection_list.h"
#include "sni-gate/gate_event.h"
#include "sni-gate/gate_times.h"
#include "sni-gate/session_arrival.h"
#include "upstream/upstream.h"

#include <sys/queue.h>

/* What is no setting. */
enum {
    SESSION_PROXY_HEADER_MS = 2 * 1000,
    SESSION_RESOLVE_MS = 5 * 1000,
    SESSION_REFUSE_MS = 1000,
    SESSION_REFUSE_BYTES = 64 * 1024, /* read of a refused client so that no reset swallows
                                         the alert */
    SESSION_QUIET_MS = 30 * 1000,     /* from then on a silent peer is asked after, */
    SESSION_SHED_MS = 60 * 1000,      /* and from then on a connection may make room for others */
    SESSION_REJUDGED_PER_TURN = 1000,
    SESSION_WALKED_PER_TURN = 1000,
};

struct certificate_checker;
struct certificate_memory;
struct trust_store;
struct session;
LIST_HEAD(session_list, session);
TAILQ_HEAD(session_queue, session);

/* What the sessions of one worker share. */
struct session_context {
    uv_loop_t *loop;
    struct poller *poller;
    struct upstream *upstream;
    struct policy_view *view;
    struct relay_pool *relays;
    struct client_limits *limits; /* NULL: none; shared with other workers */
    struct certificate_checker *checker;
    const struct trust_store *trust_store;
    struct certificate_memory *certificates;
    struct gate_sink sink;
    struct address_check address_check;
    struct session_list live;           /* not yet told to the sink */
    struct session_queue active, quiet; /* that relay, the longest idle first */
    struct session *next_judged;        /* NULL: no judging is under way */
    struct session *next_walked;        /* NULL: no walk is under way */
    _Atomic size_t live_count;          /* any thread reads */
    size_t opening_count;               /* those whose close callbacks have not come */
    _Atomic uint64_t ech_count;         /* hellos with encrypted_client_hello; any thread reads */
    struct gate_times times;
    _Atomic uint64_t opening_bytes_up, opening_bytes_down; /* before relays began; likewise */
    void (*on_all_freed)(struct session_context *context); /* whenever opening_count falls to 0 */
};

/* Takes over the non-blocking `descriptor`. False when out of memory: then it is still the
 * caller's. */
bool session_start(struct session_context *context, int descriptor,
                   const struct session_arrival *arrival);

/* Closes it now; the sink is told so. */
void session_shut_down(struct session *session);

/* Tells the sink of a client that got no session. */
void session_report_turned_away(const struct session_context *context,
                                const struct session_arrival *arrival, enum reason reason);

/* Counts a client's connection in, where there may be one more: REASON_ALLOWED, or why not. */
enum reason sessions_count_in(struct session_context *context, const struct ip_address *client);
void sessions_count_out(struct session_context *context, const struct ip_address *client);

/* Copies what is known of a live one. */
typedef void (*session_walk_fn)(void *context, const struct gate_connection *connection);
/* Goes through all that are live, the youngest first, some each call. False when all were seen. */
void sessions_walk_begin(struct session_context *context);
bool sessions_walk_some(struct session_context *context, session_walk_fn each, void *argument);

/* To be called about once a second: ends those that were idle for too long. */
void sessions_sweep(struct session_context *context);
/* Ends the one that was idle longest, if that was long. False: there is none. */
bool sessions_shed(struct session_context *context);

/* The policy changed: judges all again, some each call. False when all are judged. */
void sessions_rejudge_begin(struct session_context *context);
bool sessions_rejudge_some(struct session_context *context);
