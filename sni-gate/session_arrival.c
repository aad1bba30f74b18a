/* sni-gate/session_arrival.c - who came, and where to. */
#include "sni-gate/session_arrival.h"
#include "net/socket.h"
#include "sni-gate/proxy_header.h"

#include <sys/epoll.h>

static void name_client(struct session_arrival *arrival, const struct proxy_header *header)
{
    arrival->proxy = arrival->client;
    arrival->client = header->source;
    arrival->destination = header->destination.address;
}

static bool judge(enum reason reason, enum reason *ret_reason)
{
    *ret_reason = reason;
    return true;
}

bool session_arrival_read_header(struct session_arrival *arrival, int descriptor, uint32_t events,
                                 enum reason *ret_reason)
{
    uint8_t bytes[PROXY_HEADER_MAX];
    struct proxy_header header;
    enum proxy_header_status status = PROXY_HEADER_INCOMPLETE;
    ssize_t size = socket_receive(descriptor, bytes, sizeof(bytes), MSG_PEEK);
    if (size > 0)
        status = proxy_header_parse(bytes, (size_t)size, &header);
    switch (status) {
    case PROXY_HEADER_INCOMPLETE: /* a peek does not show the end behind half a header */
        return (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 &&
               judge(REASON_PROXY_HEADER_MISSING, ret_reason);
    case PROXY_HEADER_MALFORMED:
        return judge(REASON_PROXY_HEADER_MALFORMED, ret_reason);
    case PROXY_HEADER_WITHOUT_CLIENT:
        return judge(REASON_PROXY_WITHOUT_CLIENT, ret_reason);
    case PROXY_HEADER_COMPLETE:
        break;
    }
    if (socket_receive(descriptor, bytes, header.size, 0) != (ssize_t)header.size)
        return judge(REASON_PROXY_HEADER_MISSING, ret_reason); /* it was there a moment ago */
    name_client(arrival, &header);
    return judge(REASON_ALLOWED, ret_reason);
}

struct ip_address session_arrival_address(const struct session_arrival *arrival, int descriptor)
{
    struct ip_address address = arrival->destination;
    if (address.family == 0)
        (void)socket_local_address(descriptor, &address); /* it stays unknown */
    return address;
}
