/* sni-gate/handshake_watch.h - the part of a connection in which both directions pass through our
 * hands: from the ClientHello's way to the server until the server has given an answer that no
 * second ClientHello can follow.
 * A HelloRetryRequest (RFC 8446 4.1.4) makes the client speak again, and a client could name
 * another server then; so its second hello goes on only if it carries the very same server name.
 * The first hello is kept until the server's first byte, for another address to be tried.
 * Where a proof is wanted, the watch goes on until the server has shown all that it will: see
 * sni-gate/server_flight.h. The outcome is in `flight.status`.
 * While it is held back, because the server's certificate is still being checked, the server gets
 * the hello alone, and the client nothing at all. Belongs to one worker's loop. */
#pragma once
#include "net/relay.h"
#include "sni-gate/hello_reader.h"
#include "sni-gate/record_filter.h"
#include "sni-gate/server_flight.h"

enum watch_outcome {
    WATCH_REFUSED = 0, /* `reason` says why */
    WATCH_GOES_ON,     /* call again when there is an event */
    WATCH_SEEN,        /* relay from here on, with handshake_watch_take_prefaces() */
    WATCH_CLIENT_LOST,
    WATCH_SERVER_LOST, /* reset or closed before its answer was known */
};

/* Two connected sockets, and epoll's events that nobody has acted on. */
struct watch_sides {
    struct socket_watch *client, *server; /* borrowed */
    uint32_t client_events, server_events;
    bool is_held;     /* until handshake_watch_let_go() */
    bool wants_proof; /* what the server shows of its certificate is watched too */
    struct certificate_memory *certificates; /* borrowed; NULL: none is remembered */
};

/* Bytes on their way from one side to the other. */
struct watch_way {
    uint8_t *bytes; /* owned */
    size_t size, sent;
    size_t passable; /* of `size`, may be sent already */
    uint64_t passed; /* bytes in all */
    uint32_t events; /* epoll's, of the side that they come from, not yet acted on */
};

/* All zero, it may be released. */
struct handshake_watch {
    struct socket_watch *client, *server; /* borrowed */
    struct hello_reader *hello;           /* borrowed; its bytes are kept in there */
    size_t hello_sent;
    struct watch_way up, down;
    struct record_filter filter;
    struct server_flight flight;
    struct hello_assembler second;
    bool reads_second;     /* the server asked for it */
    bool has_retried;      /* and got it */
    bool has_relayed;      /* the client has had a byte of the server's */
    bool has_client_ended; /* while a proof is wanted: the end is passed on later */
    bool can_write;        /* to the server */
    bool is_held, wants_proof;
    bool has_server_ended; /* while held: what it said before is judged later */
    enum reason reason;
};

/* Begins with two connected sockets and a hello that was read and allowed. */
enum watch_outcome handshake_watch_start(struct handshake_watch *watch,
                                         const struct watch_sides *sides,
                                         struct hello_reader *hello);

/* Take note of a side's epoll events and go on. */
enum watch_outcome handshake_watch_client_ready(struct handshake_watch *watch, uint32_t events);
enum watch_outcome handshake_watch_server_ready(struct handshake_watch *watch, uint32_t events);

/* The server is the right one: what was held back goes on. */
enum watch_outcome handshake_watch_let_go(struct handshake_watch *watch);

/* True while nothing but the hello went to the server and nothing came back: another address may be
 * tried with the same hello. */
bool handshake_watch_can_start_over(const struct handshake_watch *watch);
/* The same where the server is the wrong one, so that what came back counts for nothing: the client
 * has had none of it. */
bool handshake_watch_can_leave_server(const struct handshake_watch *watch);
/* Then begins again with another connected server: the hello goes to it, and what the client has
 * sent since waits as before. */
enum watch_outcome handshake_watch_start_over(struct handshake_watch *watch,
                                              const struct watch_sides *sides);

/* After WATCH_SEEN: what is still on its way, for relay_start(), which takes it over. False when
 * out of memory. */
bool handshake_watch_take_prefaces(struct handshake_watch *watch,
                                   struct relay_preface ret_prefaces[2]);

/* Frees; the counts of bytes stay. Safe twice. */
void handshake_watch_release(struct handshake_watch *watch);
