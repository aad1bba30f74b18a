/* tls/server_context.c - what a TLS server needs for every handshake. */
#include "tls/server_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* RFC 9325 4.2: forward secrecy and authenticated encryption. Those of TLS 1.3 all have both. */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct server_context *server_context_ref(struct server_context *context)
{
    if (context != NULL)
        atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    return context;
}

struct server_context *server_context_unref(struct server_context *context)
{
    if (context != NULL &&
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1) {
        SSL_CTX_free(context->library);
        free(context);
    }
    return NULL;
}

/* RFC 7301 3.2: the server's choice, or a fatal alert where none is common. `wanted` is the
 * server's. */
static int choose_protocol(SSL *tls, const unsigned char **ret_chosen, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *wanted)
{
    const char *protocol = wanted;
    (void)tls;
    for (unsigned at = 0; at < offered_size; at += 1U + offered[at]) { /* the library checked it */
        if (offered[at] == strlen(protocol) &&
            memcmp(offered + at + 1, protocol, offered[at]) == 0) {
            *ret_chosen = offered + at + 1;
            *ret_size = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Nobody is there to type one: without this the library would ask the terminal. */
static int give_no_passphrase(char *buffer, int size, int is_for_writing, void *context)
{
    (void)buffer, (void)size, (void)is_for_writing, (void)context;
    return -1;
}

static bool set_terms(SSL_CTX *library, const char *protocol)
{
    SSL_CTX_set_options(library, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                     /* DNS messages say where they end: a cut one is not read */
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(library, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(library, 1); /* a record costs one system call, not two */
    SSL_CTX_set_session_cache_mode(library, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(library, give_no_passphrase);
    SSL_CTX_set_alpn_select_cb(library, choose_protocol, (void *)protocol);
    return SSL_CTX_set_min_proto_version(library, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(library, tls12_ciphers) == 1;
}

/* Why a file was not read: what the system says, or else the library. */
static const char *reason_of(const char *path)
{
    const char *reason;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return strerror(errno);
    (void)fclose(file);
    reason = ERR_reason_error_string(ERR_peek_error());
    return reason != NULL ? reason : "it holds nothing of that kind";
}

static bool read_files(SSL_CTX *library, const struct server_certificate *certificate,
                       struct fault *fault)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(library, certificate->chain) != 1) {
        fault_what(fault, "can't read the certificate: %s", reason_of(certificate->chain));
        fault_where(fault, "%s", certificate->chain);
        fault_remedy(fault, "give a PEM file with the server's certificate first, then those that "
                            "lead to its root");
        return false;
    }
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(library, certificate->key, SSL_FILETYPE_PEM) == 1)
        return true;
    bool is_anothers = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
                       ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH;
    if (is_anothers)
        fault_what(fault, "the key is not that of the certificate");
    else
        fault_what(fault, "can't read the key: %s", reason_of(certificate->key));
    fault_where(fault, "%s", certificate->key);
    fault_remedy(fault, "give a PEM file with the key of the certificate in %s, and no passphrase",
                 certificate->chain);
    return false;
}

static int64_t end_of(const X509 *certificate)
{
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
        return 0;
    return timegm(&end);
}

struct server_context *server_context_new(const struct server_certificate *certificate,
                                          const char *protocol, struct fault *fault)
{
    struct server_context *context = calloc(1, sizeof(*context));
    SSL_CTX *library = SSL_CTX_new(TLS_server_method());
    fault_what(fault, "can't prepare TLS: out of memory");
    if (context != NULL && library != NULL && set_terms(library, protocol) &&
        read_files(library, certificate, fault)) {
        atomic_init(&context->references, 1);
        context->library = library;
        context->not_after_s = end_of(SSL_CTX_get0_certificate(library));
        return context;
    }
    SSL_CTX_free(library);
    free(context);
    return NULL;
}

void server_context_slot_init(struct server_context_slot *slot, struct server_context *first)
{
    atomic_init(&slot->next, NULL);
    slot->current = server_context_ref(first);
}

void server_context_slot_release(struct server_context_slot *slot)
{
    server_context_unref(atomic_exchange(&slot->next, NULL));
    slot->current = server_context_unref(slot->current);
}

void server_context_slot_put(struct server_context_slot *slot, struct server_context *context)
{
    server_context_unref(atomic_exchange(&slot->next, server_context_ref(context)));
}

struct server_context *server_context_slot_get(struct server_context_slot *slot)
{
    struct server_context *next = NULL;
    if (atomic_load_explicit(&slot->next, memory_order_relaxed) != NULL)
        next = atomic_exchange(&slot->next, NULL);
    if (next != NULL) {
        server_context_unref(slot->current);
        slot->current = next;
    }
    return slot->current;
}
