/* sni-gate/cipher_suite.h - what a server shows and signs under a cipher suite of TLS 1.2 or lower.
 * Pure. */
#pragma once
#include <stdint.h>

/* Zero proves nothing of the server. */
enum suite_proof {
    SUITE_UNPROVEN = 0,   /* not known, or a way that is not read here */
    SUITE_NO_CERTIFICATE, /* anonymous, a password, a shared key, Kerberos */
    SUITE_STATIC,         /* a certificate, but no signature: RSA key exchange, fixed (EC)DH */
    SUITE_DHE,            /* it signs its parameters (RFC 5246 7.4.3) */
    SUITE_ECDHE,          /* RFC 8422 5.4 */
};

struct cipher_suite {
    enum suite_proof proof;
    uint8_t keys; /* enum hello_key: of the certificate; empty where there is none */
};

struct cipher_suite cipher_suite_of(uint32_t number);
