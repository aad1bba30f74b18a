/* status/status.h - the status page: HTTP with the page, its JSON, metrics and probes.
 * Read-only: GET and HEAD. It knows neither the database nor resolver and gate: it asks a source,
 * which answers later. Everything here belongs to one libuv loop, that of the control thread, and
 * blocks it never; libmicrohttpd runs on it as one more descriptor and timer.
 *
 * One gather is under way at a time, whatever the number of clients: equal questions share it,
 * others wait for their turn, each client for some seconds at most. */
#pragma once
#include "base/address.h"
#include "base/fault.h"
#include "status/status_query.h"

#include <stdatomic.h>
#include <uv.h>

struct status;

/* One question to the source. */
struct status_request {
    struct status_query query; /* not to be changed */
    struct status_data *data; /* zeroed; fill the sets that query.parts names. From any threads, but
                                 each set from one at a time, and nothing after status_answer() */
    atomic_bool is_abandoned; /* nobody waits any more: what costs much may be left undone. It is
                                 to be answered all the same */
};

/* Where data comes from. */
struct status_source {
    void *context;
    /* The loop's thread. Starts to gather what request->query asks for; never waits. Calls
     * status_answer() once, later or from within, whatever becomes of it: data sets that it could
     * not have are given a `missing`. Next to be called only after that answer. */
    void (*gather)(void *context, struct status_request *request);
    /* The loop's thread, at once: NULL when ready for clients (policy loaded, sockets bound, not
     * draining), else why not, in some words that stay valid: a literal. */
    const char *(*not_ready)(void *context);
};

/* The loop's thread: `request->data` is complete, and is no more the source's, nor is the request.
 */
void status_answer(struct status_request *request);

enum { STATUS_HOSTS_MAX = 16, STATUS_TOKEN_BYTES_MAX = 512 };
/* Connections, and so descriptors, that it has at most. */
enum { STATUS_CONNECTIONS_AT_ONCE = 64 };

struct status_setup {
    uv_loop_t *loop;                    /* borrowed; outlives the status */
    int listener;                       /* a listening, non-blocking TCP socket; taken over */
    const char *token;                  /* borrowed; NULL: none is asked for */
    const char *host[STATUS_HOSTS_MAX]; /* borrowed: names by which it may be asked, besides IP
                                           addresses and localhost */
    uint32_t host_count;
    struct status_source source;
};

/* Starts to listen. NULL with a fault; the listener is closed then too. */
struct status *status_new(const struct status_setup *setup, struct fault *fault);

/* Accepts no more; connections that are there are served. Safe to call twice. */
void status_stop_accepting(struct status *status);

/* Ends it and its connections. Memory goes with close callbacks, so run the loop once more; a
 * request that is with the source stays valid, and status_answer() frees it: until then the source
 * may answer, and must. NULL is fine. */
void status_free(struct status *status);

/* Reads a token from a file: its first line without white space around it, 16 to 512 characters of
 * printable ASCII. False with a fault. */
bool status_read_token(const char *path, char ret_token[STATUS_TOKEN_BYTES_MAX + 1],
                       struct fault *fault);
