/* resolver/udp_server.h - answers DNS queries that come to one UDP socket, many for each system
 * call. Belongs to one loop. After the start it allocates nothing. */
#pragma once
#include "resolver/resolver.h"

#include <uv.h>

struct udp_server;

/* Serves `descriptor`, a bound, non-blocking UDP socket, from the next turn of `loop` on. Takes the
 * descriptor over, but on failure: then NULL, and a negative UV_E* in `*ret_error`. `loop` and
 * `resolver` must outlive the server. */
struct udp_server *udp_server_new(uv_loop_t *loop, int descriptor, struct resolver *resolver,
                                  int *ret_error);

/* Reads no more queries: those that come, and those that have come, are left to another process
 * that has the socket open. Late answers still leave from it. */
void udp_server_stop_reading(struct udp_server *server);

/* Closes the socket; memory goes with its close callback, so run the loop on. NULL is fine. */
void udp_server_free(struct udp_server *server);
