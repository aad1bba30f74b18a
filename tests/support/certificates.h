/* tests/support/certificates.h - keys and certificates made for a test, valid around a fixed time.
 */
#pragma once
#include "base/spki_pin.h"

#include "unit.h"

#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

/* When tests take place: 2030-01-01; certificates are valid for a day before and after it. */
#define CERTIFICATE_NOW 1893456000LL
#define CERTIFICATE_DAY 86400LL

/* What to make. NULL leaves an extension out. */
struct recipe {
    const char *name;         /* the common name */
    EVP_PKEY *key;            /* borrowed */
    X509 *issuer;             /* NULL: signs itself */
    EVP_PKEY *issuer_key;     /* borrowed */
    const char *host;         /* subjectAltName, as in "DNS:a.example.com" */
    const char *basic;        /* basicConstraints, as in "critical,CA:TRUE" */
    const char *usage;        /* keyUsage */
    const char *purpose;      /* extendedKeyUsage */
    const char *constraints;  /* nameConstraints */
    const char *unknown;      /* the value of an extension that nobody knows */
    const EVP_MD *digest;     /* NULL: SHA-256 */
    int64_t begins_s, ends_s; /* 0: a day before, a day after CERTIFICATE_NOW */
};

static inline EVP_PKEY *make_ec_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    return key;
}

static inline EVP_PKEY *make_rsa_key(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

/* One that verifies nothing: its modulus is made of bits alone. */
static inline EVP_PKEY *make_rsa_public_key(int bits)
{
    BIGNUM *modulus = BN_new(), *exponent = BN_new();
    assert_int_equal(BN_rand(modulus, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    assert_int_equal(BN_set_word(exponent, 65537), 1);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, "n", modulus), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, "e", exponent), 1);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* One that claims the public half of `key` but signs as another: what a thief has who took the
 * certificate alone. */
static inline EVP_PKEY *make_wrong_key(const EVP_PKEY *key)
{
    unsigned char point[65];
    size_t size = 0;
    BIGNUM *secret = NULL;
    EVP_PKEY *other = make_ec_key(), *wrong = NULL;
    assert_int_equal(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &size), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(other, "priv", &secret), 1);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(builder, "group", "P-256", 0), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_octet_string(builder, "pub", point, size), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, "priv", secret), 1);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &wrong, EVP_PKEY_KEYPAIR, parameters), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_clear_free(secret);
    EVP_PKEY_free(other);
    return wrong;
}

static inline void add_extension(X509 *certificate, X509V3_CTX *context, int id, const char *value)
{
    if (value == NULL)
        return;
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, id, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void add_unknown_extension(X509 *certificate, const char *value)
{
    ASN1_OBJECT *id = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
    ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(content, (const unsigned char *)value, -1), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, id, 1, content);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(content);
    ASN1_OBJECT_free(id);
}

static inline void add_extensions(X509 *certificate, X509 *issuer, const struct recipe *recipe)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    add_extension(certificate, &context, NID_basic_constraints, recipe->basic);
    if (recipe->basic != NULL) /* as real authorities have it */
        add_extension(certificate, &context, NID_subject_key_identifier, "hash");
    if (issuer != certificate && X509_get0_subject_key_id(issuer) != NULL)
        add_extension(certificate, &context, NID_authority_key_identifier, "keyid");
    add_extension(certificate, &context, NID_key_usage, recipe->usage);
    add_extension(certificate, &context, NID_ext_key_usage, recipe->purpose);
    add_extension(certificate, &context, NID_subject_alt_name, recipe->host);
    add_extension(certificate, &context, NID_name_constraints, recipe->constraints);
    if (recipe->unknown != NULL)
        add_unknown_extension(certificate, recipe->unknown);
}

/* The caller owns it. */
static inline X509 *make_certificate(const struct recipe *recipe)
{
    int64_t begins_s = recipe->begins_s != 0 ? recipe->begins_s : CERTIFICATE_NOW - CERTIFICATE_DAY;
    int64_t ends_s = recipe->ends_s != 0 ? recipe->ends_s : CERTIFICATE_NOW + CERTIFICATE_DAY;
    X509 *certificate = X509_new();
    X509 *issuer = recipe->issuer != NULL ? recipe->issuer : certificate;
    assert_non_null(certificate);
    uint64_t serial;
    assert_int_equal(getrandom(&serial, sizeof(serial), 0), sizeof(serial));
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)begins_s);
    ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)ends_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)recipe->name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_set_pubkey(certificate, recipe->key);
    add_extensions(certificate, issuer, recipe);
    EVP_PKEY *signer = recipe->issuer != NULL ? recipe->issuer_key : recipe->key;
    assert_true(
        X509_sign(certificate, signer, recipe->digest != NULL ? recipe->digest : EVP_sha256()) > 0);
    return certificate;
}

/* As the library's own functions know it. */
static inline struct spki_pin pin_of(X509 *certificate)
{
    struct spki_pin pin;
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
    assert_true(size > 0);
    assert_int_equal(EVP_Digest(der, (size_t)size, pin.sha256, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    return pin;
}

/* Writes it as it stands in a certificate_list (RFC 5246 7.4.2); returns how many bytes. */
static inline size_t put_certificate(X509 *certificate, uint8_t *ret_bytes, size_t capacity)
{
    int size = i2d_X509(certificate, NULL);
    assert_true(size > 0 && (size_t)size + 3 <= capacity);
    unsigned char *at = ret_bytes + 3;
    ret_bytes[0] = (uint8_t)(size >> 16);
    ret_bytes[1] = (uint8_t)(size >> 8);
    ret_bytes[2] = (uint8_t)size;
    assert_int_equal(i2d_X509(certificate, &at), size);
    return (size_t)size + 3;
}

/* A file of PEM at `path`: the certificates up to a NULL, and the key, if there is one. */
static inline void write_pem(const char *path, X509 *const *certificates, EVP_PKEY *key)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    for (; certificates != NULL && *certificates != NULL; certificates++)
        assert_int_equal(PEM_write_X509(file, *certificates), 1);
    if (key != NULL)
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}
