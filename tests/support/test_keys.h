/* tests/support/test_keys.h - keys and certificates, made anew in each run. */
#pragma once
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum test_key { NO_KEY = 0, KEY_RSA, KEY_RSA_PSS, KEY_P256, KEY_P384, KEY_ED25519, KEY_ED448 };

static inline EVP_PKEY *test_key_new(enum test_key kind)
{
    switch (kind) {
    case NO_KEY:
        return NULL;
    case KEY_RSA:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    case KEY_RSA_PSS: {
        EVP_PKEY *key = NULL;
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
        assert_int_equal(EVP_PKEY_keygen_init(context), 1);
        assert_int_equal(EVP_PKEY_generate(context, &key), 1);
        EVP_PKEY_CTX_free(context);
        return key;
    }
    case KEY_P256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    case KEY_P384:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
    case KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KEY_ED448:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    }
    return NULL;
}

/* Signed by its own key. */
static inline X509 *test_certificate_new(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    bool has_digest = EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 &&
                      EVP_PKEY_get_base_id(key) != EVP_PKEY_ED448;
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    X509_NAME *name = X509_get_subject_name(certificate);
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"a.test", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(certificate, name), 1);
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, has_digest ? EVP_sha256() : NULL) > 0);
    return certificate;
}
