/* app/listeners.h - the process's own endpoints: claimed at the start, and known so that nothing
 * loops through them. */
#pragma once
#include "app/listening_sockets.h"
#include "app/options.h"

enum { LISTENERS_MAX = 1 + 3 * OPTIONS_LISTENERS_MAX };
enum { OWN_ENDPOINTS_MAX = LISTENERS_MAX + 2 * GATE_ADDRESSES_MAX * POLICY_PORTS_MAX };

struct own_endpoints {
    struct endpoint endpoint[OWN_ENDPOINTS_MAX];
    uint32_t count;
};

/* Makes sure that no other process listens on any of the options' endpoints but those that sockets
 * were taken over for, and gives those with port 0 a real one. False with a fault. */
bool listeners_claim(struct options *options, const struct listening_sockets *taken_over,
                     struct fault *fault);

/* False with a fault if an upstream DNS server, or an internal zone's, is one of Pinhole's own
 * listeners: it would ask itself for ever. */
bool listeners_check_upstream(const struct options *options, struct fault *fault);

/* Every endpoint that leads to Pinhole itself: the listeners, and gate addresses elsewhere (a load
 * balancer's, say) with the ports that clients use. */
void own_endpoints_collect(const struct options *options, struct own_endpoints *ret_own);
