/* net/local_socket.h - Unix sockets between processes of one user: packets of a few bytes, which
 * may carry open descriptors (unix(7), SCM_RIGHTS). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    LOCAL_MESSAGE_BYTES_MAX = 16,
    LOCAL_DESCRIPTORS_MAX = 128, /* of one message; the kernel takes 253 */
    LOCAL_PEER_PATIENCE_S = 10,  /* of a blocking connection, for each step of its peer's */
};

struct local_message {
    uint8_t bytes[LOCAL_MESSAGE_BYTES_MAX];
    size_t size;
    int descriptor[LOCAL_DESCRIPTORS_MAX];
    uint32_t descriptor_count;
};

/* Who is at the other end: who connected, or who listens. */
struct local_peer {
    uid_t user;
    pid_t process;
};

/* Listens, non-blocking, at `path`, in place of whatever stands there, for this user alone. The
 * path leads to a socket that listens or to what it led to before, never to anything between. -1
 * with errno. */
int local_socket_listen(const char *path);

/* A blocking connection, or -1 with errno. */
int local_socket_connect(const char *path);

/* The next who connected, as a non-blocking connection; -1 with errno. */
int local_socket_accept(int listener);

/* False where the kernel can't tell. */
bool local_socket_peer(int connection, struct local_peer *ret_peer);

/* False with errno; a peer that is gone raises no signal. The descriptors stay the caller's. */
bool local_socket_send(int connection, const struct local_message *message);

/* Takes one message, whose descriptors are then the caller's and close on exec. One of size 0 says
 * that the peer is gone. False with errno; what came cut short is EPROTO, with its descriptors
 * closed. */
bool local_socket_receive(int connection, struct local_message *ret_message);
