/* tls/handshake_layout.h - what a handshake and what it shares with others are made of. For the
 * files of tls/ alone. */
#pragma once
#include "tls/handshake.h"
#include "tls/tls_client.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_client {
    SSL_CTX *context;
    BIO_METHOD *channel_method; /* of BIOs whose data is a struct handshake_channel */
};

/* The caller's socket, as the library sees it. */
struct handshake_channel {
    int descriptor;
    size_t received; /* once it is HANDSHAKE_BYTES_MAX, reading fails */
    bool is_closed;  /* the connection ended, or failed */
};
