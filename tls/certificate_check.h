/* tls/certificate_check.h - judges the certificates that a server presented. That the server holds
 * the key of its certificate is shown elsewhere: by its signature in a handshake. No revocation
 * lists are consulted. Any thread. */
#pragma once
#include "tls/certificate_finding.h"

#include <stdbool.h>
#include <stdint.h>

struct certificate_chain;
struct trust_store;

/* Borrowed for the call. */
struct certificate_demand {
    const char *host;            /* as in the SNI: dotted, lower case, without a final dot */
    bool is_pin_only;            /* the trust store plays no part */
    const struct spki_pin *pins; /* those that enforce and have not expired */
    uint32_t pin_count;          /* with `is_pin_only` none means that nothing passes */
    int64_t now_s;               /* Unix seconds: when the certificates must be valid */
};

/* The chain must lead to a root of `store`, of at most CERTIFICATE_CHAIN_MAX certificates, none of
 * them with a weak key or a weak signature (112 bits of security), for TLS servers, valid now, and
 * with the name among its subjectAltName (RFC 6125; a "*" stands for one whole label). With pins,
 * one of them must be in this validated chain.
 *
 * With `is_pin_only` either a pin names the server's own certificate, and then nothing else counts;
 * or a presented certificate that a pin names is the sole trust anchor of a chain that holds all
 * the same demands.
 *
 * `chain` is NULL where none was presented. Returns a finding of which the caller owns the
 * reference, or NULL when out of memory. */
struct certificate_finding *certificate_check(const struct trust_store *store,
                                              const struct certificate_chain *chain,
                                              const struct certificate_demand *demand);
