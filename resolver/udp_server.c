/* resolver/udp_server.c - DNS queries of one UDP socket, many for each system call. */
#include "resolver/udp_server.h"

#include "base/clock.h"
#include "resolver/dns.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 64,
    BATCHES_A_TURN = 4, /* about a millisecond; then the loop's other sockets have their turn */
    BUSY_BATCH = 16,
    AHEAD = 3,   /* messages that are read while one is answered; see answer_batch() */
    IN_HAND = 4, /* with that one */
};
static_assert(IN_HAND > AHEAD, "a message is answered before another is read into its place");

/* Room for what a client's message came with. Longer queries than our OPT invites are cut, and so
 * malformed. */
struct arrival {
    /* On a wildcard socket: the address that was asked. Aligned for a struct cmsghdr. */
    alignas(size_t) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    uint8_t query[DNS_EDNS_UDP_BYTES];
};

/* A query whose answer waits for a look-up, and what sends it on its way then. */
struct late_datagram {
    struct resolver_waiting waiting;
    struct udp_server *server;
    LIST_ENTRY(late_datagram) late;
    struct sockaddr_in6 client; /* or a sockaddr_in */
    alignas(size_t) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    socklen_t client_size;
    size_t control_size;
};

struct udp_server {
    uv_poll_t poll;
    int descriptor;
    bool is_wildcard;
    bool is_paused;      /* it is not watched until its turn ends */
    struct endpoint own; /* where the socket is bound */
    struct resolver *resolver;
    LIST_HEAD(, late_datagram) late;
    struct mmsghdr received[BATCH], answered[BATCH];
    struct iovec received_bytes[BATCH], answered_bytes[BATCH];
    struct sockaddr_in6 clients[BATCH]; /* or sockaddr_in; together, as every one is looked at */
    struct arrival arrivals[BATCH];
    struct resolver_reading readings[IN_HAND]; /* a ring, by the number of the message */
    uint8_t answers[BATCH][RESOLVER_ANSWER_MAX];
};

/* The lengths that the kernel overwrites with each message. */
static void reset_received(struct udp_server *server, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        server->received[i].msg_hdr.msg_namelen = sizeof(server->clients[i]);
        server->received[i].msg_hdr.msg_controllen =
            server->is_wildcard ? sizeof(server->arrivals[i].control) : 0;
    }
}

static void point_at_buffers(struct udp_server *server)
{
    for (size_t i = 0; i < BATCH; i++) {
        struct arrival *arrival = &server->arrivals[i];
        server->received_bytes[i] = (struct iovec){ arrival->query, sizeof(arrival->query) };
        server->received[i].msg_hdr = (struct msghdr){
            .msg_name = &server->clients[i],
            .msg_iov = &server->received_bytes[i],
            .msg_iovlen = 1,
            .msg_control = server->is_wildcard ? arrival->control : NULL,
        };
        server->answered_bytes[i].iov_base = server->answers[i];
        server->answered[i].msg_hdr.msg_iov = &server->answered_bytes[i];
        server->answered[i].msg_hdr.msg_iovlen = 1;
    }
    reset_received(server, BATCH);
}

/* Finds the address that was asked, and turns the control message round: what said where the query
 * arrived says where its answer leaves from. Routing, not the interface of arrival, decides on the
 * way out. */
static struct ip_address turn_control_round(struct msghdr *message)
{
    struct ip_address asked = { 0 };
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    if (control != NULL && control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof(info));
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = info.ipi_spec_dst };
        asked = endpoint_from_sockaddr((const struct sockaddr *)&address).address;
        info.ipi_ifindex = 0;
        memcpy(CMSG_DATA(control), &info, sizeof(info));
    } else if (control != NULL && control->cmsg_level == IPPROTO_IPV6 &&
               control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof(info));
        struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr };
        asked = endpoint_from_sockaddr((const struct sockaddr *)&address).address;
        info.ipi6_ifindex = 0;
        memcpy(CMSG_DATA(control), &info, sizeof(info));
    }
    return asked;
}

/* Port 0 can't be answered, and a forged source that is this very socket would have us talk to
 * ourselves. */
static bool source_is_sound(const struct udp_server *server, const struct endpoint *client,
                            const struct ip_address *asked)
{
    struct endpoint here = { *asked, server->own.port };
    return client->port != 0 && !endpoint_equal(client, &here);
}

