/* sni-gate/server_hello.h - reads a ServerHello (RFC 5246 7.4.1.3, RFC 8446 4.1.3), which may be a
 * HelloRetryRequest. Pure. */
#pragma once
#include "base/reader.h"

/* Borrows from the message. */
struct server_hello {
    bool is_retry;         /* a HelloRetryRequest (RFC 8446 4.1.4) */
    uint32_t version;      /* as negotiated: TLS 1.3 stands in supported_versions */
    const uint8_t *random; /* RANDOM_BYTES */
    struct reader session_id;
    uint32_t cipher_suite;
};

/* Reads one whole handshake message. False: malformed; `*ret_hello` is untouched then. */
bool server_hello_parse(struct reader message, struct server_hello *ret_hello);
