/* app/certificate_watch.h - the certificate of DNS over TLS: read at the start, and again when its
 * files change, as cert-manager and acme clients change them while the server runs. Whoever reads
 * files waits for the disk, so that is a thread of its own. */
#pragma once
#include "app/log_thread.h"
#include "tls/server_context.h"

struct certificate_watch;

/* Reads the files; the paths are borrowed for its life. NULL with a fault. */
struct certificate_watch *certificate_watch_new(const struct server_certificate *certificate,
                                                struct fault *fault);

/* What was read then; borrowed. */
struct server_context *certificate_watch_first(const struct certificate_watch *watch);

struct certificate_watch_setup {
    struct log_thread *log;
    uint32_t ring; /* of the log */
    /* Told of each new certificate, on the watch's thread; takes a reference of its own. */
    void (*changed)(void *context, struct server_context *latest);
    void *context;
};

/* Starts to watch. A file that can't be read leaves the last certificate in force, and is logged.
 * False with a fault. */
bool certificate_watch_start(struct certificate_watch *watch,
                             const struct certificate_watch_setup *setup, struct fault *fault);

/* Ends the thread. Safe without certificate_watch_start(), and twice; NULL is fine. */
void certificate_watch_stop(struct certificate_watch *watch);
/* Stops and frees. NULL is fine. */
void certificate_watch_free(struct certificate_watch *watch);
