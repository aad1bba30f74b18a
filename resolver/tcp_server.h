/* resolver/tcp_server.h - answers DNS queries over TCP (RFC 7766), or over TLS (RFC 7858), on one
 * listening socket. Queries of one connection are answered in their order, however many it sends
 * ahead; one that waits for an upstream look-up holds none of the others up (RFC 7766 6.2.1.1).
 * Belongs to one loop. */
#pragma once
#include "resolver/resolver.h"

#include <uv.h>

enum {
    TCP_CONNECTIONS_MAX = 1000,          /* of one server; one too many is closed at once */
    TCP_CONNECTIONS_PER_CLIENT_MAX = 64, /* of one client address */
    TCP_UNSENT_ANSWERS_MAX = 16,         /* then nothing more is read until the client has read */
    TCP_ENDING_IDLE_MS = 1000, /* as RESOLVER_TCP_IDLE_MS, once the server accepts no more */
    TCP_WAITING_MAX = 16,      /* look-ups: then nothing more is read until one ended */
};

struct server_context_slot;
struct tcp_server;

/* Serves `descriptor`, a listening, non-blocking TCP socket. Takes it over, but on failure: then
 * NULL, and a negative UV_E* in `*ret_error`. `loop` and `resolver` must outlive the server. The
 * process ignores SIGPIPE. */
struct tcp_server *tcp_server_new(uv_loop_t *loop, int descriptor, struct resolver *resolver,
                                  int *ret_error);

/* From now on connections begin with a TLS handshake, by what is in `tls` when they are accepted;
 * it must outlive the server. The rest is as over TCP, and the handshake is part of the time that a
 * connection may be idle. */
void tcp_server_use_tls(struct tcp_server *server, struct server_context_slot *tls);

/* Accepts no more: closes the listener, which another process may have open too; with
 * `takes_queued`, once those who wait to be accepted are. Connections go on until their clients
 * leave, or are idle for TCP_ENDING_IDLE_MS. Safe to call twice. */
void tcp_server_stop_accepting(struct tcp_server *server, bool takes_queued);

/* Connections that are open. */
unsigned tcp_server_connection_count(const struct tcp_server *server);

/* Closes the listener and every connection; memory goes with the last close callback, so run the
 * loop until it has none. NULL is fine. */
void tcp_server_free(struct tcp_server *server);
