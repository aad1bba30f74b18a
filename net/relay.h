/* net/relay.h - bytes both ways between two connected sockets, untouched.
 * A relay copies through one buffer that all relays of a worker share. Only what a socket did not
 * take is held, in memory of just that size, and until it is gone nothing more is read for it; so
 * an idle connection holds no buffer, and a slow reader slows the sender down. Half-close passes
 * through: the end of one direction is passed on when all before it was, and leaves the other
 * alone. One relay passes on a bounded share a loop turn, then the others have theirs. Belongs to
 * one worker's loop. */
#pragma once
#include "net/poller.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* What one direction may pass on before others have their turn. */
enum { RELAY_BUFFER_BYTES = 64 * 1024, RELAY_TURN_BYTES = 4 * RELAY_BUFFER_BYTES };

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
 * open. */
typedef void (*relay_fn)(struct relay *relay, enum relay_end end);

/* One direction. */
struct relay_flow {
    struct socket_watch *from, *to;
    uint8_t *held; /* owned: what `to` has not taken yet; NULL: nothing */
    size_t held_size, held_sent;
    uint64_t bytes; /* passed on */
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
    bool is_busy; /* in the pool's list of those with more to do */
    uint64_t busy_since;
    TAILQ_ENTRY(relay) busy;
};

/* What the relays of one worker share. NULL when out of memory. */
struct relay_pool *relay_pool_new(uv_loop_t *loop);
/* All its relays must have ended or been stopped. Its memory goes with a close callback, so run the
 * loop once more. NULL is fine. */
void relay_pool_free(struct relay_pool *pool);

/* Bytes for the server that came before the relay began; allocated, and taken over by
 * relay_start(). */
struct relay_preface {
    uint8_t *bytes; /* NULL: none */
    size_t size;
};

/* Starts passing bytes between two connected sockets, which stay the caller's: it watches them and
 * hands each event to relay_ready(). */
void relay_start(struct relay *relay, struct relay_pool *pool, struct socket_watch *client,
                 struct socket_watch *server, struct relay_preface preface, relay_fn on_end);

/* Takes note of a side's epoll events and goes on. */
void relay_ready(struct relay *relay, enum relay_side side, uint32_t events);

/* Ends without a callback and gives its memory back; the byte counts stay. Safe after the end, and
 * twice. */
void relay_stop(struct relay *relay);
