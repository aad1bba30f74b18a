/* net/dns_channel.c - c-ares on a libuv loop.
 * c-ares asks for its sockets to be watched; each gets a uv_poll_t of its own here, because these
 * sockets are few and long-lived and c-ares does not read until EAGAIN, as an edge-triggered set
 * would need. */
#include "net/dns_channel.h"
#include "base/text.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* c-ares walks all its queries to find the next deadline, and has 65,536 ids; a client may cause
 * many queries. */
enum { QUERY_TIMEOUT_MS = 1500, QUERY_TRIES = 2, LOOKUPS_MAX = 4000 };

struct dns_watch { /* one socket of c-ares */
    struct dns_watch *next;
    struct dns_channel *channel;
    uv_poll_t handle;
    ares_socket_t socket;
};

struct dns_channel {
    uv_loop_t *loop;
    uv_timer_t timer;
    ares_channel ares;
    struct dns_watch *watches;
    struct dns_lookup *finished; /* waiting to be told to their callers */
    uint32_t lookup_count;       /* that c-ares has not ended yet */
    bool is_closing;
};

struct dns_lookup {
    struct dns_lookup *next; /* in `finished` */
    struct dns_channel *channel;
    dns_lookup_fn on_done; /* NULL: cancelled */
    void *context;
    uint8_t family;
    struct dns_lookup_result result;
};

/* Callbacks go out from the timer alone, so that none comes from within dns_channel_lookup(). */
static void report_finished(struct dns_channel *channel)
{
    while (channel->finished != NULL) {
        struct dns_lookup *lookup = channel->finished;
        channel->finished = lookup->next;
        if (lookup->on_done != NULL)
            lookup->on_done(lookup->context, &lookup->result);
        free(lookup);
    }
}

static void on_timer(uv_timer_t *timer);

/* Asks to be called when c-ares next has to look at its clock, at once if there are callbacks to
 * make. */