static void on_answered(struct resolver_waiting *waiting, const uint8_t *answer, size_t size)
{
    struct late_datagram *late = (struct late_datagram *)waiting; /* its first member */
    struct iovec bytes = { (void *)answer, size };
    const struct msghdr message = { .msg_name = &late->client,
                                    .msg_namelen = late->client_size,
                                    .msg_iov = &bytes,
                                    .msg_iovlen = 1,
                                    .msg_control = late->control_size > 0 ? late->control : NULL,
                                    .msg_controllen = late->control_size };
    if (sendmsg(late->server->descriptor, &message, MSG_DONTWAIT) < 0)
        resolver_count(late->server->resolver, RESOLVER_ANSWERS_DROPPED, 1);
    LIST_REMOVE(late, late);
    free(late);
}

/* Keeps of `query` what its late answer needs. False when it can't wait. */
static bool answer_late(struct udp_server *server, const struct msghdr *query,
                        const struct resolver_request *request)
{
    struct late_datagram *late = calloc(1, sizeof(*late));
    if (late == NULL)
        return false;
    late->server = server;
    late->client_size = query->msg_namelen;
    memcpy(&late->client, query->msg_name, sizeof(late->client));
    late->control_size = query->msg_control != NULL ? query->msg_controllen : 0;
    if (late->control_size > 0)
        memcpy(late->control, query->msg_control, late->control_size);
    if (!resolver_wait(server->resolver, request, on_answered, &late->waiting)) {
        free(late);
        return false;
    }
    LIST_INSERT_HEAD(&server->late, late, late);
    return true;
}

/* Answers the message in slot `from` into slot `to`. False where it deserves no answer, or gets a
 * late one. */
static bool answer_one(struct udp_server *server, size_t from, size_t to, int64_t now_s)
{
    struct msghdr *query = &server->received[from].msg_hdr;
    struct resolver_request request = {
        .bytes = server->arrivals[from].query,
        .size = server->received[from].msg_len,
        .client = endpoint_from_sockaddr((const struct sockaddr *)&server->clients[from]),
        .now_s = now_s,
    };
    struct ip_address asked = server->is_wildcard ? turn_control_round(query) : server->own.address;
    if (!source_is_sound(server, &request.client, &asked)) {
        resolver_count(server->resolver, RESOLVER_BAD_SOURCE, 1);
        return false;
    }
    size_t size = resolver_answer_reading(server->resolver, &request,
                                          &server->readings[from % IN_HAND], server->answers[to]);
    if (size == RESOLVER_WAITS) {
        if (answer_late(server, query, &request))
            return false;
        size = resolver_answer_now(server->resolver, &request, server->answers[to]);
    }
    struct msghdr *answer = &server->answered[to].msg_hdr;
    answer->msg_name = query->msg_name;
    answer->msg_namelen = query->msg_namelen;
    answer->msg_control = query->msg_control;
    answer->msg_controllen = query->msg_controllen;
    server->answered_bytes[to].iov_len = size;
    return size > 0;
}

/* What the socket does not take at once is lost, as any datagram may be: clients ask again, and
 * nobody waits. */
