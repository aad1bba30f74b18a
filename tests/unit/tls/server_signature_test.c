/* tests/unit/tls/server_signature_test.c - which signatures of a ServerKeyExchange hold. */
#include "tls/server_signature.h"

#include "base/writer.h"
#include "test_keys.h"
#include "tls/certificate_chain.h"
#include "unit.h"

#define PARAMS "\3\0\x1d\4abcd"

enum { SIGNATURE_MAX = 512, LIST_MAX = 2048 };

static const struct row {
    const char *name;
    enum test_key key;
    uint32_t version, scheme;
    const EVP_MD *(*digest)(void);
    bool is_pss;
    uint8_t keys;
    bool expected;
} rows[] = {
    { "rsa_pkcs1_sha256", KEY_RSA, 0x0303, 0x0401, EVP_sha256, false, HELLO_RSA, true },
    { "rsa_pkcs1_sha384", KEY_RSA, 0x0303, 0x0501, EVP_sha384, false, HELLO_RSA, true },
    { "rsa_pkcs1_sha512", KEY_RSA, 0x0303, 0x0601, EVP_sha512, false, HELLO_RSA, true },
    { "RSA with SHA-224", KEY_RSA, 0x0303, 0x0301, EVP_sha224, false, HELLO_RSA, true },
    { "rsa_pss_rsae_sha256", KEY_RSA, 0x0303, 0x0804, EVP_sha256, true, HELLO_RSA, true },
    { "rsa_pss_rsae_sha384", KEY_RSA, 0x0303, 0x0805, EVP_sha384, true, HELLO_RSA, true },
    { "rsa_pss_rsae_sha512", KEY_RSA, 0x0303, 0x0806, EVP_sha512, true, HELLO_RSA, true },
    { "rsa_pss_pss_sha256", KEY_RSA_PSS, 0x0303, 0x0809, EVP_sha256, true, HELLO_RSA, true },
    { "rsa_pss_pss_sha384", KEY_RSA_PSS, 0x0303, 0x080a, EVP_sha384, true, HELLO_RSA, true },
    { "rsa_pss_pss_sha512", KEY_RSA_PSS, 0x0303, 0x080b, EVP_sha512, true, HELLO_RSA, true },
    { "ecdsa_secp256r1_sha256", KEY_P256, 0x0303, 0x0403, EVP_sha256, false, HELLO_ECDSA, true },
    { "ecdsa_secp384r1_sha384", KEY_P384, 0x0303, 0x0503, EVP_sha384, false, HELLO_ECDSA, true },
    { "another curve's hash", KEY_P256, 0x0303, 0x0603, EVP_sha512, false, HELLO_ECDSA, true },
    { "ECDSA with SHA-224", KEY_P256, 0x0303, 0x0303, EVP_sha224, false, HELLO_ECDSA, true },
    { "ed25519", KEY_ED25519, 0x0303, 0x0807, NULL, false, HELLO_ECDSA, true },
    { "ed448", KEY_ED448, 0x0303, 0x0808, NULL, false, HELLO_ECDSA, true },
    { "RSA in TLS 1.1", KEY_RSA, 0x0302, 0, EVP_md5_sha1, false, HELLO_RSA, true },
    { "RSA in TLS 1.0", KEY_RSA, 0x0301, 0, EVP_md5_sha1, false, HELLO_RSA, true },
    { "ECDSA in TLS 1.1", KEY_P256, 0x0302, 0, EVP_sha1, false, HELLO_ECDSA, true },
    { "RSA with SHA-1", KEY_RSA, 0x0303, 0x0201, EVP_sha1, false, HELLO_RSA, false },
    { "RSA with MD5", KEY_RSA, 0x0303, 0x0101, EVP_md5, false, HELLO_RSA, false },
    { "ECDSA with SHA-1", KEY_P256, 0x0303, 0x0203, EVP_sha1, false, HELLO_ECDSA, false },
    { "a scheme of TLS 1.3 alone", KEY_P256, 0x0303, 0x081a, EVP_sha256, false, HELLO_ECDSA,
      false },
    { "an unknown scheme", KEY_RSA, 0x0303, 0x0402, EVP_sha256, false, HELLO_RSA, false },
    { "no scheme", KEY_RSA, 0x0303, 0, EVP_md5_sha1, false, HELLO_RSA, false },
    { "another hash than it says", KEY_RSA, 0x0303, 0x0401, EVP_sha384, false, HELLO_RSA, false },
    { "PSS that says PKCS 1", KEY_RSA, 0x0303, 0x0401, EVP_sha256, true, HELLO_RSA, false },
    { "PKCS 1 that says PSS", KEY_RSA, 0x0303, 0x0804, EVP_sha256, false, HELLO_RSA, false },
    { "a PSS key that says it is none", KEY_RSA_PSS, 0x0303, 0x0804, EVP_sha256, true, HELLO_RSA,
      false },
    { "a PSS key before TLS 1.2", KEY_RSA_PSS, 0x0302, 0, EVP_sha256, true, HELLO_RSA, false },
    { "a suite of RSA with an ECDSA key", KEY_P256, 0x0303, 0x0403, EVP_sha256, false, HELLO_RSA,
      false },
    { "a suite of ECDSA with an RSA key", KEY_RSA, 0x0303, 0x0401, EVP_sha256, false, HELLO_ECDSA,
      false },
    { "the same before TLS 1.2", KEY_RSA, 0x0302, 0, EVP_md5_sha1, false, HELLO_ECDSA, false },
    { "a scheme of ECDSA with an RSA key", KEY_RSA, 0x0303, 0x0403, EVP_sha256, false, HELLO_ECDSA,
      false },
    { "Ed25519 before TLS 1.2", KEY_ED25519, 0x0302, 0, NULL, false, HELLO_ECDSA, false },
};

