/* sni-gate/session_layout.h - what a connection is made of. Private to the files session*.c.
 * What only its beginning needs is memory of its own, given back when the relay begins; so an idle
 * connection is small. */
#pragma once
#include "sni-gate/handshake_watch.h"
#include "sni-gate/hello_reader.h"
#include "sni-gate/session.h"
#include "upstream/certificate_checks.h"
#include "upstream/upstream.h"

enum session_state {
    CLOSING = 0,
    READING_PROXY_HEADER,
    READING_HELLO,
    RESOLVING,
    CONNECTING,
    CHECKING,
    WATCHING,
    RECONNECTING,
    RELAYING,
    REFUSING,
    SESSION_STATES,
};

struct session_opening {
    struct session *session; /* NULL: it has gone on without */
    struct session_context *context;
    int open_handles; /* the two timers, embedded: freed only when both are closed */
    uv_timer_t deadline;
    struct hello_reader hello;
    struct connect_to *connect_to; /* owned, until it is dialled; NULL: the name itself */
    struct upstream_request request;
    struct hello_class class; /* of a hello whose server is checked */
    struct check_wait check;  /* of the server's certificate */
    bool is_checking;
    enum reason lost_reason; /* why the last server was left */
    struct handshake_watch watch;
    uint32_t client_events; /* epoll's, since the hello was read */
    size_t drained_bytes;
    int64_t connecting_ns; /* since when */
};

/* How it got to its server. */
struct session_route {
    struct endpoint server; /* dialled, or refused to be; family 0: it came to neither */
    enum address_fitness fitness;
    bool has_stale_addresses;
};

struct session {
    struct session_context *context;
    LIST_ENTRY(session) live;
    struct session_opening *opening; /* owned; NULL while relaying */
    enum session_state state;
    enum gate_end end;
    struct session_arrival arrival;
    struct arrival_address arrived_at;
    struct verdict verdict;          /* denies at first, and again if the server can't be reached */
    struct requirement *requirement; /* counted: of the rule that allowed it */
    struct certificate_finding *finding; /* counted; NULL: none yet, or no certificate was seen */
    enum gate_proof proof;
    int64_t started_ms;
    bool is_opened; /* it is, or was, relayed */
    bool has_ech;
    bool is_counted; /* its client has one more by it */
    struct socket_watch client;

    /* Relaying: */
    TAILQ_ENTRY(session) activity;
    bool is_listed, is_quiet; /* by activity; in the list of the quiet ones */
    int64_t active_ms;        /* of the loop's clock: the last byte, to a second */
    struct socket_watch server;
    struct session_route route;
    uint64_t bytes_up, bytes_down; /* before the relay began */
    struct relay relay;
    uint8_t *name; /* owned: as on the wire */
    size_t name_size;
};

/* A beginning for `session`, which owns it; NULL when out of memory. */
struct session_opening *session_opening_new(struct session *session);
/* session_checking.c */

typedef void (*verdict_fn)(struct check_wait *wait, const struct check_outcome *outcome);

/* Sets what is demanded of the server, by the rule that allowed the name. */
void session_demand(struct session *session, struct requirement *requirement);
/* The same for a server that is checked already, by what the policy demands since. */
void session_demand_anew(struct session *session, struct requirement *requirement);
/* Does the rule demand a check of the server's certificate? */
bool session_demands_check(const struct session *session);
/* Asks for the verdict on the server that is connected. True: known, `*ret_outcome` is set. False:
 * `on_outcome` is called once, later. */
bool session_ask_for_verdict(struct session *session, verdict_fn on_outcome,
                             struct check_outcome *ret_outcome);
/* Keeps what was found, for the log and for when the policy changes. Takes over the outcome's
 * reference. */
void session_keep_outcome(struct session *session, const struct check_outcome *outcome);
/* Judges what the handshake itself has shown of the server. REASON_ALLOWED, or why not. */
enum reason session_judge_flight(struct session *session);
/* No verdict is awaited any more. */
void session_stop_checking(struct session *session);
/* May another address of the name be tried after this verdict? */
bool session_may_leave_server(const struct session *session, enum reason reason);
/* Is what was checked enough for `demanded`, of a rule of this moment? */
bool session_meets(const struct session *session, const struct requirement *demanded);

/* Keeps the name where it can be found without the opening. False when out of memory. */
bool session_keep_name(struct session *session);
/* Keeps of the opening what is told at the end, and gives the rest back. */
void session_leave_opening(struct session *session);

/* Tells the client, who has begun to speak TLS, the truth; then waits a moment for it to leave,
 * because closing a socket with unread bytes sends a reset, and that would swallow the alert. */
void session_send_alert(struct session *session);
/* Reads, and throws away, what a refused client sends; ends it with the client, or when that was
 * enough. */
void session_drain_client(struct session *session, uint32_t events);

/* Tells the sink that bytes go both ways from now on. */
void session_tell_opened(struct session *session);
/* Closes everything, tells the sink, and frees. */
void session_close(struct session *session);

/* The name that it was allowed for, from wherever it is kept. False: none was read. */
bool session_name(const struct session *session, struct host_name *ret_name);

/* Ends it; the sink is told how. The session is gone then. */
void session_end(struct session *session, enum gate_end how);

/* Puts it among those that have just been active. */
void session_touch(struct session *session);
/* Takes it out of the lists by activity, and the judging that is under way on to the next. */
void session_unlist(struct session *session);
