/* net/socket.h - sockets bound and set up: listeners shared by the workers, and what else a socket
 * needs once. */
#pragma once
#include "base/address.h"
#include "base/fault.h"

#include <stdbool.h>
#include <sys/socket.h>

/* Each returns a non-blocking, close-on-exec descriptor that the caller owns, or -1 and a fault
 * whose `where` is the endpoint. SO_REUSEPORT is set, so that each worker binds its own. */
int socket_bind_udp(const struct endpoint *endpoint, struct fault *fault);
int socket_listen_tcp(const struct endpoint *endpoint, struct fault *fault);

/* Binds once without SO_REUSEPORT and lets go, so that another process on the same port is found
 * out. Port 0 is replaced by one that is free for TCP and (with `with_udp`) for UDP. False with a
 * fault. */
bool socket_claim(struct endpoint *endpoint, bool with_udp, struct fault *fault);

/* What an open socket is for. */
enum socket_role { SOCKET_ROLE_NONE = 0, SOCKET_ROLE_UDP, SOCKET_ROLE_LISTENER };

/* SOCKET_ROLE_NONE, with `*ret_endpoint` untouched, for what is neither a non-blocking UDP socket
 * nor a non-blocking TCP socket that listens. */
enum socket_role socket_role(int descriptor, struct endpoint *ret_endpoint);

/* True when `address` is one of this machine's. */
bool socket_address_is_local(const struct ip_address *address);

/* The address that a connection has on this side: where its client believes it came to, unless
 * something on the way translates addresses. False where the kernel can't tell. */
bool socket_local_address(int descriptor, struct ip_address *ret_address);

/* Starts a non-blocking connection; over loopback it may be there at once. Returns the descriptor,
 * or -1 with errno. The handshake's last acknowledgement waits a moment for bytes to go along with.
 */
int socket_connect(const struct endpoint *endpoint, uint64_t descriptor_limit,
                   bool *ret_is_connected);
/* True for an errno that says that the process or the machine has run out, so that nothing is known
 * of the peer. */
bool socket_is_shortage(int error);
/* True for a descriptor so close to the limit that it must be given back: the last ones are kept
 * for whoever reads the policy, so that clients who use all others up can't keep an edit from
 * coming into force. */
bool socket_is_in_reserve(int descriptor, uint64_t descriptor_limit);
/* The limit in force; it does not change while the process serves. */
uint64_t socket_descriptor_limit(void);

/* recv(2) and send(2), over again where a signal came between; a closed peer raises no signal. */
ssize_t socket_receive(int descriptor, void *ret_bytes, size_t size, int flags);
ssize_t socket_send(int descriptor, const void *bytes, size_t size, int flags);

/* Has the kernel ask after a silent peer, so that one that vanished does not keep its connection
 * for ever. A listener passes it on to what it accepts (tcp(7)). */
void socket_set_keepalive(int descriptor);

/* Sends small writes at once: TLS handshakes are many small flights. Failure only costs latency. */
void socket_set_no_delay(int descriptor);

/* Raises the soft limit on descriptors to the hard one; returns the limit now in force. */
uint64_t socket_raise_descriptor_limit(void);