/* A claim with its bytes. */
struct claimed {
    uint8_t signature[SIGNATURE_MAX], randoms[64], params[sizeof(PARAMS) - 1];
    struct server_signature claim;
};

static void sign(EVP_PKEY *key, const struct row *row, struct claimed *ret_claimed)
{
    uint8_t content[128];
    struct writer writer = writer_over(content, sizeof(content));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters;
    size_t size = SIGNATURE_MAX;
    for (size_t i = 0; i < 64; i++)
        ret_claimed->randoms[i] = (uint8_t)(3 * i);
    memcpy(ret_claimed->params, PARAMS, sizeof(PARAMS) - 1);
    writer_bytes(&writer, ret_claimed->randoms, 64);
    writer_bytes(&writer, PARAMS, sizeof(PARAMS) - 1);
    assert_int_equal(EVP_DigestSignInit(context, &parameters,
                                        row->digest != NULL ? row->digest() : NULL, NULL, key),
                     1);
    if (row->is_pss) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(
        EVP_DigestSign(context, ret_claimed->signature, &size, content, writer_size(&writer)), 1);
    EVP_MD_CTX_free(context);
    ret_claimed->claim = (struct server_signature){
        .version = row->version,
        .keys = row->keys,
        .scheme = row->scheme,
        .client_random = ret_claimed->randoms,
        .server_random = ret_claimed->randoms + 32,
        .params = reader_over(ret_claimed->params, sizeof(PARAMS) - 1),
        .signature = reader_over(ret_claimed->signature, size),
    };
}

static struct certificate_chain *make_chain(EVP_PKEY *key)
{
    uint8_t list[LIST_MAX], *at = list + 3;
    X509 *certificate = test_certificate_new(key);
    int size = i2d_X509(certificate, NULL);
    assert_true(size > 0 && size < LIST_MAX - 3);
    assert_int_equal(i2d_X509(certificate, &at), size);
    store_uint(list, (uint32_t)size, 3);
    struct certificate_chain *chain =
        certificate_chain_read(reader_over(list, 3 + (size_t)size), NULL);
    assert_non_null(chain);
    X509_free(certificate);
    return chain;
}

/* No byte of what was signed, or of the signature, may have another bit. */
static void assert_no_flip_holds(const struct server_signature *claim, uint8_t *bytes, size_t size,
                                 const struct certificate_chain *chain)
{
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
        assert_false(server_signature_holds(claim, chain));
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
}

static void holds_as_expected(void **state)
{
    const struct row *row = *state;
    struct claimed claimed;
    struct server_signature *claim = &claimed.claim;
    EVP_PKEY *key = test_key_new(row->key);
    struct certificate_chain *chain = make_chain(key);
    sign(key, row, &claimed);
    assert_int_equal(server_signature_holds(claim, chain), row->expected);
    if (row->expected) {
        assert_no_flip_holds(claim, claimed.randoms, 64, chain);
        assert_no_flip_holds(claim, claimed.params, sizeof(claimed.params), chain);
        assert_no_flip_holds(claim, claimed.signature, reader_left(&claim->signature), chain);
        assert_true(server_signature_holds(claim, chain));
    }
    certificate_chain_free(chain);
    EVP_PKEY_free(key);
}

static void another_key_does_not_hold(void **state)
{
    (void)state;
    struct claimed claimed;
    EVP_PKEY *key = test_key_new(KEY_RSA), *other = test_key_new(KEY_RSA);
    struct certificate_chain *chain = make_chain(other);
    sign(key, &rows[0], &claimed);
    assert_false(server_signature_holds(&claimed.claim, chain));
    certificate_chain_free(chain);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void too_many_parameters_do_not_hold(void **state)
{
    (void)state;
    static const uint8_t params[SERVER_PARAMS_MAX + 1] = { 0 };
    struct claimed claimed;
    EVP_PKEY *key = test_key_new(KEY_P256);
    struct certificate_chain *chain = make_chain(key);
    sign(key, &rows[10], &claimed);
    claimed.claim.params = reader_over(params, sizeof(params));
    assert_false(server_signature_holds(&claimed.claim, chain));
    certificate_chain_free(chain);
    EVP_PKEY_free(key);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, holds_as_expected);
    tests_add_row(&tests, "another key", NULL, another_key_does_not_hold);
    tests_add_row(&tests, "too many parameters", NULL, too_many_parameters_do_not_hold);
    return tests_run(&tests, "server_signature");
}
