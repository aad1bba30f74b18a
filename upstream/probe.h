/* upstream/probe.h - one look at a server's certificate: connects to the address, makes a TLS
 * handshake with the name and the class of a client's hello, and checks what is shown. Where pins
 * are in force and the class accepts keys of both kinds, it makes two handshakes at once, one of
 * each: the server would choose for a client by what else that offers. Both chains then have to
 * do; a kind that the server refuses is one that it does not have.
 *
 * Belongs to one worker's loop. */
#pragma once
#include "upstream/certificate_verdict.h"

struct tls_client;
struct trust_store;
struct upstream;

/* From the start until the server has signed. */
enum { PROBE_MS = 5000 };

/* What the probes of one worker share; borrows everything. */
struct probe_tools {
    const struct upstream *upstream; /* its loop, poller, limit of descriptors, and which addresses
                                        it may dial at the moment */
    const struct tls_client *tls_client;
    const struct trust_store *trust_store;
    int64_t (*realtime_s)(void);
    uint32_t deadline_ms; /* PROBE_MS */
};

struct probe;

/* The receiver owns the reference to the result's finding. The probe is over: its memory goes by
 * itself. */
typedef void (*probe_fn)(void *context, const struct probe_result *result);

/* `target` must stay until the end. `on_done` comes once, later, unless it is cancelled. NULL when
 * out of memory. */
struct probe *probe_start(const struct probe_tools *tools, const struct check_target *target,
                          probe_fn on_done, void *context);
/* Ends it, without a callback; run the loop once more. */
void probe_cancel(struct probe *probe);
