/* app/listening_sockets.c - all sockets that clients come to. */
#include "app/listening_sockets.h"
#include "net/socket.h"

#include <stdlib.h>
#include <unistd.h>

bool listening_sockets_init(struct listening_sockets *sockets, struct fault *fault)
{
    /* Memory that is never touched costs nothing. */
    sockets->socket = calloc(LISTENING_SOCKETS_MAX, sizeof(*sockets->socket));
    sockets->count = 0;
    if (sockets->socket == NULL)
        fault_what(fault, "out of memory");
    return sockets->socket != NULL;
}

void listening_sockets_release(struct listening_sockets *sockets)
{
    free(sockets->socket);
    *sockets = (struct listening_sockets){ 0 };
}

static uint32_t count_of(const struct listening_sockets *sockets, enum socket_use use,
                         uint32_t listener)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sockets->count; i++)
        count += sockets->socket[i].use == use && sockets->socket[i].listener == listener;
    return count;
}

bool listening_sockets_have(const struct listening_sockets *sockets, enum socket_use use,
                            uint32_t listener)
{
    return count_of(sockets, use, listener) > 0;
}

static void add(struct listening_sockets *sockets, const struct listening_socket *socket)
{
    if (sockets->count < LISTENING_SOCKETS_MAX)
        sockets->socket[sockets->count++] = *socket;
    else
        (void)close(socket->descriptor);
}

/* Whose a descriptor is; SOCKET_USE_NONE: no listener's. */
static struct listening_socket find_listener(const struct options *options, int descriptor)
{
    struct endpoint endpoint;
    enum socket_role role = socket_role(descriptor, &endpoint);
    if (role == SOCKET_ROLE_NONE)
        return (struct listening_socket){ .descriptor = descriptor };
    for (uint32_t i = 0; i < options->dns_listen_count; i++)
        if (endpoint_equal(&options->dns_listen[i], &endpoint))
            return (struct listening_socket){
                .use = role == SOCKET_ROLE_UDP ? SOCKET_USE_DNS_UDP : SOCKET_USE_DNS_TCP,
                .listener = i,
                .descriptor = descriptor,
            };
    for (uint32_t i = 0; i < options->dot_listen_count && role == SOCKET_ROLE_LISTENER; i++)
        if (endpoint_equal(&options->dot_listen[i], &endpoint))
            return (struct listening_socket){ SOCKET_USE_DNS_TLS, i, 0, descriptor };
    for (uint32_t i = 0; i < options->tls_listen_count && role == SOCKET_ROLE_LISTENER; i++)
        if (endpoint_equal(&options->tls_listen[i].endpoint, &endpoint))
            return (struct listening_socket){ SOCKET_USE_GATE, i, 0, descriptor };
    if (!options->has_no_status && endpoint_equal(&options->status_listen, &endpoint) &&
        role == SOCKET_ROLE_LISTENER)
        return (struct listening_socket){ SOCKET_USE_STATUS, 0, LISTENING_SOCKETS_CONTROL,
                                          descriptor };
    return (struct listening_socket){ .descriptor = descriptor };
}

void listening_sockets_adopt(struct listening_sockets *sockets, const struct options *options,
                             const int *descriptors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct listening_socket found = find_listener(options, descriptors[i]);
        bool is_second = found.use == SOCKET_USE_STATUS && listening_sockets_status(sockets) >= 0;
        if (found.use == SOCKET_USE_NONE || is_second) {
            (void)close(descriptors[i]);
            continue;
        }
        if (found.use != SOCKET_USE_STATUS)
            found.worker = count_of(sockets, found.use, found.listener) % options->workers;
        add(sockets, &found);
    }
}

static const struct endpoint *endpoint_of(const struct options *options,
                                          const struct listening_socket *socket)
{
    switch (socket->use) {
    case SOCKET_USE_DNS_TLS:
        return &options->dot_listen[socket->listener];
    case SOCKET_USE_GATE:
        return &options->tls_listen[socket->listener].endpoint;
    case SOCKET_USE_STATUS:
        return &options->status_listen;
    case SOCKET_USE_DNS_UDP:
    case SOCKET_USE_DNS_TCP:
    case SOCKET_USE_NONE:
        break;
    }
    return &options->dns_listen[socket->listener];
}

/* Binds one for each worker that has none. Those taken over were dealt out from the first worker
 * on. */
static bool bind_rest_of(struct listening_sockets *sockets, struct listening_socket wanted,
                         const struct options *options, struct fault *fault)
{
    const struct endpoint *endpoint = endpoint_of(options, &wanted);
    wanted.worker = count_of(sockets, wanted.use, wanted.listener);
    for (; wanted.worker < options->workers; wanted.worker++) {
        wanted.descriptor = wanted.use == SOCKET_USE_DNS_UDP ? socket_bind_udp(endpoint, fault)
                                                             : socket_listen_tcp(endpoint, fault);
        if (wanted.descriptor < 0)
            return false;
        add(sockets, &wanted);
    }
    return true;
}

int listening_sockets_status(const struct listening_sockets *sockets)
{
    for (uint32_t i = 0; i < sockets->count; i++)
        if (sockets->socket[i].use == SOCKET_USE_STATUS)
            return sockets->socket[i].descriptor;
    return -1;
}

static bool bind_status(struct listening_sockets *sockets, const struct options *options,
                        struct fault *fault)
{
    if (options->has_no_status || listening_sockets_status(sockets) >= 0)
        return true;
    int descriptor = socket_listen_tcp(&options->status_listen, fault);
    struct listening_socket socket = { SOCKET_USE_STATUS, 0, LISTENING_SOCKETS_CONTROL,
                                       descriptor };
    if (descriptor >= 0)
        add(sockets, &socket);
    return descriptor >= 0;
}

bool listening_sockets_bind_rest(struct listening_sockets *sockets, const struct options *options,
                                 struct fault *fault)
{
    bool is_bound = true;
    for (uint32_t i = 0; is_bound && i < options->dns_listen_count; i++) {
        struct listening_socket udp = { .use = SOCKET_USE_DNS_UDP, .listener = i };
        struct listening_socket tcp = { .use = SOCKET_USE_DNS_TCP, .listener = i };
        is_bound = bind_rest_of(sockets, udp, options, fault) &&
                   bind_rest_of(sockets, tcp, options, fault);
    }
    for (uint32_t i = 0; is_bound && i < options->dot_listen_count; i++) {
        struct listening_socket tls = { .use = SOCKET_USE_DNS_TLS, .listener = i };
        is_bound = bind_rest_of(sockets, tls, options, fault);
    }
    for (uint32_t i = 0; is_bound && i < options->tls_listen_count; i++) {
        struct listening_socket gate = { .use = SOCKET_USE_GATE, .listener = i };
        is_bound = bind_rest_of(sockets, gate, options, fault);
    }
    return is_bound && bind_status(sockets, options, fault);
}
