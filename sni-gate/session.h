/* sni-gate/session.h - one connection, from accept to close.
 *
 *     reading hello -> resolving -> connecting -> watching -> relaying
 *            \____________\____________\____________\____________\___ refusing -> closing
 *
 * (relaying closes at once: nothing is forged once the server may have spoken). Nothing is dialled
 * before the policy has allowed name and port. A session keeps the verdict and a copy of the name,
 * never the policy. Where a proxy is at the other end, its header is read before the hello. */
#pragma once
#include "net/relay.h"
#include "sni-gate/gate_event.h"
#include "sni-gate/session_arrival.h"
#include "upstream/upstream.h"

#include <sys/queue.h>

/* How long each part may take. Relaying has no limit: a connection may be idle as long as both ends
 * like. */
enum {
    SESSION_PROXY_HEADER_MS = 2 * 1000,
    SESSION_HELLO_MS = 10 * 1000,
    SESSION_RESOLVE_MS = 5 * 1000,
    SESSION_CONNECT_MS = 10 * 1000,
    SESSION_WATCH_MS = 30 * 1000,
    SESSION_REFUSE_MS = 1000,
};

/* What is read of a refused client so that no reset swallows the alert. */
enum { SESSION_REFUSE_BYTES = 64 * 1024 };

struct session;
LIST_HEAD(session_list, session);

/* What the sessions of one worker share. */
struct session_context {
    uv_loop_t *loop;
    struct poller *poller;
    struct upstream *upstream;
    struct policy_view *view;
    struct relay_pool *relays;
    struct gate_sink sink;
    struct address_check address_check;
    struct session_list live; /* not yet told to the sink */
    size_t live_count;
    size_t unfreed_count; /* the live ones, and those that wait for their close callbacks */
    void (*on_all_freed)(struct session_context *context); /* whenever unfreed_count falls to 0 */
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
