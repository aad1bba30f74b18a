/* tls/handshake.c - one handshake as a client. */
#include "tls/handshake.h"
#include "tls/certificate_chain.h"
#include "tls/handshake_layout.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <stdlib.h>

struct handshake {
    SSL *ssl;
    struct handshake_channel channel;
    enum handshake_progress progress;
    enum handshake_failure failure;
    const char *failure_words;       /* a literal */
    struct certificate_chain *chain; /* owned, until it is taken */
};

/* ---- What is offered ---- */

/* RSA and ECDSA keys each have suites of their own up to TLS 1.2, and algorithms of their own from
 * 1.2 on. Keys of EdDSA go with the suites of ECDSA (RFC 8422 5.10). */
static const struct {
    const char *suites, *algorithms;
} offers[] = {
    [HELLO_RSA] = { "ECDHE+aRSA:DHE+aRSA",
                    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                    "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
                    "RSA+SHA256:RSA+SHA384:RSA+SHA512" },
    [HELLO_ECDSA] = { "ECDHE+aECDSA", "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448" },
    [HELLO_RSA | HELLO_ECDSA] = { "ECDHE+aECDSA:ECDHE+aRSA:DHE+aRSA",
                                  "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:"
                                  "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                                  "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
                                  "RSA+SHA256:RSA+SHA384:RSA+SHA512" },
};

static bool offer_keys(SSL *ssl, uint8_t keys)
{
    return keys != 0 && keys <= (HELLO_RSA | HELLO_ECDSA) &&
           SSL_set_cipher_list(ssl, offers[keys].suites) == 1 &&
           SSL_set1_sigalgs_list(ssl, offers[keys].algorithms) == 1;
}

static bool offer_versions(SSL *ssl, uint8_t versions)
{
    int least = versions & HELLO_BEFORE_TLS12 ? TLS1_VERSION
                : versions & HELLO_TLS12      ? TLS1_2_VERSION
                                              : TLS1_3_VERSION;
    int most = versions & HELLO_TLS13   ? TLS1_3_VERSION
               : versions & HELLO_TLS12 ? TLS1_2_VERSION
                                        : TLS1_1_VERSION;
    return (versions & (HELLO_BEFORE_TLS12 | HELLO_TLS12 | HELLO_TLS13)) != 0 &&
           SSL_set_min_proto_version(ssl, least) == 1 && SSL_set_max_proto_version(ssl, most) == 1;
}

/* SSL_set_alpn_protos() alone of its kind returns 0 where all is well. */
static bool offer(SSL *ssl, const struct hello_class *class, const char *host)
{
    bool has_alpn = class->alpn_size > 0;
    return class->alpn_size <= HELLO_CLASS_ALPN_MAX && offer_versions(ssl, class->versions) &&
           offer_keys(ssl, class->keys) && host[0] != '\0' &&
           SSL_set_tlsext_host_name(ssl, host) == 1 &&
           (!has_alpn || SSL_set_alpn_protos(ssl, class->alpn, class->alpn_size) == 0);
}

/* ---- Life ---- */

static bool attach_channel(struct handshake *handshake, const struct tls_client *client)
{
    BIO *bio = BIO_new(client->channel_method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, &handshake->channel);
    BIO_set_init(bio, 1);
    SSL_set_bio(handshake->ssl, bio, bio);
    return true;
}

struct handshake *handshake_new(const struct handshake_parts *parts)
{
    struct handshake *handshake = calloc(1, sizeof(*handshake));
    if (handshake == NULL)
        return NULL;
    ERR_clear_error();
    handshake->channel.descriptor = parts->descriptor;
    handshake->progress = HANDSHAKE_GOES_ON;
    handshake->failure_words = "";
    handshake->ssl = SSL_new(parts->client->context);
    bool is_well = handshake->ssl != NULL && attach_channel(handshake, parts->client) &&
                   offer(handshake->ssl, &parts->class, parts->host);
    ERR_clear_error();
    if (is_well) {
        SSL_set_connect_state(handshake->ssl);
        return handshake;
    }
    handshake_free(handshake);
    return NULL;
}

