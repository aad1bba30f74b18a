/* tls/certificate_chain.c - reading a certificate_list, and what a certificate is known by. */
#include "tls/certificate_chain.h"
#include "base/spki_pin.h"
#include "tls/certificate_finding.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* Takes over the stack, in any case. */
static struct certificate_chain *chain_taking(STACK_OF(X509) * certificates,
                                              const struct certificate_fingerprint *fingerprint)
{
    struct certificate_chain *chain = malloc(sizeof(*chain));
    if (chain == NULL) {
        sk_X509_pop_free(certificates, X509_free);
        return NULL;
    }
    *chain = (struct certificate_chain){ certificates, *fingerprint };
    return chain;
}

/* RFC 5246 7.4.2: a length of three bytes, and the certificate's DER, with nothing behind it. */
static X509 *read_certificate(struct reader *list, struct certificate_memory *memory,
                              struct certificate_fingerprint *ret_fingerprint)
{
    struct reader bytes = reader_vector(list, 3);
    if (list->failed || reader_left(&bytes) == 0)
        return NULL;
    return certificate_memory_read(memory, bytes, ret_fingerprint);
}

/* Adds all that there are. */
static bool read_certificates(struct reader list, struct certificate_memory *memory,
                              STACK_OF(X509) * certificates,
                              struct certificate_fingerprint *ret_first)
{
    struct certificate_fingerprint fingerprint;
    while (!reader_done(&list)) {
        int count = sk_X509_num(certificates);
        X509 *certificate = count < PRESENTED_CERTIFICATES_MAX
                                ? read_certificate(&list, memory, &fingerprint)
                                : NULL;
        if (certificate == NULL || sk_X509_push(certificates, certificate) <= 0) {
            X509_free(certificate);
            return false;
        }
        if (count == 0)
            *ret_first = fingerprint;
    }
    return true;
}

struct certificate_chain *certificate_chain_read(struct reader list,
                                                 struct certificate_memory *memory)
{
    struct certificate_fingerprint fingerprint;
    if (list.failed || reader_left(&list) == 0 || reader_left(&list) > CERTIFICATE_LIST_BYTES_MAX)
        return NULL;
    STACK_OF(X509) *certificates = sk_X509_new_null();
    ERR_clear_error();
    bool is_well =
        certificates != NULL && read_certificates(list, memory, certificates, &fingerprint);
    ERR_clear_error();
    if (is_well)
        return chain_taking(certificates, &fingerprint);
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

struct certificate_chain *certificate_chain_of(STACK_OF(X509) * certificates)
{
    struct certificate_fingerprint fingerprint;
    int count = sk_X509_num(certificates); /* -1 of NULL */
    if (count < 1 || count > PRESENTED_CERTIFICATES_MAX ||
        X509_digest(sk_X509_value(certificates, 0), EVP_sha256(), fingerprint.sha256, NULL) != 1)
        return NULL;
    STACK_OF(X509) *copy = X509_chain_up_ref(certificates);
    return copy != NULL ? chain_taking(copy, &fingerprint) : NULL;
}

void certificate_chain_free(struct certificate_chain *chain)
{
    if (chain == NULL)
        return;
    sk_X509_pop_free(chain->certificates, X509_free);
    free(chain);
}

bool certificate_spki(const X509 *certificate, struct spki_pin *ret_pin)
{
    struct spki_pin pin;
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool is_well =
        size > 0 && EVP_Digest(der, (size_t)size, pin.sha256, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    if (is_well)
        *ret_pin = pin;
    return is_well;
}

const struct certificate_fingerprint *certificate_chain_fingerprint(
    const struct certificate_chain *chain)
{
    return &chain->fingerprint;
}
