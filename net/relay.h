/* net/relay.h - bytes both ways between two connected sockets, untouched.
 * A little at a time is copied through one buffer that all relays of a worker share; a stream that
 * fills it is moved in the kernel from then on, through a pipe that is lent while bytes are on
 * their way (splice(2)), or copied on where that can't be. Only what a socket did not take is held,
 * in memory of just that size or in the pipe, and until it is gone nothing more is read for it; so
 * an idle connection holds neither buffer nor pipe, and a slow reader slows the sender down.
 * Half-close passes through: the end of one direction is passed on when all before it was, and
 * leaves the other alone. One relay passes on a bounded share a loop turn, then the others have
 * theirs. Belongs to one worker's loop. The process must ignore SIGPIPE: splice(2) has no flag
 * against it. */
#pragma once
#include "net/pipe_pool.h"
#include "net/poller.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* What one direction may pass on before others have their turn. */
enum { RELAY_BUFFER_BYTES = 64 * 1024, RELAY_TURN_BYTES = 1024 * 1024 };

struct relay_pool;
struct relay;

enum relay_side { RELAY_CLIENT, RELAY_SERVER };

/* How a relay ended. */
enum relay_end {
    RELAY_FAILED = 0, /* out of memory, or the network gave a connection up */
    RELAY_CLOSED,     /* both sides ended in order */
    RELAY_CLIENT_RESET,
    RELAY_SERVER_RESET,
};

/* Called once, perhaps from within relay_start(); not after relay_stop(). The sockets are still
 * open; closing them passes the last end on. */
typedef void (*relay_fn)(struct relay *relay, enum relay_end end);

/* One direction. */
struct relay_flow {
    struct socket_watch *from, *to;
    uint8_t *held; /* owned: what `to` has not taken yet; NULL: nothing */
    size_t held_size, held_sent;
    struct pipe pipe; /* lent; none while nothing is on its way */
    size_t in_pipe;
    uint64_t bytes;       /* passed on */
    bool moves_in_kernel; /* the stream is large */
    bool can_read, can_write;
    bool
        hung_up; /* `from` may have ended: read on after a short read, until it says so or EAGAIN */
    bool ended;  /* that end was read */
    bool finished; /* no more will be passed on */
};

/* Embedded in its owner; all zero, it may be stopped. */
struct relay {
    struct relay_pool *pool;
    struct relay_flow up, down; /* client to server, server to client */
    enum relay_end end;
    relay_fn on_end;
    bool can_splice;
    bool is_hurried; /* small writes to the server leave at once */
    bool is_busy;    /* in the pool's list of those with more to do */
    uint64_t busy_since;
    TAILQ_ENTRY(relay) busy;
};

/* What the relays of one worker share. NULL when out of memory. */
struct relay_pool *relay_pool_new(uv_loop_t *loop);
/* All its relays must have ended or been stopped. Its memory goes with a close callback, so run the
 * loop once more. NULL is fine. */
void relay_pool_free(struct relay_pool *pool);

/* Bytes that its relays have passed on so far, to servers and to clients. Any thread. */
struct relay_bytes {
    uint64_t up, down;
};
struct relay_bytes relay_pool_bytes(const struct relay_pool *pool);

/* What is known of one side when the relay begins. */
struct relay_preface {
    uint8_t *bytes;    /* that it sent; allocated, taken over by relay_start(); NULL: none */
    size_t size, sent; /* of which the other side has had `sent` */
    uint32_t events;   /* epoll's that nobody has acted on: there may be more to read */
};

/* Starts passing bytes between two connected sockets, of which the client's has TCP_NODELAY, and
 * which stay the caller's: it watches them and
 * hands each event to relay_ready(). `prefaces` is by side. */
void relay_start(struct relay *relay, struct relay_pool *pool, struct socket_watch *client,
                 struct socket_watch *server, const struct relay_preface prefaces[2],
                 relay_fn on_end);

/* Takes note of a side's epoll events and goes on. */
void relay_ready(struct relay *relay, enum relay_side side, uint32_t events);

/* Ends without a callback and gives its memory back; the byte counts stay. Safe after the end, and
 * twice. */
void relay_stop(struct relay *relay);
