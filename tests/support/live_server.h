/* tests/support/live_server.h - a TLS server on loopback, in a thread of its own, whose
 * certificates and manners a test changes while it runs. It serves one connection after the other
 * and counts them. */
#pragma once
#include "certificates.h"
#include "loop_sockets.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

enum { LIVE_SERVER_FACES_MAX = 16, LIVE_SERVER_HELD_MAX = 64 };

enum live_server_manner {
    LIVE_SERVER_SHAKES_HANDS = 0,
    LIVE_SERVER_WAITS_FIRST, /* for live_server_go_on(), once a connection */
    LIVE_SERVER_HANGS,       /* reads nothing, says nothing */
    LIVE_SERVER_IS_NO_TLS,
    LIVE_SERVER_CLOSES,
};

/* A certificate and its key; borrowed. */
struct live_identity {
    X509 *certificate;
    EVP_PKEY *key;
};

/* How it shows itself: as many identities as there are, of one kind each. */
struct live_face {
    struct live_identity identities[2];
    int version; /* the only one; 0: any */
    bool demands_certificate;
};

struct live_server {
    int listener;
    struct endpoint endpoint;
    pthread_t thread;
    sem_t go_on;
    atomic_uint manner; /* enum live_server_manner */
    atomic_uint accepted;
    _Atomic(SSL_CTX *) context;
    SSL_CTX *contexts[LIVE_SERVER_FACES_MAX]; /* all that there were */
    unsigned context_count;
    int held[LIVE_SERVER_HELD_MAX]; /* the thread's */
    unsigned held_count;
};

static inline void live_server_shake_hands(struct live_server *server, int descriptor)
{
    const struct timeval patience = { .tv_sec = 10 };
    SSL *ssl = SSL_new(atomic_load(&server->context));
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    SSL_set_fd(ssl, descriptor);
    char byte;
    if (SSL_accept(ssl) == 1)
        (void)SSL_read(ssl, &byte, 1); /* its goodbye */
    SSL_free(ssl);
    close(descriptor);
}

static inline void live_server_receive(struct live_server *server, int descriptor)
{
    static const char page[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    switch ((enum live_server_manner)atomic_load(&server->manner)) {
    case LIVE_SERVER_WAITS_FIRST:
        while (sem_wait(&server->go_on) != 0) {
        }
        live_server_shake_hands(server, descriptor);
        return;
    case LIVE_SERVER_SHAKES_HANDS:
        live_server_shake_hands(server, descriptor);
        return;
    case LIVE_SERVER_HANGS:
        if (server->held_count < LIVE_SERVER_HELD_MAX)
            server->held[server->held_count++] = descriptor;
        return;
    case LIVE_SERVER_IS_NO_TLS:
        (void)!send(descriptor, page, sizeof(page) - 1, MSG_NOSIGNAL);
        shutdown(descriptor, SHUT_WR);
        (void)!read(descriptor, &(char[4096]){ 0 }, 4096); /* or a reset would take the page back */
        break;
    case LIVE_SERVER_CLOSES:
        (void)!read(descriptor, &(char[4096]){ 0 }, 4096);
        break;
    }
    close(descriptor);
}

static inline void *live_server_run(void *context)
{
    struct live_server *server = context;
    int descriptor;
    while ((descriptor = accept(server->listener, NULL, NULL)) >= 0) {
        atomic_fetch_add(&server->accepted, 1);
        live_server_receive(server, descriptor);
    }
    for (unsigned i = 0; i < server->held_count; i++)
        close(server->held[i]);
    return NULL;
}

/* From now on it shows itself so. */
static inline void live_server_show(struct live_server *server, const struct live_face *face)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_true(server->context_count < LIVE_SERVER_FACES_MAX);
    SSL_CTX_set_min_proto_version(context, face->version);
    SSL_CTX_set_max_proto_version(context, face->version);
    for (size_t i = 0; i < COUNT(face->identities); i++) {
        const struct live_identity *identity = &face->identities[i];
        if (identity->certificate == NULL)
            continue;
        assert_int_equal(SSL_CTX_use_certificate(context, identity->certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, identity->key), 1);
    }
    if (face->demands_certificate)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    server->contexts[server->context_count++] = context;
    atomic_store(&server->context, context);
}

static inline void live_server_start(struct live_server *server, const struct live_face *face)
{
    *server = (struct live_server){ .listener = bound_socket(SOCK_STREAM, "127.0.0.1:0") };
    signal(SIGPIPE, SIG_IGN); /* clients leave when they have seen enough */
    fcntl(server->listener, F_SETFL, 0);
    server->endpoint = socket_endpoint(server->listener);
    live_server_show(server, face);
    sem_init(&server->go_on, 0, 0);
    assert_int_equal(pthread_create(&server->thread, NULL, live_server_run, server), 0);
}

static inline void live_server_behave(struct live_server *server, enum live_server_manner manner)
{
    atomic_store(&server->manner, manner);
}

static inline void live_server_go_on(struct live_server *server)
{
    sem_post(&server->go_on);
}

static inline void live_server_stop(struct live_server *server)
{
    live_server_behave(server, LIVE_SERVER_CLOSES);
    live_server_go_on(server);
    shutdown(server->listener, SHUT_RDWR); /* accept() returns */
    pthread_join(server->thread, NULL);
    close(server->listener);
    for (unsigned i = 0; i < server->context_count; i++)
        SSL_CTX_free(server->contexts[i]);
    sem_destroy(&server->go_on);
}
