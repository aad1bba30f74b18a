/* tls/tls_client.c - how Pinhole shakes hands as a client. */
#include "tls/tls_client.h"
#include "net/socket.h"
#include "tls/certificate_chain.h"
#include "tls/handshake_layout.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

/* A server whose group were larger would have us calculate for long. */
enum { DH_BITS_MAX = 4096 };

/* ---- Bytes between the library and the socket ---- */

/* Unlike the library's own: raises no signal, counts, and tells an end from a fault. */
static int channel_read(BIO *bio, char *ret_bytes, int size)
{
    struct handshake_channel *channel = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0 || channel->received >= HANDSHAKE_BYTES_MAX)
        return -1;
    ssize_t count = socket_receive(channel->descriptor, ret_bytes, (size_t)size, 0);
    if (count > 0) {
        channel->received += (size_t)count;
        return (int)count;
    }
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    else
        channel->is_closed = true;
    return count == 0 ? 0 : -1;
}

static int channel_write(BIO *bio, const char *bytes, int size)
{
    struct handshake_channel *channel = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (size <= 0)
        return -1;
    ssize_t count = socket_send(channel->descriptor, bytes, (size_t)size, 0);
    if (count >= 0)
        return (int)count;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        BIO_set_retry_write(bio);
    else
        channel->is_closed = true;
    return -1;
}

static long channel_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *channel_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pinhole");
    if (method != NULL && BIO_meth_set_read(method, channel_read) == 1 &&
        BIO_meth_set_write(method, channel_write) == 1 &&
        BIO_meth_set_ctrl(method, channel_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- What handshakes share ---- */

/* certificate_check() judges; here the library would only do the same work for nothing. */
static int leave_certificates_be(X509_STORE_CTX *context, void *unused)
{
    (void)context;
    (void)unused;
    return 1;
}

/* In place of the library's security levels, for which a system's openssl.cnf may ask: all else is
 * good enough to see a certificate, and to be judged by it.
 * NOLINTNEXTLINE(readability-function-size): its parameters are the library's */
static int refuse_costly_groups(const SSL *ssl, const SSL_CTX *context, int operation, int bits,
                                int nid, void *other, void *unused)
{
    (void)ssl;
    (void)context;
    (void)bits;
    (void)nid;
    (void)unused;
    return operation != SSL_SECOP_TMP_DH || EVP_PKEY_get_bits(other) <= DH_BITS_MAX;
}

static void set_up(SSL_CTX *context)
{
    SSL_CTX_set_security_callback(context, refuse_costly_groups);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_LIST_BYTES_MAX);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(context, leave_certificates_be, NULL);
}

struct tls_client *tls_client_new(struct fault *fault)
{
    struct tls_client *client = calloc(1, sizeof(*client));
    if (client != NULL) {
        ERR_clear_error();
        client->context = SSL_CTX_new(TLS_client_method());
        client->channel_method = channel_method_new();
        ERR_clear_error();
    }
    if (client == NULL || client->context == NULL || client->channel_method == NULL) {
        fault_what(fault, "can't set up TLS");
        fault_where(fault, "%s", OpenSSL_version(OPENSSL_VERSION));
        fault_remedy(fault, "look into the system's openssl.cnf, and at how much memory is free");
        tls_client_free(client);
        return NULL;
    }
    set_up(client->context);
    return client;
}

void tls_client_free(struct tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->context);
    BIO_meth_free(client->channel_method);
    free(client);
}
