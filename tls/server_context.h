/* tls/server_context.h - what a TLS server needs for every handshake: its certificate and key, and
 * what it agrees to (RFC 9325). Immutable and counted: all threads share one, and a new certificate
 * is a new one. */
#pragma once
#include "base/fault.h"

#include <stdatomic.h>
#include <stdint.h>

struct ssl_ctx_st;

struct server_context {
    atomic_uint references;
    struct ssl_ctx_st *library; /* owned */
    int64_t not_after_s;        /* the certificate's; Unix seconds */
};

/* Where a certificate is kept, as PEM. Both are borrowed. */
struct server_certificate {
    const char
        *chain; /* path: the server's own certificate first, then those that lead to its root */
    const char *key; /* path: its key, without a passphrase */
};

/* Reads both files. TLS 1.2 and 1.3 without compression, renegotiation and early data; a client
 * that offers protocols (RFC 7301) must offer `protocol`, a literal. Session tickets are good for
 * this context alone, so that their key goes with it. NULL with a fault. */
struct server_context *server_context_new(const struct server_certificate *certificate,
                                          const char *protocol, struct fault *fault);

/* Takes one more reference; returns its argument. NULL is fine. */
struct server_context *server_context_ref(struct server_context *context);
/* Gives one back; the last one frees, though streams that began with it go on. NULL is fine.
 * Returns NULL. */
struct server_context *server_context_unref(struct server_context *context);

/* How a context comes to the one thread that uses it. Nobody ever waits. */
struct server_context_slot {
    _Atomic(struct server_context *) next; /* owns a reference; NULL: nothing new */
    struct server_context *current;        /* the owner's; owns a reference */
};

/* Starts with `first`, of which it takes a reference; NULL is fine. */
void server_context_slot_init(struct server_context_slot *slot, struct server_context *first);
/* NULL is in it from then on. */
void server_context_slot_release(struct server_context_slot *slot);
/* From now on `context` is used; the slot takes a reference of its own. Any thread. */
void server_context_slot_put(struct server_context_slot *slot, struct server_context *context);
/* The latest; borrowed until the next call. The owner alone. */
struct server_context *server_context_slot_get(struct server_context_slot *slot);
