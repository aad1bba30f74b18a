/* resolver/tcp_server.c - the listening socket of DNS over TCP or TLS, and its connections. */
#include "resolver/tcp_server.h"

#include "base/client_rate.h"
#include "base/clock.h"
#include "net/socket.h"
#include "resolver/tcp_connection.h"
#include "tls/server_context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 64,    /* then the other sockets of the loop have their turn */
    ACCEPTS_AT_LAST = 4096, /* as many as the kernel keeps waiting */
    ACCEPT_PAUSE_MS = 100,  /* when the process or the machine is out of descriptors */
    KERNEL_BUFFER_BYTES = 32768,
};

/* What came of one accept. */
enum accept_outcome {
    ACCEPT_EXHAUSTED = 0, /* no descriptor or memory for it */
    ACCEPT_NONE_WAITING,
    ACCEPT_GO_ON, /* taken, or lost before it was taken */
};

struct tcp_server {
    uv_poll_t listener;
    uv_timer_t pause;
    int descriptor;      /* -1: accepts no more */
    unsigned open_count; /* our two handles, and the connections: the last one to close frees */
    unsigned connection_count;
    struct tcp_connection *connections;
    struct resolver *resolver;
    struct server_context_slot *tls; /* NULL: plain TCP */
    struct client_rate *handshakes;  /* of `tls` */
};

static void release(struct tcp_server *server)
{
    if (--server->open_count == 0)
        free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_connection_closed(void *context, struct tcp_connection *connection)
{
    struct tcp_server *server = context;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    server->connection_count--;
    release(server);
}

static bool is_same_client(const struct ip_address *left, const struct ip_address *right)
{
    return left->family == right->family &&
           memcmp(left->bytes, right->bytes, ip_address_client_bytes(left)) == 0;
}

/* Walks the list, which is short and seldom walked: keeping counts by address would cost more code
 * than time. */
static bool client_has_room(const struct tcp_server *server, const struct endpoint *client)
{
    unsigned count = 0;
    for (const struct tcp_connection *at = server->connections; at != NULL; at = at->next)
        count += is_same_client(&at->client.address, &client->address);
    return count < TCP_CONNECTIONS_PER_CLIENT_MAX;
}

/* A handshake costs as much time as some hundred queries. */
static bool client_has_handshakes(const struct tcp_server *server, const struct endpoint *client)
{
    return server->tls == NULL ||
           client_rate_count(server->handshakes, &client->address, clock_monotonic_ms() / 1000) <
               TLS_HANDSHAKES_PER_CLIENT_MAX;
}

static void start_connection(struct tcp_server *server, int descriptor,
                             const struct endpoint *client)
{
    struct tcp_connection_owner owner = {
        .resolver = server->resolver,
        .context = server,
        .connection_closed = on_connection_closed,
        .tls = server->tls != NULL ? server_context_slot_get(server->tls) : NULL,
    };
    struct tcp_connection *connection =
        tcp_connection_new(server->listener.loop, descriptor, client, &owner);
    if (connection == NULL)
        return;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
    server->connection_count++;
    server->open_count++;
    resolver_count(server->resolver, RESOLVER_TCP_ACCEPTED, 1);
}

static enum accept_outcome accept_one(struct tcp_server *server)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int descriptor = accept4(server->descriptor, (struct sockaddr *)&address, &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0 && errno == EAGAIN)
        return ACCEPT_NONE_WAITING;
    if (descriptor < 0 && socket_is_shortage(errno))
        return ACCEPT_EXHAUSTED;
    if (descriptor < 0)
        return ACCEPT_GO_ON; /* accept(2): errors of the connection, which is gone */
    struct endpoint client = endpoint_from_sockaddr((const struct sockaddr *)&address);
    if (socket_is_in_reserve(descriptor, socket_descriptor_limit()) ||
        server->connection_count >= TCP_CONNECTIONS_MAX || !client_has_room(server, &client) ||
        !client_has_handshakes(server, &client)) {
        close(descriptor);
        resolver_count(server->resolver, RESOLVER_TCP_TURNED_AWAY, 1);
    } else {
        start_connection(server, descriptor, &client);
    }
    return ACCEPT_GO_ON;
}

static void listen_on(struct tcp_server *server);

static void on_pause_over(uv_timer_t *timer)
{
    listen_on(timer->data);
}

static void on_connections_waiting(uv_poll_t *listener, int status, int events)
{
    (void)events;
    struct tcp_server *server = listener->data;
    enum accept_outcome outcome = status == 0 ? ACCEPT_GO_ON : ACCEPT_EXHAUSTED;
    for (int i = 0; outcome == ACCEPT_GO_ON && i < ACCEPTS_A_TURN; i++)
        outcome = accept_one(server);
    if (outcome == ACCEPT_EXHAUSTED) { /* they wait in the kernel; asking at once would spin */
        uv_poll_stop(&server->listener);
        (void)uv_timer_start(&server->pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
    }
}

/* Neither this nor a timer's start fails while the handle is open. */
static void listen_on(struct tcp_server *server)
{
    (void)uv_poll_start(&server->listener, UV_READABLE, on_connections_waiting);
}

/* Connections inherit this. Left alone, the kernel lets a client that does not read pile up
 * megabytes of answers, and of queries behind them. Failure leaves just that. */
static void bound_kernel_buffers(int descriptor)
{
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &(int){ KERNEL_BUFFER_BYTES }, sizeof(int));
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &(int){ KERNEL_BUFFER_BYTES }, sizeof(int));
}

struct tcp_server *tcp_server_new(uv_loop_t *loop, int descriptor, struct resolver *resolver,
                                  int *ret_error)
{
    struct tcp_server *server = calloc(1, sizeof(*server));
    int error = server != NULL ? uv_poll_init(loop, &server->listener, descriptor) : UV_ENOMEM;
    if (error != 0) {
        free(server);
        *ret_error = error;
        return NULL;
    }
    (void)uv_timer_init(loop, &server->pause); /* never fails */
    server->listener.data = server->pause.data = server;
    server->open_count = 2;
    server->descriptor = descriptor;
    server->resolver = resolver;
    bound_kernel_buffers(descriptor);
    listen_on(server);
    return server;
}

void tcp_server_use_tls(struct tcp_server *server, struct server_context_slot *tls,
                        struct client_rate *handshakes)
{
    server->tls = tls;
    server->handshakes = handshakes;
}

/* The handle must leave the loop while the descriptor still has its number. */
static void stop_listening(struct tcp_server *server)
{
    if (server->descriptor < 0)
        return;
    (void)uv_timer_stop(&server->pause);
    uv_close((uv_handle_t *)&server->listener, on_handle_closed);
    close(server->descriptor);
    server->descriptor = -1;
}

void tcp_server_stop_accepting(struct tcp_server *server, bool takes_queued)
{
    enum accept_outcome outcome = ACCEPT_GO_ON;
    if (server->descriptor < 0)
        return;
    for (int i = 0; takes_queued && outcome == ACCEPT_GO_ON && i < ACCEPTS_AT_LAST; i++)
        outcome = accept_one(server);
    stop_listening(server);
    for (struct tcp_connection *at = server->connections; at != NULL; at = at->next)
        tcp_connection_end_soon(at);
}

unsigned tcp_server_connection_count(const struct tcp_server *server)
{
    return server->connection_count;
}

void tcp_server_free(struct tcp_server *server)
{
    if (server == NULL)
        return;
    stop_listening(server);
    uv_close((uv_handle_t *)&server->pause, on_handle_closed);
    for (struct tcp_connection *at = server->connections; at != NULL; at = at->next)
        tcp_connection_close(at);
}
