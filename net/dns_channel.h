/* net/dns_channel.h - looking names up in the upstream DNS, by c-ares, on one worker's loop.
 * Names are absolute: no search list, no hosts file, no aliases, no numeric forms. */
#pragma once
#include "base/address.h"
#include "base/fault.h"

#include <uv.h>

struct dns_channel;
struct dns_lookup;

enum { DNS_LOOKUP_ADDRESSES_MAX = 32, DNS_SERVERS_MAX = 8 };

enum dns_lookup_status {
    DNS_LOOKUP_FAILED = 0, /* no server answered, or none with sense */
    DNS_LOOKUP_NOT_FOUND,  /* the name does not exist, or has no address */
    DNS_LOOKUP_OK,
};

struct dns_lookup_result {
    enum dns_lookup_status status;
    bool exists; /* the name does: of DNS_LOOKUP_NOT_FOUND, with no address; else as the status */
    struct ip_address
        address[DNS_LOOKUP_ADDRESSES_MAX]; /* families alternate, IPv6 first (RFC 8305 4) */
    uint32_t address_count;
    uint32_t ttl_s; /* the least of the answer's */
};

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

/* Looks up IPv6 and IPv4 addresses of `name` (dotted text, no final dot). NULL when out of memory,
 * or when too many look-ups are under way.
 * The lookup is the channel's; the pointer is valid until the callback or the cancel. */
struct dns_lookup *dns_channel_lookup(struct dns_channel *channel, const char *name,
                                      dns_lookup_fn on_done, void *context);
/* The callback will not come. NULL is fine. */
void dns_lookup_cancel(struct dns_lookup *lookup);
