/* upstream/upstream.h - reaching the real server of a name: look its addresses up, keep those that
 * are fit, connect to one. The client's idea of the address plays no part. Everything here belongs
 * to one worker's loop. */
#pragma once
#include "base/address.h"
#include "net/dns_channel.h"
#include "net/poller.h"
#include "policy/verdict.h"
#include "upstream/address_rule.h"

#include <uv.h>

struct host_name;
struct policy_view;

/* How long one address may take before the next is tried. */
enum { UPSTREAM_ATTEMPT_MS = 2000 };

/* What the requests of one worker share; borrows everything. */
struct upstream {
    uv_loop_t *loop;
    struct poller *poller;
    struct dns_channel *channel;
    struct policy_view *view;   /* whose settings say which private networks are open */
    const struct endpoint *own; /* Pinhole's sockets: as bound, and as clients reach them */
    uint32_t own_count;
    const struct ip_network *own_range; /* the gate's ranges: Pinhole's at any port */
    uint32_t own_range_count;
};

struct upstream_request;

/* REASON_ALLOWED when it went well; else REASON_UPSTREAM_* or REASON_OUT_OF_RESOURCES. May be
 * called from within the function that started the step, never after upstream_request_cancel(). */
typedef void (*upstream_fn)(struct upstream_request *request, enum reason reason);

/* One server to reach; embedded in its owner. Initialised, it takes one lookup and one connect, in
 * this order. */
struct upstream_request {
    struct upstream *upstream;
    upstream_fn on_done;
    struct dns_lookup *lookup; /* under way; else NULL */
    uint16_t port;
    struct ip_address address[DNS_LOOKUP_ADDRESSES_MAX];
    uint32_t address_count, address_next;
    enum reason failure;          /* what to say when no address is left */
    struct socket_watch server;   /* connecting, then connected; -1 otherwise */
    struct endpoint endpoint;     /* last dialled; before that, last refused; family 0: none */
    enum address_fitness fitness; /* of `endpoint` */
    uv_timer_t attempt;           /* its `data` is the owner's */
};

void upstream_request_init(struct upstream_request *request, struct upstream *upstream);

/* Looks `name` up. REASON_ALLOWED: it has addresses, of whatever kind. */
void upstream_lookup(struct upstream_request *request, const struct host_name *name,
                     upstream_fn on_done);

/* Connects to `port` of the first address found that is fit under the settings of that moment and
 * that answers. REASON_ALLOWED: `server` is the connected socket, watched still; the caller sets
 * its on_ready. */
void upstream_connect(struct upstream_request *request, uint16_t port, upstream_fn on_done);

/* Ends what is under way, without a callback, and closes the socket. Safe at any time after init.
 */
void upstream_request_cancel(struct upstream_request *request);

/* Cancels, and closes the timer: the request's memory must live until `on_closed`, whose argument
 * is `request->attempt`. */
void upstream_request_close(struct upstream_request *request, uv_close_cb on_closed);
