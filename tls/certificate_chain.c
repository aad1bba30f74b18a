/* tls/certificate_chain.c - reading a certificate_list, and what a certificate is known by. */
#include "tls/certificate_chain.h"
#include "base/spki_pin.h"
#include "tls/certificate_finding.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* Takes over the stack, in any case. */
static struct certificate_chain *chain_taking(STACK_OF(X509) * certificates)
{
    struct certificate_chain *chain = malloc(sizeof(*chain));
    if (chain == NULL) {
        sk_X509_pop_free(certificates, X509_free);
        return NULL;
    }
    chain->certificates = certificates;
    return chain;
}

/* RFC 5246 7.4.2: a length of three bytes, and the certificate's DER, with nothing behind it. */
static bool read_certificate(struct reader *list, STACK_OF(X509) * certificates)
{
    struct reader bytes = reader_vector(list, 3);
    const unsigned char *at = bytes.at;
    if (list->failed || reader_left(&bytes) == 0)
        return false;
    X509 *certificate = d2i_X509(NULL, &at, (long)reader_left(&bytes));
    if (certificate != NULL && at == bytes.end && sk_X509_push(certificates, certificate) > 0)
        return true;
    X509_free(certificate);
    return false;
}

struct certificate_chain *certificate_chain_read(struct reader list)
{
    if (list.failed || reader_left(&list) == 0 || reader_left(&list) > CERTIFICATE_LIST_BYTES_MAX)
        return NULL;
    STACK_OF(X509) *certificates = sk_X509_new_null();
    bool is_well = certificates != NULL;
    ERR_clear_error();
    while (is_well && !reader_done(&list))
        is_well = sk_X509_num(certificates) < PRESENTED_CERTIFICATES_MAX &&
                  read_certificate(&list, certificates);
    ERR_clear_error();
    if (is_well)
        return chain_taking(certificates);
    sk_X509_pop_free(certificates, X509_free);
    return NULL;
}

struct certificate_chain *certificate_chain_of(STACK_OF(X509) * certificates)
{
    int count = sk_X509_num(certificates); /* -1 of NULL */
    if (count < 1 || count > PRESENTED_CERTIFICATES_MAX)
        return NULL;
    STACK_OF(X509) *copy = X509_chain_up_ref(certificates);
    return copy != NULL ? chain_taking(copy) : NULL;
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

bool certificate_chain_fingerprint(const struct certificate_chain *chain,
                                   struct certificate_fingerprint *ret_fingerprint)
{
    struct certificate_fingerprint fingerprint;
    unsigned size = sizeof(fingerprint.sha256);
    if (X509_digest(sk_X509_value(chain->certificates, 0), EVP_sha256(), fingerprint.sha256,
                    &size) != 1)
        return false;
    *ret_fingerprint = fingerprint;
    return true;
}
