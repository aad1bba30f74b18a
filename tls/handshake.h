/* tls/handshake.h - one TLS handshake as a client, to see the certificates of a server and the
 * proof that it holds the key of its own. No application data, no resumption, no certificate of
 * this side, keys agreed on by (EC)DHE alone. What it proves is the key; certificate_check() judges
 * the certificates. Belongs to one thread at a time. */
#pragma once
#include "tls/hello_class.h"

struct certificate_chain;
struct tls_client;

enum {
    /* What a server may send until it has signed. */
    HANDSHAKE_BYTES_MAX = 256 * 1024,
};

struct handshake_parts {
    const struct tls_client *client; /* outlives the handshake */
    int descriptor;                  /* connected, non-blocking; stays the caller's, stays open */
    const char *host;                /* the SNI; borrowed for the call */
    struct hello_class class;        /* what to offer */
};

struct handshake;

/* NULL when out of memory, or where the class or the host is nothing that could be offered. */
struct handshake *handshake_new(const struct handshake_parts *parts);
/* Says goodbye where the handshake was complete. NULL is fine. */
void handshake_free(struct handshake *handshake);

enum handshake_progress {
    HANDSHAKE_FAILED = 0,
    HANDSHAKE_GOES_ON, /* waits for the server */
    HANDSHAKE_SIGNED,  /* the server has proved that it holds the key of its certificate, by its
                          CertificateVerify (RFC 8446 4.4.3) or ServerKeyExchange (RFC 5246 7.4.3) */
};

/* Goes as far as it can: call it once, then at every event of an edge-triggered poller. What it
 * said last it says again when the handshake is over. */
enum handshake_progress handshake_advance(struct handshake *handshake);

enum handshake_failure {
    HANDSHAKE_BROKEN = 0, /* no TLS, against its rules, or too much of it */
    HANDSHAKE_UNPROVEN,   /* the signature does not hold: the certificate is not the server's own */
    HANDSHAKE_REFUSED,    /* the server's alert, or no version or suite in common */
    HANDSHAKE_CLOSED,     /* the connection ended, or failed */
};

/* Of HANDSHAKE_FAILED: what kind, and the library's words, a literal. */
enum handshake_failure handshake_failure(const struct handshake *handshake);
const char *handshake_failure_words(const struct handshake *handshake);

/* Of HANDSHAKE_SIGNED: what the server presented; the caller owns it. NULL the second time. */
struct certificate_chain *handshake_take_chain(struct handshake *handshake);
