/* app/listening_sockets.h - all sockets that clients come to: taken over or bound anew, and which
 * worker reads which. Each worker has at least one for each listener (SO_REUSEPORT); it has several
 * where they were taken over from more workers, as each has a queue of its own. Belongs to the
 * control thread. */
#pragma once
#include "app/options.h"

enum socket_use {
    SOCKET_USE_NONE = 0,
    SOCKET_USE_DNS_UDP,
    SOCKET_USE_DNS_TCP,
    SOCKET_USE_DNS_TLS,
    SOCKET_USE_GATE,
    SOCKET_USE_STATUS,
};

/* As many as a process can have. */
enum { LISTENING_SOCKETS_MAX = OPTIONS_WORKERS_MAX * 4 * OPTIONS_LISTENERS_MAX + 1 };

/* In place of a worker: the control thread, which has the status page. */
#define LISTENING_SOCKETS_CONTROL UINT32_MAX

struct listening_socket {
    enum socket_use use;
    uint32_t listener; /* which of the options' dns_listen, dot_listen or tls_listen */
    uint32_t worker;
    int descriptor; /* the worker's, which closes it when it reads it no more */
};

struct listening_sockets {
    struct listening_socket *socket; /* owned */
    uint32_t count;
};

/* False with a fault when out of memory. */
bool listening_sockets_init(struct listening_sockets *sockets, struct fault *fault);
/* Closes no descriptor. */
void listening_sockets_release(struct listening_sockets *sockets);

/* Takes over `count` descriptors that another process listened with, and deals those of each
 * listener out to the workers. Which listener's one is, the kernel says; one that is none's is
 * closed. */
void listening_sockets_adopt(struct listening_sockets *sockets, const struct options *options,
                             const int *descriptors, uint32_t count);

/* True when a listener has at least one socket. */
bool listening_sockets_have(const struct listening_sockets *sockets, enum socket_use use,
                            uint32_t listener);

/* Binds what a worker lacks. False with a fault. */
bool listening_sockets_bind_rest(struct listening_sockets *sockets, const struct options *options,
                                 struct fault *fault);

/* That of the status page; -1 where there is none. */
int listening_sockets_status(const struct listening_sockets *sockets);
