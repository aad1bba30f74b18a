/* net/socket.c - sockets bound and set up. */
#include "net/socket.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Room for a burst of queries while a worker is busy with its batch. */
enum {
    KEEPALIVE_IDLE_S = 60,
    KEEPALIVE_INTERVAL_S = 15,
    KEEPALIVE_PROBES = 4,
    RESERVED_DESCRIPTORS = 32
};
enum { UDP_RECEIVE_BUFFER_BYTES = 4 << 20, LISTEN_BACKLOG = 4096, CLAIM_ATTEMPTS = 32 };

static void describe(const struct endpoint *endpoint, struct fault *fault)
{
    char where[64];
    struct text text = text_in(where, sizeof(where));
    endpoint_add_to(endpoint, &text);
    fault_where(fault, "%s", where);
    switch (errno) {
    case EADDRINUSE:
        fault_what(fault, "the address is in use");
        fault_remedy(
            fault,
            "stop the process that listens there (ss -lntup shows it), or choose another port");
        break;
    case EACCES:
        fault_what(fault, "not permitted to listen on a port below 1024");
        fault_remedy(fault, "choose a higher port, or give the process CAP_NET_BIND_SERVICE");
        break;
    case EADDRNOTAVAIL:
        fault_what(fault, "this machine has no such address");
        fault_remedy(fault, "choose one of its addresses (ip address shows them)");
        break;
    default:
        fault_what(fault, "can't listen: %s", strerror(errno));
        break;
    }
}

static int set_flag(int descriptor, int level, int option)
{
    int one = 1;
    return setsockopt(descriptor, level, option, &one, sizeof(one));
}

/* Opens and binds; -1 with errno. */
static int open_bound(const struct endpoint *endpoint, int type, bool is_shared)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(endpoint, &address);
    int descriptor = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    bool is_set =
        (!is_shared || set_flag(descriptor, SOL_SOCKET, SO_REUSEPORT) == 0) &&
        (type != SOCK_STREAM || set_flag(descriptor, SOL_SOCKET, SO_REUSEADDR) == 0) &&
        (address.ss_family != AF_INET6 || set_flag(descriptor, IPPROTO_IPV6, IPV6_V6ONLY) == 0);
    if (is_set && bind(descriptor, (struct sockaddr *)&address, size) == 0)
        return descriptor;
    int error = errno;
    (void)close(descriptor);
    errno = error;
    return -1;
}

int socket_bind_udp(const struct endpoint *endpoint, struct fault *fault)
{
    int size = UDP_RECEIVE_BUFFER_BYTES;
    int descriptor = open_bound(endpoint, SOCK_DGRAM, true);
    if (descriptor < 0)
        describe(endpoint, fault);
    else /* the kernel grants what net.core.rmem_max allows */
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return descriptor;
}

int socket_listen_tcp(const struct endpoint *endpoint, struct fault *fault)
{
    int descriptor = open_bound(endpoint, SOCK_STREAM, true);
    if (descriptor >= 0 && listen(descriptor, LISTEN_BACKLOG) == 0)
        return descriptor;
    describe(endpoint, fault);
    if (descriptor >= 0)
        (void)close(descriptor);
    return -1;
}

/* One attempt of socket_claim(); false with errno. */
static bool try_claim(struct endpoint *endpoint, bool with_udp)
{
    struct endpoint claimed = *endpoint;
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int tcp = open_bound(endpoint, SOCK_STREAM, false), udp = -1;
    bool is_free = tcp >= 0 && listen(tcp, 1) == 0 &&
                   getsockname(tcp, (struct sockaddr *)&address, &size) == 0;
    if (is_free) {
        claimed.port = endpoint_from_sockaddr((struct sockaddr *)&address).port;
        udp = with_udp ? open_bound(&claimed, SOCK_DGRAM, false) : -1;
        is_free = !with_udp || udp >= 0;
    }
    int error = errno;
    if (tcp >= 0)
        (void)close(tcp);
    if (udp >= 0)
        (void)close(udp);
    errno = error;
    if (is_free)
        *endpoint = claimed;
    return is_free;
}

