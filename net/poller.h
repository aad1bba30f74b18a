/* net/poller.h - readiness of many sockets for one system call each in their life.
 * One edge-triggered epoll set per worker, itself a single uv_poll handle in the worker's loop.
 * Where uv_poll costs several calls a descriptor, this costs one epoll_ctl to add it; close() takes
 * it out.
 *
 * Edge-triggered means: after an event, read (or write) until EAGAIN, or remember that there is
 * more to do. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct poller;
struct socket_watch;

/* `events` is a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. */
typedef void (*socket_watch_fn)(struct socket_watch *watch, uint32_t events);

/* Embedded in whoever owns the socket. */
struct socket_watch {
    int descriptor; /* -1: none */
    socket_watch_fn on_ready;
    struct poller *poller;
};

/* NULL and a negative UV_E* in `*ret_error` on failure. `loop` must outlive the poller. */
struct poller *poller_new(uv_loop_t *loop, int *ret_error);
/* Ends it; its memory goes with the close callback of its handle, so run the loop once more. NULL
 * is fine. */
void poller_free(struct poller *poller);

/* Watches a non-blocking descriptor for everything, edge-triggered. 0 or a negative UV_E*. */
int socket_watch_start(struct poller *poller, struct socket_watch *watch, int descriptor,
                       socket_watch_fn on_ready);
/* Closes the descriptor and drops events of this turn that were not yet delivered. Safe to call
 * twice, and from any callback of the same poller. After it the watch's memory may be freed. */
void socket_watch_close(struct socket_watch *watch);
/* Moves a started watch, with its descriptor, to other memory; `from` is then as if it was closed.
 * No system call. */
void socket_watch_move(struct socket_watch *from, struct socket_watch *to);
/* The same for a descriptor that another process may have open too, whose close() therefore takes
 * it out of no set. */
void socket_watch_close_shared(struct socket_watch *watch);
