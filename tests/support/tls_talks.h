/* tests/support/tls_talks.h - a client and a server of OpenSSL's, and what they say to each other,
 * all in memory. */
#pragma once
#include "test_keys.h"

#include <openssl/ssl.h>

enum { TALK_MAX = 32 * 1024 };

struct talk;

/* What a client and a server are willing to do. */
struct talk_parts {
    int version;         /* the highest that the client offers */
    const char *suites;  /* of TLS 1.2 and lower, the client's and the server's; NULL: any */
    const char *schemes; /* the client's; NULL: any */
    const char *groups;  /* the server's; NULL: any */
    enum test_key keys[2];
    void (*prepare)(struct talk *talk); /* further settings; NULL: none */
};

struct talk {
    SSL_CTX *client_context, *server_context;
    SSL *client, *server;
};

static inline SSL_CTX *talk_context_new(const struct talk_parts *parts)
{
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(context, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_VERSION), 1);
    if (parts->suites != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(context, parts->suites), 1);
    return context;
}

static inline void talk_add_key(SSL_CTX *server, enum test_key kind)
{
    EVP_PKEY *key = test_key_new(kind);
    if (key == NULL)
        return;
    X509 *certificate = test_certificate_new(key);
    assert_int_equal(SSL_CTX_use_cert_and_key(server, certificate, key, NULL, 0), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* The next connection of the same two; `session` (NULL: none) is what the client resumes. */
static inline void talk_connect(struct talk *talk, SSL_SESSION *session)
{
    SSL_free(talk->client);
    SSL_free(talk->server);
    talk->client = SSL_new(talk->client_context);
    talk->server = SSL_new(talk->server_context);
    SSL_set_bio(talk->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_bio(talk->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(talk->client);
    SSL_set_accept_state(talk->server);
    assert_int_equal(SSL_set_tlsext_host_name(talk->client, "a.test"), 1);
    if (session != NULL)
        assert_int_equal(SSL_set_session(talk->client, session), 1);
}

static inline struct talk talk_open(const struct talk_parts *parts)
{
    struct talk talk = { talk_context_new(parts), talk_context_new(parts), NULL, NULL };
    assert_int_equal(SSL_CTX_set_max_proto_version(talk.client_context, parts->version), 1);
    SSL_CTX_set_dh_auto(talk.server_context, 1);
    if (parts->schemes != NULL) {
        assert_int_equal(SSL_CTX_set1_sigalgs_list(talk.client_context, parts->schemes), 1);
        assert_int_equal(SSL_CTX_set1_sigalgs_list(talk.server_context, parts->schemes), 1);
    }
    if (parts->groups != NULL)
        assert_int_equal(SSL_CTX_set1_groups_list(talk.server_context, parts->groups), 1);
    talk_add_key(talk.server_context, parts->keys[0]);
    talk_add_key(talk.server_context, parts->keys[1]);
    if (parts->prepare != NULL)
        parts->prepare(&talk);
    talk_connect(&talk, NULL);
    return talk;
}

static inline void talk_close(struct talk *talk)
{
    SSL_free(talk->client);
    SSL_free(talk->server);
    SSL_CTX_free(talk->client_context);
    SSL_CTX_free(talk->server_context);
}

/* One side's turn: what it says, which the other has heard then. */
static inline size_t talk_turn(SSL *speaker, SSL *listener, uint8_t ret_bytes[TALK_MAX])
{
    (void)SSL_do_handshake(speaker);
    int size = BIO_read(SSL_get_wbio(speaker), ret_bytes, TALK_MAX);
    if (size <= 0)
        return 0;
    assert_int_equal(BIO_write(SSL_get_rbio(listener), ret_bytes, size), size);
    return (size_t)size;
}

/* To the end of the handshake; returns the session, for the next one. */
static inline SSL_SESSION *talk_finish(struct talk *talk)
{
    uint8_t bytes[TALK_MAX];
    for (int turn = 0; turn < 4; turn++) {
        (void)talk_turn(talk->client, talk->server, bytes);
        (void)talk_turn(talk->server, talk->client, bytes);
    }
    assert_true(SSL_is_init_finished(talk->client) && SSL_is_init_finished(talk->server));
    (void)SSL_read(talk->client, bytes, 1);            /* the tickets of TLS 1.3 */
    SSL_set_shutdown(talk->client, SSL_SENT_SHUTDOWN); /* else it is no session to resume */
    SSL_set_shutdown(talk->server, SSL_SENT_SHUTDOWN);
    return SSL_get1_session(talk->client);
}