void handshake_free(struct handshake *handshake)
{
    if (handshake == NULL)
        return;
    ERR_clear_error();
    if (handshake->ssl != NULL && handshake->progress == HANDSHAKE_SIGNED &&
        SSL_is_init_finished(handshake->ssl))
        (void)SSL_shutdown(handshake->ssl); /* a courtesy; nobody waits for an answer */
    SSL_free(handshake->ssl);
    ERR_clear_error();
    certificate_chain_free(handshake->chain);
    free(handshake);
}

/* ---- Progress ---- */

static enum handshake_progress fail(struct handshake *handshake, enum handshake_failure failure,
                                    const char *words)
{
    handshake->failure = failure;
    handshake->failure_words = words != NULL ? words : "no reason is known";
    return HANDSHAKE_FAILED;
}

/* The library numbers the alerts that it received from SSL_AD_REASON_OFFSET on. */
static bool is_refusal(int reason)
{
    return reason > SSL_AD_REASON_OFFSET || reason == SSL_R_UNSUPPORTED_PROTOCOL;
}

/* What the signature's own arithmetic says may stand before it. */
static bool is_bad_signature(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_BAD_SIGNATURE;
}

static enum handshake_progress explain_failure(struct handshake *handshake)
{
    unsigned long error = ERR_peek_error();
    const char *words = ERR_reason_error_string(error);
    if (is_bad_signature(ERR_peek_last_error()))
        return fail(handshake, HANDSHAKE_UNPROVEN, "bad signature");
    if (ERR_GET_LIB(error) == ERR_LIB_SSL && is_refusal(ERR_GET_REASON(error)))
        return fail(handshake, HANDSHAKE_REFUSED, words);
    if (handshake->channel.is_closed)
        return fail(handshake, HANDSHAKE_CLOSED, "the connection was closed");
    if (handshake->channel.received >= HANDSHAKE_BYTES_MAX)
        return fail(handshake, HANDSHAKE_BROKEN, "the server sends too much");
    return fail(handshake, HANDSHAKE_BROKEN, words);
}

static enum handshake_progress sign(struct handshake *handshake)
{
    handshake->chain = certificate_chain_of(SSL_get_peer_cert_chain(handshake->ssl));
    return handshake->chain != NULL
               ? HANDSHAKE_SIGNED
               : fail(handshake, HANDSHAKE_BROKEN, "the server's list of certificates is too long");
}

/* Up to TLS 1.2 we go on when the server has signed, and then wait for its Finished. Neither that
 * nor an alert in its place, say for want of a certificate of ours, tells more about its own. In
 * TLS 1.3 the server signs in the last flight that we wait for. */
static bool has_signed_early(const SSL *ssl)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);
    return SSL_version(ssl) < TLS1_3_VERSION &&
           (state == TLS_ST_CW_CERT || state == TLS_ST_CW_KEY_EXCH || state == TLS_ST_CW_CHANGE ||
            state == TLS_ST_CW_FINISHED);
}

static enum handshake_progress advance(struct handshake *handshake)
{
    int result = SSL_do_handshake(handshake->ssl);
    int error = SSL_get_error(handshake->ssl, result);
    if (error == SSL_ERROR_NONE || has_signed_early(handshake->ssl))
        return sign(handshake);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return HANDSHAKE_GOES_ON;
    return explain_failure(handshake);
}

enum handshake_progress handshake_advance(struct handshake *handshake)
{
    if (handshake->progress != HANDSHAKE_GOES_ON)
        return handshake->progress;
    ERR_clear_error();
    handshake->progress = advance(handshake);
    ERR_clear_error();
    return handshake->progress;
}

enum handshake_failure handshake_failure(const struct handshake *handshake)
{
    return handshake->failure;
}

const char *handshake_failure_words(const struct handshake *handshake)
{
    return handshake->failure_words;
}

struct certificate_chain *handshake_take_chain(struct handshake *handshake)
{
    struct certificate_chain *chain = handshake->chain;
    handshake->chain = NULL;
    return chain;
}
