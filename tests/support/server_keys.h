/* tests/support/server_keys.h - a certificate and its key, made for one test and written as PEM. */
#pragma once
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_PATH_BYTES = 64 };

struct server_keys {
    char directory[KEY_PATH_BYTES], chain[2 * KEY_PATH_BYTES], key[2 * KEY_PATH_BYTES];
};

static inline X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    assert_non_null(certificate);
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"dns.example", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(certificate, name), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_int_not_equal(X509_sign(certificate, key, EVP_sha256()), 0);
    return certificate;
}

/* A key of its own and a certificate that it signed, in a folder of their own. */
static inline void server_keys_make(struct server_keys *keys)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    snprintf(keys->directory, sizeof(keys->directory), "/tmp/server_keys.XXXXXX");
    assert_non_null(mkdtemp(keys->directory));
    snprintf(keys->chain, sizeof(keys->chain), "%s/chain.pem", keys->directory);
    snprintf(keys->key, sizeof(keys->key), "%s/key.pem", keys->directory);
    FILE *file = fopen(keys->chain, "we");
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    file = fopen(keys->key, "we");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static inline void server_keys_remove(struct server_keys *keys)
{
    (void)unlink(keys->chain);
    (void)unlink(keys->key);
    (void)rmdir(keys->directory);
}
