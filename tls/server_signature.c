/* tls/server_signature.c - the signature of a ServerKeyExchange, by each scheme that counts. */
#include "tls/server_signature.h"
#include "base/writer.h"
#include "tls/certificate_chain.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { TLS12 = 0x0303 };

/* How a signature is made. */
struct scheme {
    uint16_t number;
    uint8_t keys;                  /* enum hello_key */
    bool is_pss;                   /* RFC 8017 8.1, with a salt as long as the hash */
    bool counts;                   /* in TLS 1.2 */
    int key_type;                  /* EVP_PKEY_base_id() */
    const EVP_MD *(*digest)(void); /* NULL: the scheme has its own */
};

static const struct scheme SCHEMES[] = {
    { 0x0401, HELLO_RSA, false, true, EVP_PKEY_RSA, EVP_sha256 }, /* rsa_pkcs1_... */
    { 0x0501, HELLO_RSA, false, true, EVP_PKEY_RSA, EVP_sha384 },
    { 0x0601, HELLO_RSA, false, true, EVP_PKEY_RSA, EVP_sha512 },
    { 0x0804, HELLO_RSA, true, true, EVP_PKEY_RSA, EVP_sha256 }, /* rsa_pss_rsae_... */
    { 0x0805, HELLO_RSA, true, true, EVP_PKEY_RSA, EVP_sha384 },
    { 0x0806, HELLO_RSA, true, true, EVP_PKEY_RSA, EVP_sha512 },
    { 0x0809, HELLO_RSA, true, true, EVP_PKEY_RSA_PSS, EVP_sha256 }, /* rsa_pss_pss_... */
    { 0x080a, HELLO_RSA, true, true, EVP_PKEY_RSA_PSS, EVP_sha384 },
    { 0x080b, HELLO_RSA, true, true, EVP_PKEY_RSA_PSS, EVP_sha512 },
    { 0x0301, HELLO_RSA, false, true, EVP_PKEY_RSA, EVP_sha224 }, /* RFC 5246 7.4.1.4.1 */
    { 0x0403, HELLO_ECDSA, false, true, EVP_PKEY_EC, EVP_sha256 },
    { 0x0503, HELLO_ECDSA, false, true, EVP_PKEY_EC, EVP_sha384 },
    { 0x0603, HELLO_ECDSA, false, true, EVP_PKEY_EC, EVP_sha512 },
    { 0x0303, HELLO_ECDSA, false, true, EVP_PKEY_EC, EVP_sha224 },
    { 0x0807, HELLO_ECDSA, false, true, EVP_PKEY_ED25519, NULL },
    { 0x0808, HELLO_ECDSA, false, true, EVP_PKEY_ED448, NULL },
    { 0x0201, HELLO_RSA, false, false, EVP_PKEY_RSA, EVP_sha1 }, /* RFC 9155 from here on */
    { 0x0101, HELLO_RSA, false, false, EVP_PKEY_RSA, EVP_md5 },
    { 0x0203, HELLO_ECDSA, false, false, EVP_PKEY_EC, EVP_sha1 },
    { 0x081a, HELLO_ECDSA, false, false, EVP_PKEY_EC, EVP_sha256 }, /* RFC 8734: TLS 1.3 alone */
    { 0x081b, HELLO_ECDSA, false, false, EVP_PKEY_EC, EVP_sha384 },
    { 0x081c, HELLO_ECDSA, false, false, EVP_PKEY_EC, EVP_sha512 },
};

/* RFC 4346 7.4.3, RFC 8422 5.4: before TLS 1.2 the kind of the key says all. */
static const struct scheme OLD_RSA = { 0, HELLO_RSA, false, true, EVP_PKEY_RSA, EVP_md5_sha1 };
static const struct scheme OLD_ECDSA = { 0, HELLO_ECDSA, false, true, EVP_PKEY_EC, EVP_sha1 };

static const struct scheme *scheme_find(uint32_t number)
{
    for (size_t i = 0; i < sizeof(SCHEMES) / sizeof(SCHEMES[0]); i++) {
        if (SCHEMES[i].number == number)
            return &SCHEMES[i];
    }
    return NULL;
}

uint8_t signature_scheme_keys(uint32_t scheme)
{
    const struct scheme *found = scheme_find(scheme);
    return found != NULL ? found->keys : 0;
}

/* NULL: none that would prove anything. */
static const struct scheme *scheme_of(const struct server_signature *claim)
{
    if (claim->version < TLS12)
        return claim->keys == HELLO_ECDSA ? &OLD_ECDSA : &OLD_RSA;
    const struct scheme *scheme = scheme_find(claim->scheme);
    return scheme != NULL && scheme->counts ? scheme : NULL;
}

static bool verify(EVP_PKEY *key, const struct scheme *scheme, struct reader content,
                   struct reader signature)
{
    EVP_PKEY_CTX *parameters; /* the context's */
    const EVP_MD *digest = scheme->digest != NULL ? scheme->digest() : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool holds =
        context != NULL && EVP_DigestVerifyInit(context, &parameters, digest, NULL, key) == 1;
    if (holds && scheme->is_pss)
        holds = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
    holds = holds && EVP_DigestVerify(context, signature.at, reader_left(&signature), content.at,
                                      reader_left(&content)) == 1;
    EVP_MD_CTX_free(context);
    return holds;
}

bool server_signature_holds(const struct server_signature *claim,
                            const struct certificate_chain *chain)
{
    uint8_t bytes[2 * SERVER_RANDOM_BYTES + SERVER_PARAMS_MAX];
    struct writer content = writer_over(bytes, sizeof(bytes));
    const struct scheme *scheme = scheme_of(claim);
    EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(chain->certificates, 0));
    writer_bytes(&content, claim->client_random, SERVER_RANDOM_BYTES);
    writer_bytes(&content, claim->server_random, SERVER_RANDOM_BYTES);
    writer_bytes(&content, claim->params.at, reader_left(&claim->params));
    bool holds = !content.failed && scheme != NULL && scheme->keys == claim->keys && key != NULL &&
                 EVP_PKEY_get_base_id(key) == scheme->key_type &&
                 verify(key, scheme, reader_over(bytes, writer_size(&content)), claim->signature);
    ERR_clear_error();
    return holds;
}
