/* status/status_layout.h - what the files of status/ that speak to libmicrohttpd know of a status
 * and of the requests under way. */
#pragma once
#include "status/admission.h"
#include "status/arguments.h"
#include "status/gather.h"
#include "status/output.h"
#include "status/route.h"

#include <microhttpd.h>

enum {
    STATUS_CONNECTIONS_OF_ONE = 32, /* of one address */
    STATUS_HEADER_BYTES = 16384,    /* of a request, with its URL */
    STATUS_URL_BYTES = 4096,
    STATUS_IDLE_S = 15,        /* a connection on which nothing comes */
    STATUS_PATIENCE_MS = 5000, /* how long a request waits for its data */
    STATUS_LOOK_EVERY_MS = 250 /* while one waits: whether its time is up, or its client left */
};

struct status {
    struct MHD_Daemon *daemon;
    uv_poll_t readiness; /* of the daemon's epoll set */
    uv_timer_t due;      /* what the daemon wants done without an event */
    uv_timer_t look;     /* runs while a request waits */
    int open_handles;    /* of these three */
    bool has_resumed;    /* a connection, which the daemon has to be run for */
    bool is_accepting;
    const char *token; /* borrowed; NULL: none */
    const char *host[STATUS_HOSTS_MAX];
    struct host_names names; /* of `host` */
    struct gather_queue gathers;
    struct exchange *waiting; /* in no order */
};

enum exchange_state {
    EXCHANGE_NEW = 0,
    EXCHANGE_WELL_FORMED, /* a GET or HEAD without a body */
    EXCHANGE_WAITING,     /* for its data; the connection is suspended */
    EXCHANGE_READY,       /* `code` and `body` are its answer */
    EXCHANGE_ANSWERED
};

/* One request and its answer. */
struct exchange {
    struct gather_waiter waiter; /* first, so that one is found from the other */
    struct status *status;
    struct MHD_Connection *connection;
    enum exchange_state state;
    const struct route *route; /* NULL: none, or not yet known */
    enum media media;          /* of the answer */
    struct arguments arguments;
    struct status_query query;
    int64_t deadline_ms;               /* monotonic */
    struct exchange *next, **previous; /* in status->waiting */
    unsigned code;
    struct output body;
    char url[STATUS_URL_BYTES]; /* as it came, with its query; "": it was longer */
};

/* The callbacks of libmicrohttpd; the context is the status. */
void *exchange_begin(void *context, const char *url, struct MHD_Connection *connection);
enum MHD_Result exchange_handle(void *context, struct MHD_Connection *connection, const char *path,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **exchange);
void exchange_end(void *context, struct MHD_Connection *connection, void **exchange,
                  enum MHD_RequestTerminationCode why);

/* A suspended connection goes on, soon. libmicrohttpd's own wake-up does not work from within one
 * of its callbacks. */
void status_resume(struct status *status, struct MHD_Connection *connection);

/* Gives up those whose time is over or whose client has left. */
void exchange_look_after(struct status *status);
