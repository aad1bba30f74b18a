/* tls/server_signature.h - the proof of TLS 1.2 and lower that a server holds the key of its
 * certificate: the signature in its ServerKeyExchange (RFC 5246 7.4.3, RFC 8422 5.4), over both
 * randoms and the parameters of the key exchange. Pure.
 * TLS 1.2 with MD5 or SHA-1 proves nothing (RFC 9155), as OpenSSL 3 has it from security level 1
 * on. Before TLS 1.2 there is nothing but both of them (RSA) or SHA-1 (ECDSA): there they count,
 * since the client asked for such a version. */
#pragma once
#include "base/reader.h"
#include "tls/hello_class.h"

struct certificate_chain;

enum {
    SERVER_RANDOM_BYTES = 32,
    SERVER_PARAMS_MAX = 4 * 1024, /* of a group with 10,000 bits, the largest that OpenSSL takes */
};

/* All borrowed, as they were on the wire. */
struct server_signature {
    uint32_t version; /* as negotiated */
    uint8_t keys;     /* enum hello_key: what the cipher suite calls for */
    uint32_t scheme;  /* SignatureAndHashAlgorithm; TLS 1.2 alone has it */
    const uint8_t *client_random, *server_random;
    struct reader params; /* ServerDHParams or ServerECDHParams */
    struct reader signature;
};

/* What keys a SignatureScheme (RFC 8446 4.2.3) is of: a set of enum hello_key; EdDSA counts as
 * ECDSA, whose cipher suites it shares (RFC 8422 5.10). Empty: not known. */
uint8_t signature_scheme_keys(uint32_t scheme);

/* Is it by the key of the chain's first certificate, with a scheme that fits that key and the
 * cipher suite? False as well when out of memory. That the client offered the scheme is the
 * caller's to look at. */
bool server_signature_holds(const struct server_signature *claim,
                            const struct certificate_chain *chain);