static void send_answers(struct udp_server *server, unsigned count)
{
    unsigned done = 0, dropped = 0;
    while (done < count) {
        int sent =
            sendmmsg(server->descriptor, server->answered + done, count - done, MSG_DONTWAIT);
        if (sent > 0) {
            done += (unsigned)sent;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            dropped += count - done;
            break;
        } else if (errno != EINTR) { /* this one client can't be reached */
            dropped++;
            done++;
        }
    }
    if (dropped > 0)
        resolver_count(server->resolver, RESOLVER_ANSWERS_DROPPED, dropped);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void watch(struct udp_server *server)
{
    (void)uv_poll_start(&server->poll, UV_READABLE, on_readable); /* never fails */
}

/* Between processes of one machine the kernel frees a datagram while it is sent, and then looks for
 * somebody to tell that there is room again, which whoever watches the socket might want. For some
 * answers that costs more than not to be watched meanwhile. */
static void pause_if_busy(struct udp_server *server, int count)
{
    if (server->is_paused || count < BUSY_BATCH)
        return;
    (void)uv_poll_stop(&server->poll); /* never fails */
    server->is_paused = true;
}

/* Returns how many answers there are. Each message goes through four steps, and so does the one
 * behind it, one step later: in between, what the next step needs comes out of memory.
 * - read: its bytes, which the kernel wrote, are not in the nearest cache any more;
 * - looked at closer: the slots that say where the policy has the name;
 * - expected: what the policy has there;
 * - answered: what counts the rule. */
static unsigned answer_batch(struct udp_server *server, size_t count, int64_t now_s)
{
    struct resolver *resolver = server->resolver;
    struct resolver_reading *readings = server->readings;
    unsigned answer_count = 0;
    for (size_t step = 0; step < count + AHEAD; step++) {
        if (step + 1 < count)
            __builtin_prefetch(server->arrivals[step + 1].query);
        if (step < count)
            resolver_read(resolver, server->arrivals[step].query, server->received[step].msg_len,
                          &readings[step % IN_HAND]);
        if (step >= 1 && step - 1 < count)
            resolver_look_closer(resolver, &readings[(step - 1) % IN_HAND]);
        if (step >= 2 && step - 2 < count)
            resolver_expect(resolver, &readings[(step - 2) % IN_HAND]);
        if (step >= AHEAD)
            answer_count += answer_one(server, step - AHEAD, answer_count, now_s);
    }
    return answer_count;
}

/* Returns how many messages there were; an error of the socket counts as none, and the loop calls
 * again. */
static unsigned serve_batch(struct udp_server *server)
{
    int count = recvmmsg(server->descriptor, server->received, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0)
        return 0;
    pause_if_busy(server, count);
    int64_t now_s = clock_realtime_s();
    unsigned answer_count = answer_batch(server, (size_t)count, now_s);
    send_answers(server, answer_count);
    reset_received(server, (size_t)count);
    return (unsigned)count;
}

/* libuv stops watching a descriptor with a pending error, such as an ICMP message about a client
 * that has gone. */
static void clear_error(struct udp_server *server)
{
    int error;
    socklen_t size = sizeof(error);
    (void)getsockopt(server->descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    watch(server);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct udp_server *server = poll->data;
    if (status < 0) {
        clear_error(server);
        return;
    }
    unsigned count = BUSY_BATCH;
    for (int i = 0; i < BATCHES_A_TURN && count >= BUSY_BATCH; i++)
        count = serve_batch(server);
    if (server->is_paused)
        watch(server);
    server->is_paused = false;
}

/* RFC 1122 4.1.3.5: an answer leaves from the address that was asked. A socket bound to one address
 * can't do otherwise; on a wildcard the kernel has to say which it was. */
static int learn_own_address(struct udp_server *server)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(server->descriptor, (struct sockaddr *)&address, &size) != 0)
        return -errno;
    server->own = endpoint_from_sockaddr((const struct sockaddr *)&address);
    server->is_wildcard = ip_address_is_unspecified(&server->own.address);
    if (!server->is_wildcard)
        return 0;
    bool is_v4 = address.ss_family == AF_INET;
    int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
    int option = is_v4 ? IP_PKTINFO : IPV6_RECVPKTINFO;
    return setsockopt(server->descriptor, level, option, &(int){ 1 }, sizeof(int)) != 0 ? -errno
                                                                                        : 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct udp_server *udp_server_new(uv_loop_t *loop, int descriptor, struct resolver *resolver,
                                  int *ret_error)
{
    struct udp_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        *ret_error = UV_ENOMEM;
        return NULL;
    }
    server->descriptor = descriptor;
    server->resolver = resolver;
    server->poll.data = server;
    int error = learn_own_address(server);
    if (error == 0)
        error = uv_poll_init(loop, &server->poll, descriptor);
    if (error != 0) {
        free(server);
        *ret_error = error;
        return NULL;
    }
    point_at_buffers(server);
    watch(server);
    return server;
}

void udp_server_stop_reading(struct udp_server *server)
{
    server->is_paused = false;
    (void)uv_poll_stop(&server->poll); /* never fails */
}

void udp_server_free(struct udp_server *server)
{
    if (server == NULL)
        return;
    struct late_datagram *late;
    server->is_paused = false;
    while ((late = LIST_FIRST(&server->late)) != NULL) {
        resolver_wait_cancel(&late->waiting);
        LIST_REMOVE(late, late);
        free(late);
    }
    uv_close((uv_handle_t *)&server->poll, on_closed);
    close(server->descriptor);
}
