/* tls/library.h - what the types of tls/ hold of OpenSSL's. For the files of tls/ alone. */
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdbool.h>
#include <stdint.h>

struct spki_pin;

struct trust_store {
    X509_STORE *store;
};

struct certificate_chain {
    STACK_OF(X509) * certificates; /* the server's own first; 1 to PRESENTED_CERTIFICATES_MAX */
};

/* Takes references. NULL where it is empty (or NULL) or too long, or when out of memory. */
struct certificate_chain *certificate_chain_of(STACK_OF(X509) * certificates);

/* False when out of memory. */
bool certificate_spki(const X509 *certificate, struct spki_pin *ret_pin);
