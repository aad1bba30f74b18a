/* net/dns_channel.h - looking names up in the upstream DNS, and exchanging whole messages with a
 * DNS server, by c-ares, on one worker's loop. Names are absolute: no search list, no hosts file,
 * no aliases, no numeric forms. */
#pragma once
#include "base/address.h"
#include "base/fault.h"
#include "net/dns_reply.h"
#include "net/server_health.h"

#include <uv.h>

struct dns_channel;
struct dns_lookup;
struct dns_exchange;

enum { DNS_SERVERS_MAX = 8 };

/* What the OPT record of a message to be exchanged says it takes over UDP: a longer answer is asked
 * for again over TCP. */
enum { DNS_EXCHANGE_UDP_BYTES = 1232 };

/* What to ask for: addresses of one family of one name. Each family is a look-up of its own, so
 * that one that is not answered does not delay the other. */
struct dns_question {
    const char *name; /* dotted text, no final dot; borrowed for the call */
    uint8_t family;   /* 4 or 6 */
};

/* How the server that stood at `index` of those given answers look-ups or exchanges. c-ares asks
 * the next server where one fails, so what a look-up took has the waits for the servers before in
 * it. Any thread may read it, for the channel's life. */
const struct server_health *dns_channel_health(const struct dns_channel *channel, uint32_t index);

/* Called once, never from within dns_channel_lookup() and never after dns_lookup_cancel(). */
typedef void (*dns_lookup_fn)(void *context, const struct dns_lookup_result *result);

/* The servers of the system's resolv.conf. Returns how many were stored in `ret_servers`. */
uint32_t dns_system_servers(struct endpoint ret_servers[DNS_SERVERS_MAX]);

/* A channel that asks `count` servers (1 to DNS_SERVERS_MAX). NULL with a fault on failure. */
struct dns_channel *dns_channel_new(uv_loop_t *loop, const struct endpoint *servers, uint32_t count,
                                    struct fault *fault);
/* Ends every lookup without a callback; memory goes with the close callbacks, so run the loop. NULL
 * is fine. */
void dns_channel_free(struct dns_channel *channel);

/* NULL when out of memory, or when too many look-ups are under way.
 * The lookup is the channel's; the pointer is valid until the callback or the cancel. */
struct dns_lookup *dns_channel_lookup(struct dns_channel *channel,
                                      const struct dns_question *question, dns_lookup_fn on_done,
                                      void *context);
/* The callback will not come. NULL is fine. */
void dns_lookup_cancel(struct dns_lookup *lookup);

/* A channel for exchanges with one server. NULL with a fault on failure. */
struct dns_channel *dns_channel_new_for_exchanges(uv_loop_t *loop, const struct endpoint *server,
                                                  struct fault *fault);

/* A query whole, with an id of its own and, last and without options, an OPT record. */
struct dns_message {
    const uint8_t *bytes;
    size_t size;
};

enum dns_exchange_status {
    DNS_EXCHANGE_UNREACHABLE = 0, /* the network said no, or there was no memory */
    DNS_EXCHANGE_TIMED_OUT,       /* after one second */
    DNS_EXCHANGE_ANSWERED,        /* whatever the rcode; id and question are the query's */
};

struct dns_exchange_result {
    enum dns_exchange_status status;
    const uint8_t *bytes; /* of the answer, for the call alone; NULL unless ANSWERED */
    size_t size;
};

/* Called once, never from within dns_channel_exchange() and never after dns_exchange_cancel(). */
typedef void (*dns_exchange_fn)(void *context, const struct dns_exchange_result *result);

/* Sends a message once; its bytes are borrowed for the call. A truncated answer is asked for again
 * over TCP. NULL when out of memory, or when too many are under way. The exchange is the channel's;
 * the pointer is valid until the callback or the cancel. */
struct dns_exchange *dns_channel_exchange(struct dns_channel *channel,
                                          const struct dns_message *message,
                                          dns_exchange_fn on_done, void *context);
/* The callback will not come. NULL is fine. */
void dns_exchange_cancel(struct dns_exchange *exchange);
