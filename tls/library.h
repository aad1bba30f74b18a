/* tls/library.h - what the types of tls/ hold of OpenSSL's. For the files of tls/ alone. */
#pragma once
#include "base/reader.h"
#include "tls/certificate_finding.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdbool.h>
#include <stdint.h>

struct certificate_memory;

struct trust_store {
    X509_STORE *store;
};

struct certificate_chain {
    STACK_OF(X509) * certificates; /* the server's own first; 1 to PRESENTED_CERTIFICATES_MAX */
    struct certificate_fingerprint fingerprint; /* of the first */
};

/* Takes references. NULL where it is empty (or NULL) or too long, or when out of memory. */
struct certificate_chain *certificate_chain_of(STACK_OF(X509) * certificates);

/* One certificate, and nothing behind it: from `memory` (NULL: there is none), or parsed and then
 * kept in there. The caller owns a reference. NULL where it is none, or when out of memory. */
X509 *certificate_memory_read(struct certificate_memory *memory, struct reader der,
                              struct certificate_fingerprint *ret_fingerprint);

/* False when out of memory. */
bool certificate_spki(const X509 *certificate, struct spki_pin *ret_pin);
