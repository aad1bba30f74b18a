/* upstream/upstream.h - reaching the real server of a name: look its addresses up, keep those that
 * are fit, connect to the one that answers first (RFC 8305). The client's idea of the address plays
 * no part. Everything here belongs to one worker's loop.
 *
 * Addresses are not sorted as RFC 6724 has it: that would cost a socket for each, to see which
 * address of this machine's would be used. Those that could not be reached lately come last, those
 * whose certificate is known to be good first; families alternate, IPv6 first unless it fails of
 * late. */
#pragma once
#include "base/address.h"
#include "net/poller.h"
#include "policy/verdict.h"
#include "upstream/address_memory.h"
#include "upstream/address_rule.h"
#include "upstream/certificate_board.h"
#include "upstream/name_cache.h"

#include <uv.h>

struct host_name;
struct policy_view;

enum {
    UPSTREAM_RESOLUTION_MS = 50, /* what IPv6 may be late after IPv4, RFC 8305 3 */
    UPSTREAM_STALE_MS = 1800,   /* the DNS may take so long before stale addresses do, RFC 8767 5 */
    UPSTREAM_STAGGER_MS = 250,  /* head start over the next address, RFC 8305 5 */
    UPSTREAM_ATTEMPT_MS = 2000, /* an address may take so long where others wait for their turn; the
                                   last one has until the caller cancels */
    UPSTREAM_ATTEMPTS_MAX = 4,  /* under way at a time */
    UPSTREAM_ADDRESSES_MAX = 2 * (DNS_REPLY_ADDRESSES_MAX + RECENT_ADDRESSES_MAX),
};

/* What the requests of one worker share; borrows everything. */
struct upstream {
    uv_loop_t *loop;
    struct poller *poller;
    struct name_cache *names;
    struct address_memory *memory;
    struct policy_view *view;   /* whose settings say which private networks are open */
    const struct endpoint *own; /* Pinhole's sockets: as bound, and as clients reach them */
    uint32_t own_count;
    uint64_t descriptor_limit;
    const struct ip_network *own_range; /* the gate's ranges: Pinhole's at any port */
    uint32_t own_range_count;
};

struct upstream_request;

/* REASON_ALLOWED when it went well; else REASON_UPSTREAM_* or REASON_OUT_OF_RESOURCES. May be
 * called from within the function that started the step, never after upstream_request_cancel(). */
typedef void (*upstream_fn)(struct upstream_request *request, enum reason reason);

/* What is known of the certificate at an address of a request's. */
typedef enum board_rank (*upstream_rank_fn)(const struct upstream_request *request,
                                            const struct endpoint *endpoint);

struct upstream_candidate {
    struct ip_address address;
    bool is_tried;  /* dialled, or refused */
    bool is_recent; /* the name has it no more: only dialled where its certificate is good */
    bool is_ranked;
    enum board_rank rank;
};

/* An address that is being dialled, or is connected. */
struct upstream_attempt {
    struct upstream_request *request;
    struct socket_watch watch; /* -1: none */
    struct upstream_candidate *candidate;
    int64_t started_ms;
};

enum upstream_step { UPSTREAM_IDLE = 0, UPSTREAM_ASKING, UPSTREAM_LOOKING_UP, UPSTREAM_CONNECTING };

/* One server to reach; embedded in its owner. Initialised, it takes one lookup or address, one
 * connect and any number of connects to the next address, in this order. */
struct upstream_request {
    struct upstream *upstream;
    upstream_fn on_done;
    upstream_rank_fn rank; /* the owner's, set after init; NULL: nothing is known of any */
    enum upstream_step step;
    struct name_lookup lookup; /* goes on while connecting: its addresses are tried as they come */
    bool is_stale;             /* the addresses are: the upstream DNS fails */
    bool is_typed;             /* the address is: it stands in a rule */
    uint16_t port;
    struct upstream_candidate candidates[UPSTREAM_ADDRESSES_MAX];
    uint32_t candidate_count;
    uint8_t next_family; /* to dial; 0: none was dialled yet */
    enum reason failure; /* what to say when no address is left */
    struct upstream_attempt attempts[UPSTREAM_ATTEMPTS_MAX];
    uint32_t server_events;      /* epoll's, that came when it was connected */
    struct socket_watch *server; /* connected, one of the attempts'; else NULL */
    struct endpoint endpoint;    /* connected, or last dialled; before that, last refused; family 0:
                                    none */
    enum address_fitness fitness; /* of `endpoint` */
    uv_timer_t timer;             /* of the step under way; its `data` is the owner's */
};

void upstream_request_init(struct upstream_request *request, struct upstream *upstream);

/* Looks `name` up. REASON_ALLOWED: it has addresses, of whatever kind; those of the other family
 * may follow. */
void upstream_lookup(struct upstream_request *request, const struct host_name *name,
                     upstream_fn on_done);

/* Takes `address` as the only one, in place of a lookup: it stands in a rule's connect_to, and so
 * it needs no opening by a setting (upstream/address_rule.h). REASON_ALLOWED, at once. */
void upstream_take_address(struct upstream_request *request, const struct ip_address *address,
                           upstream_fn on_done);

/* Connects to `port` of an address found that is fit under the settings of that moment and that
 * answers. Sets no limit to the whole: the caller cancels. REASON_ALLOWED: `server` is the
 * connected socket, watched still; the caller sets its on_ready. */
void upstream_connect(struct upstream_request *request, uint16_t port, upstream_fn on_done);

/* After the connected server failed before anything of it went on, or proved the wrong one: closes
 * `server`, remembers its address as one that failed where it `has_failed`, and connects to
 * another, as upstream_connect() does. An address that lost the race is tried once more.
 * REASON_UPSTREAM_CONNECT_FAILED when none is left. */
void upstream_connect_next(struct upstream_request *request, bool has_failed, upstream_fn on_done);

/* Takes the connected server away from the request, which may then be closed. The caller sets its
 * on_ready, and closes it. */
void upstream_take_server(struct upstream_request *request, struct socket_watch *ret_server);

/* The request of a `server` watch. */
struct upstream_request *upstream_request_of_server(struct socket_watch *server);

/* Would `endpoint` be dialled under the settings of this moment? `typed`: the address that stands
 * in the rule of this moment; NULL: none. */
bool upstream_may_dial(const struct upstream *upstream, const struct endpoint *endpoint,
                       const struct ip_address *typed);
/* The same of all that it has dialled and not closed. */
bool upstream_may_go_on(const struct upstream_request *request, const struct ip_address *typed);

/* Ends what is under way, without a callback, and closes the socket. Safe at any time after init.
 */
void upstream_request_cancel(struct upstream_request *request);

/* Cancels, and closes the timer: the request's memory must live until `on_closed`, whose argument
 * is `request->timer`. */
void upstream_request_close(struct upstream_request *request, uv_close_cb on_closed);
