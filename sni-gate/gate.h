/* sni-gate/gate.h - the TLS gate of one worker: accepts connections and keeps them until they end.
 * It knows neither the database nor the log: it is handed a view of the policy and a sink.
 * Everything here belongs to the worker's loop. */
#pragma once
#include "net/relay.h"
#include "sni-gate/connection_list.h"
#include "sni-gate/gate_event.h"
#include "sni-gate/gate_times.h"

#include <stddef.h>
#include <uv.h>

struct gate;
struct certificate_checker;
struct client_limits;
struct gate_addresses;
struct policy_view;
struct poller;
struct trust_store;
struct upstream;

/* What it works with; all borrowed, and to outlive the gate. */
struct gate_parts {
    uv_loop_t *loop;
    struct poller *poller;
    struct upstream *upstream;
    struct certificate_checker *checker;
    const struct trust_store *trust_store;
    struct policy_view *view;
    const struct gate_addresses
        *addresses;                   /* whose ranges give names their addresses; NULL: none */
    struct client_limits *limits;     /* shared by the workers; NULL: none */
    const struct ip_network *proxies; /* whose word counts for who their clients are */
    uint32_t proxy_count;
    struct gate_sink sink; /* must not call back into the gate, but for gate_connection_count() */
};

/* NULL when out of memory. */
struct gate *gate_new(const struct gate_parts *parts);

/* Where it accepts. */
struct gate_listener {
    int descriptor; /* listening, non-blocking; taken over, on failure too */
    uint16_t port; /* that clients believe they connect to: rules name it, it is dialled upstream */
    bool is_for_proxies; /* then nobody else is admitted, and a PROXY protocol header must come
                            first; else none is understood */
};

/* 0 or a negative UV_E*. */
int gate_listen(struct gate *gate, const struct gate_listener *setup);

/* Accepts no more: closes the listeners, which another process may have open too. Safe to call
 * twice. */
void gate_stop(struct gate *gate);

/* Accepts those who wait to be, then stops: whoever has connected is served. */
void gate_accept_last(struct gate *gate);

/* Closes every connection, as GATE_END_DRAINED. */
void gate_close_all(struct gate *gate);

/* There is another policy: judges every connection again, some each turn of the loop. */
void gate_policy_changed(struct gate *gate);

/* Connections of whose end the sink has not been told; within that call, without the one it is
 * told of. Any thread. */
size_t gate_connection_count(const struct gate *gate);

/* Connections of allowed names whose local address lay outside all ranges, so that whose it is was
 * not checked. Any thread. */
uint64_t gate_unchecked_address_count(const struct gate *gate);

/* Allowed names whose hello had the extension encrypted_client_hello. Any thread. */
uint64_t gate_ech_count(const struct gate *gate);

/* Bytes that went through the gate so far, to servers and to clients. Any thread. */
struct relay_bytes gate_bytes(const struct gate *gate);

/* How long its work took so far. Any thread. */
const struct gate_times *gate_times(const struct gate *gate);

/* Goes through all live connections, the youngest first, some each call; one walk at a time. What
 * comes or goes meanwhile is seen or not. gate_walk_some() is false when all were seen. */
void gate_walk_begin(struct gate *gate);
bool gate_walk_some(struct gate *gate,
                    void (*each)(void *context, const struct gate_connection *connection),
                    void *context);

/* Stops and closes everything, then frees. Sockets and lookups are let go at once, so poller and
 * DNS channel may be freed right after; the memory goes with close callbacks, so run the loop. NULL
 * is fine. */
void gate_free(struct gate *gate);