static void schedule(struct dns_channel *channel)
{
    struct timeval buffer, *wait = NULL;
    if (channel->is_closing)
        return;
    if (channel->finished != NULL) {
        (void)uv_timer_start(&channel->timer, on_timer, 0, 0);
        return;
    }
    if (uv_is_active((uv_handle_t *)&channel->timer))
        return; /* it fires no later than any query that was added since */
    wait = ares_timeout(channel->ares, NULL, &buffer);
    if (wait != NULL)
        (void)uv_timer_start(&channel->timer, on_timer,
                             (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct dns_channel *channel = timer->data;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    report_finished(channel);
    schedule(channel);
}

static void on_socket_ready(uv_poll_t *handle, int status, int events)
{
    struct dns_watch *watch = handle->data;
    struct dns_channel *channel = watch->channel;
    ares_socket_t read =
        status < 0 || (events & UV_READABLE) != 0 ? watch->socket : ARES_SOCKET_BAD;
    ares_socket_t write =
        status < 0 || (events & UV_WRITABLE) != 0 ? watch->socket : ARES_SOCKET_BAD;
    ares_process_fd(channel->ares, read, write);
    report_finished(channel);
    schedule(channel);
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct dns_watch **find_watch(struct dns_channel *channel, ares_socket_t socket)
{
    struct dns_watch **link = &channel->watches;
    while (*link != NULL && (*link)->socket != socket)
        link = &(*link)->next;
    return link;
}

static void stop_watch(struct dns_watch **link)
{
    struct dns_watch *watch = *link;
    *link = watch->next;
    uv_close((uv_handle_t *)&watch->handle, on_watch_closed);
}

static struct dns_watch *start_watch(struct dns_channel *channel, ares_socket_t socket)
{
    struct dns_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    if (uv_poll_init(channel->loop, &watch->handle, socket) < 0) {
        free(watch); /* the query runs into its timeout */
        return NULL;
    }
    watch->handle.data = watch;
    watch->channel = channel;
    watch->socket = socket;
    watch->next = channel->watches;
    channel->watches = watch;
    return watch;
}

/* c-ares opened, uses or is about to close a socket. */
static void on_socket_state(void *context, ares_socket_t socket, int wants_read, int wants_write)
{
    struct dns_channel *channel = context;
    struct dns_watch **link = find_watch(channel, socket);
    int events = (wants_read ? UV_READABLE : 0) | (wants_write ? UV_WRITABLE : 0);
    if (events == 0) {
        if (*link != NULL)
            stop_watch(link);
        return;
    }
    struct dns_watch *watch = *link != NULL ? *link : start_watch(channel, socket);
    if (watch != NULL)
        (void)uv_poll_start(&watch->handle, events, on_socket_ready);
}

uint32_t dns_system_servers(struct endpoint ret_servers[DNS_SERVERS_MAX])
{
    ares_channel ares;
    struct ares_addr_port_node *list = NULL;
    uint32_t count = 0;
    if (ares_init(&ares) != ARES_SUCCESS)
        return 0;
    if (ares_get_servers_ports(ares, &list) == ARES_SUCCESS) {
        for (struct ares_addr_port_node *node = list; node != NULL && count < DNS_SERVERS_MAX;
             node = node->next) {
            struct endpoint server = { .port =
                                           node->udp_port != 0 ? (uint16_t)node->udp_port : 53 };
            server.address.family = node->family == AF_INET ? 4 : 6;
            memcpy(server.address.bytes, &node->addr, node->family == AF_INET ? 4 : 16);
            ret_servers[count++] = server;
        }
        ares_free_data(list);
    }
    ares_destroy(ares);
    return count;
}

static int set_servers(ares_channel ares, const struct endpoint *servers, uint32_t count)
{
    char list[DNS_SERVERS_MAX * 64];
    struct text text = text_in(list, sizeof(list));
    for (uint32_t i = 0; i < count; i++) {
        text_add(&text, i > 0 ? "," : "");
        endpoint_add_to(&servers[i], &text);
    }
    return ares_set_servers_ports_csv(ares, list);
}

static int init_ares(struct dns_channel *channel, const struct endpoint *servers, uint32_t count)
{
    char dns_alone[] = "b"; /* "b": the DNS; "f", the hosts file, is left out. c-ares copies it */
    struct ares_options options = {
        /* No search list, no HOSTALIASES; a truncated answer is asked for again over TCP. */
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .ndots = 0,
        .lookups = dns_alone,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    int status =
        ares_init_options(&channel->ares, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                              ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS);
    if (status != ARES_SUCCESS)
        return status;
    status = set_servers(channel->ares, servers, count);
    if (status != ARES_SUCCESS)
        ares_destroy(channel->ares);
    return status;
}

struct dns_channel *dns_channel_new(uv_loop_t *loop, const struct endpoint *servers, uint32_t count,
                                    struct fault *fault)
{
    struct dns_channel *channel = calloc(1, sizeof(*channel));
    int status = channel != NULL ? ARES_SUCCESS : ARES_ENOMEM;
    if (status == ARES_SUCCESS) {
        channel->loop = loop;
        status = init_ares(channel, servers, count);
    }
    if (status != ARES_SUCCESS) {
        free(channel);
        fault_what(fault, "can't set up the upstream DNS: %s", ares_strerror(status));
        return NULL;
    }
    (void)uv_timer_init(loop, &channel->timer); /* always succeeds */
    channel->timer.data = channel;
    return channel;
}

static void on_channel_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void dns_channel_free(struct dns_channel *channel)
{
    if (channel == NULL)
        return;
    channel->is_closing = true;
    ares_destroy(channel->ares); /* ends every query through on_reply() */
    while (channel->watches != NULL)
        stop_watch(&channel->watches);
    while (channel->finished != NULL) {
        struct dns_lookup *lookup = channel->finished;
        channel->finished = lookup->next;
        free(lookup);
    }
    uv_close((uv_handle_t *)&channel->timer, on_channel_closed);
}

/* c-ares has looked at the rcode already; its own codes for that are not an enum. */
static void on_reply(void *context, int status, int timeouts, unsigned char *reply, int size)
{
    struct dns_lookup *lookup = context;
    struct dns_channel *channel = lookup->channel;
    bool is_answer = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
    (void)timeouts;
    if (is_answer && reply != NULL && size > 0)
        dns_reply_read(reply, (size_t)size, lookup->family, &lookup->result);
    else if (status == ARES_ENOTFOUND) /* c-ares never asks for .onion (RFC 7686 2) */
        lookup->result.status = DNS_LOOKUP_NO_NAME;
    channel->lookup_count--;
    lookup->next = channel->finished;
    channel->finished = lookup;
}

struct dns_lookup *dns_channel_lookup(struct dns_channel *channel,
                                      const struct dns_question *question, dns_lookup_fn on_done,
                                      void *context)
{
    char absolute[260];
    struct text text = text_in(absolute, sizeof(absolute));
    struct dns_lookup *lookup =
        channel->lookup_count < LOOKUPS_MAX ? calloc(1, sizeof(*lookup)) : NULL;
    if (lookup == NULL)
        return NULL;
    *lookup = (struct dns_lookup){
        .channel = channel, .on_done = on_done, .context = context, .family = question->family
    };
    channel->lookup_count++;
    text_add_format(&text, "%s.", question->name);
    ares_query(channel->ares, absolute, ns_c_in, question->family == 4 ? ns_t_a : ns_t_aaaa,
               on_reply, lookup);
    schedule(channel);
    return lookup;
}

void dns_lookup_cancel(struct dns_lookup *lookup)
{
    if (lookup != NULL)
        lookup->on_done = NULL;
}
