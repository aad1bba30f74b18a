/* sni-gate/session_arrival.h - who came, and where to, as far as they know: the socket says so, or
 * the proxy at its other end. */
#pragma once
#include "base/address.h"
#include "policy/verdict.h"

struct session_arrival {
    struct endpoint client;
    struct endpoint proxy;         /* that named the client; family 0: none */
    struct ip_address destination; /* that the proxy named; family 0: the socket knows it */
    uint16_t port;
    bool is_from_proxy; /* `client` is a proxy until its header has named another */
};

/* Reads a proxy's header from the non-blocking `descriptor`, of which epoll told `events`. Takes
 * exactly the header out of the socket: what follows is the client's. Until it is whole its bytes
 * stay there, so nothing is kept between calls. False: call again when there is more. True with
 * REASON_ALLOWED: the client is named; with another: refused. */
bool session_arrival_read_header(struct session_arrival *arrival, int descriptor, uint32_t events,
                                 enum reason *ret_reason);

/* The address that the client believes it came to; family 0: unknown. A proxy knows; else it is the
 * one that `descriptor` has on this side. */
struct ip_address session_arrival_address(const struct session_arrival *arrival, int descriptor);
