/* resolver/tcp_connection.h - one client's TCP connection: messages framed by two bytes of length
 * (RFC 1035 4.2.2). Belongs to tcp_server.c, which keeps the list that connections are in. */
#pragma once
#include "resolver/tcp_server.h"

#include <sys/queue.h>

struct tcp_connection;

struct tcp_connection_owner {
    struct resolver *resolver;
    void *context;
    /* Told once, when the handles are closed; the connection is freed right after. */
    void (*connection_closed)(void *context, struct tcp_connection *connection);
};

struct tcp_connection {
    uv_tcp_t stream;
    uv_timer_t idle;
    uv_write_t write;
    int open_handles;
    bool is_reading;
    bool is_writing; /* `output` is libuv's to read, and nothing is read from the client */
    bool is_ending;  /* the server accepts no more: it is not idle for long */
    bool has_ended;  /* the client sends no more, but gets the answers that wait */
    LIST_HEAD(, late_answer)
    late; /* queries that wait for another server, or for room in `output` */
    unsigned late_count;
    unsigned ready_count; /* of these, the ones that wait for room */
    struct endpoint client;
    struct tcp_connection_owner owner;
    struct tcp_connection *previous, *next; /* the owner's */
    size_t input_size, output_size;
    uint8_t input[2 + TCP_QUERY_MAX];
    uint8_t output[TCP_UNSENT_ANSWERS_MAX * (2 + RESOLVER_ANSWER_MAX)];
    uint8_t *large; /* framed, to be sent behind `output`: one answer that is too large for it */
    size_t large_size;
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