bool socket_claim(struct endpoint *endpoint, bool with_udp, struct fault *fault)
{
    bool any_port = endpoint->port == 0;
    for (int attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
        if (try_claim(endpoint, with_udp))
            return true;
        if (!any_port || errno != EADDRINUSE)
            break; /* a port that the kernel chose for TCP may be taken for UDP; another may not */
    }
    describe(endpoint, fault);
    return false;
}

static bool has_option(int descriptor, int option, int wanted)
{
    int value = -1;
    socklen_t size = sizeof(value);
    return getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

enum socket_role socket_role(int descriptor, struct endpoint *ret_endpoint)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) == 0 ||
        getsockname(descriptor, (struct sockaddr *)&address, &size) != 0)
        return SOCKET_ROLE_NONE;
    struct endpoint endpoint = endpoint_from_sockaddr((struct sockaddr *)&address);
    bool is_udp = has_option(descriptor, SO_TYPE, SOCK_DGRAM) &&
                  has_option(descriptor, SO_PROTOCOL, IPPROTO_UDP);
    bool is_listener =
        has_option(descriptor, SO_TYPE, SOCK_STREAM) && has_option(descriptor, SO_ACCEPTCONN, 1);
    if (endpoint.address.family == 0 || (!is_udp && !is_listener))
        return SOCKET_ROLE_NONE;
    *ret_endpoint = endpoint;
    return is_udp ? SOCKET_ROLE_UDP : SOCKET_ROLE_LISTENER;
}

bool socket_address_is_local(const struct ip_address *address)
{
    struct endpoint endpoint = { *address, 0 };
    int descriptor = open_bound(&endpoint, SOCK_DGRAM, false);
    if (descriptor < 0)
        return false; /* only an address of this machine's can be bound */
    (void)close(descriptor);
    return true;
}

bool socket_local_address(int descriptor, struct ip_address *ret_address)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0)
        return false;
    struct endpoint endpoint = endpoint_from_sockaddr((struct sockaddr *)&address);
    if (endpoint.address.family == 0)
        return false;
    *ret_address = endpoint.address;
    return true;
}

uint64_t socket_descriptor_limit(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

bool socket_is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool socket_is_in_reserve(int descriptor, uint64_t descriptor_limit)
{
    return (uint64_t)descriptor + RESERVED_DESCRIPTORS >= descriptor_limit;
}

/* Whoever speaks first after the handshake saves a segment by it (tcp(7)). Failure only costs that.
 */
static void delay_acknowledgement(int descriptor)
{
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, &(int){ 0 }, sizeof(int));
}

int socket_connect(const struct endpoint *endpoint, uint64_t descriptor_limit,
                   bool *ret_is_connected)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(endpoint, &address);
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    delay_acknowledgement(descriptor);
    if (socket_is_in_reserve(descriptor, descriptor_limit)) {
        errno = EMFILE;
    } else {
        bool is_connected = connect(descriptor, (struct sockaddr *)&address, size) == 0;
        if (is_connected || errno == EINPROGRESS) {
            *ret_is_connected = is_connected;
            return descriptor;
        }
    }
    int error = errno;
    (void)close(descriptor);
    errno = error;
    return -1;
}

ssize_t socket_receive(int descriptor, void *ret_bytes, size_t size, int flags)
{
    ssize_t received;
    do
        received = recv(descriptor, ret_bytes, size, flags);
    while (received < 0 && errno == EINTR);
    return received;
}

ssize_t socket_send(int descriptor, const void *bytes, size_t size, int flags)
{
    ssize_t sent;
    do
        sent = send(descriptor, bytes, size, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

void socket_set_keepalive(int descriptor)
{
    static const struct {
        int level, option, value;
    } rows[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        (void)setsockopt(descriptor, rows[i].level, rows[i].option, &rows[i].value,
                         sizeof(rows[i].value)); /* these options take any such value */
}

void socket_set_no_delay(int descriptor)
{
    (void)set_flag(descriptor, IPPROTO_TCP, TCP_NODELAY);
}

uint64_t socket_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { limit.rlim_max, limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur;
}
