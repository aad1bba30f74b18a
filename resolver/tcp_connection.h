/* resolver/tcp_connection.h - one client's connection, over TCP or TLS: messages in frames.
 * Belongs to tcp_server.c, which keeps the list that connections are in. */
#pragma once
#include "resolver/frame.h"
#include "resolver/tcp_server.h"
#include "tls/server_stream.h"

#include <sys/queue.h>

struct tcp_connection;

struct tcp_connection_owner {
    struct resolver *resolver;
    void *context;
    /* Told once, when the handles are closed; the connection is freed right after. */
    void (*connection_closed)(void *context, struct tcp_connection *connection);
    struct server_context *tls; /* for the handshake; NULL: plain TCP */
};

struct tcp_connection {
    struct server_stream stream;
    uv_timer_t idle;
    int open_handles;
    bool is_ending; /* the server accepts no more: it is not idle for long */
    bool has_ended; /* the client sends no more, but gets the answers that wait */
    bool is_tls;
    TAILQ_HEAD(, late_answer) late; /* queries that wait for a look-up, or for room in `output` */
    unsigned late_count;
    struct endpoint client;
    struct tcp_connection_owner owner;
    struct tcp_connection *previous, *next; /* the owner's */
    const uint8_t *unsent; /* while there is any, nothing is answered nor received */
    size_t unsent_size;
    struct late_answer *sending; /* whose bytes `unsent` are; NULL: those of `output` */
    size_t input_size;
    uint8_t input[FRAME_LENGTH_BYTES + FRAME_QUERY_MAX];
    uint8_t output[TCP_UNSENT_ANSWERS_MAX * (FRAME_LENGTH_BYTES + RESOLVER_ANSWER_MAX)];
};

/* Serves `descriptor`, the connection of `client`, and takes it over whatever the outcome. NULL
 * when out of memory; else the owner is told of the end, never from within this call. */
struct tcp_connection *tcp_connection_new(uv_loop_t *loop, int descriptor,
                                          const struct endpoint *client,
                                          const struct tcp_connection_owner *owner);
/* From now on it may be idle for TCP_ENDING_IDLE_MS alone. */
void tcp_connection_end_soon(struct tcp_connection *connection);
/* Ends it. Safe to call twice. */
void tcp_connection_close(struct tcp_connection *connection);
