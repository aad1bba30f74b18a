/* tls/hello_class.h - what a server chooses its certificate by, of all that a ClientHello offers.
 * Hellos of one class are shown the same certificate, as far as anybody can tell. */
#pragma once
#include <stdint.h>

enum { HELLO_CLASS_ALPN_MAX = 61 };

enum hello_version { HELLO_BEFORE_TLS12 = 1, HELLO_TLS12 = 2, HELLO_TLS13 = 4 };
enum hello_key { HELLO_RSA = 1, HELLO_ECDSA = 2 };

/* Compared by its bytes, so it has no padding. */
struct hello_class {
    uint8_t versions; /* enum hello_version, a set */
    uint8_t keys;     /* enum hello_key, a set: certificates that the client accepts */
    uint8_t alpn_size;
    uint8_t alpn[HELLO_CLASS_ALPN_MAX]; /* protocol names as in RFC 7301 3.1, each behind its
                                           length, as many as fit; zeros behind them */
};
