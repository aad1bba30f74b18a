/* net/dns_channel.c - c-ares on a libuv loop.
 * c-ares asks for its sockets to be watched; each gets a uv_poll_t of its own here, because these
 * sockets are few and long-lived and c-ares does not read until EAGAIN, as an edge-triggered set
 * would need. */
#include "net/dns_channel.h"
#include "base/clock.h"
#include "base/text.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* c-ares walks all its queries to find the next deadline, and has 65,536 ids; a client may cause
 * many queries. */
enum { QUERY_TIMEOUT_MS = 1500, QUERY_TRIES = 2, LOOKUPS_MAX = 4000 };

/* In place of a server's index. */
enum { NO_SERVER = DNS_SERVERS_MAX };

enum { EXCHANGE_TIMEOUT_MS = 1000, EXCHANGE_TRIES = 1 };

struct dns_watch { /* one socket of c-ares */
    struct dns_watch *next;
    struct dns_channel *channel;
    uv_poll_t handle;
    ares_socket_t socket;
    uint32_t server; /* that it is connected to, or NO_SERVER */
};

/* What c-ares was asked to do: the first member of a look-up and of an exchange. */
struct dns_task {
    struct dns_task *next; /* in `finished` */
    struct dns_channel *channel;
    void (*report)(struct dns_task *task);  /* calls back, unless it was cancelled */
    void (*release)(struct dns_task *task); /* frees it */
    int64_t started_ns;
};

/* One that is asked. Times are monotonic, 0: never. What was heard may be about another question of
 * the same time: c-ares says of none by whom it was answered. */
struct asked_server {
    struct endpoint endpoint;
    struct server_health health;
    int64_t closed_ns; /* the last socket to it that was closed */
    int64_t heard_ns;  /* it sent something, or the network said that it can't be reached: */
    enum server_fault heard;
};

struct dns_channel {
    uv_loop_t *loop;
    uv_timer_t timer;
    ares_channel ares;
    struct dns_watch *watches;
    struct dns_task *finished; /* waiting to be told to their callers */
    uint32_t task_count;       /* that c-ares has not ended yet */
    bool is_closing;
    uint32_t speaking; /* the server whose socket c-ares reads, or NO_SERVER */
    struct asked_server server[DNS_SERVERS_MAX];
    uint32_t server_count;
    bool asks_in_order; /* of `server`, at each question */
};

struct dns_lookup {
    struct dns_task task;
    dns_lookup_fn on_done; /* NULL: cancelled */
    void *context;
    uint8_t family;
    struct dns_lookup_result result;
};

struct dns_exchange {
    struct dns_task task;
    dns_exchange_fn on_done; /* NULL: cancelled */
    void *context;
    struct dns_exchange_result result; /* owns its bytes */
};

static void finish(struct dns_task *task)
{
    struct dns_channel *channel = task->channel;
    channel->task_count--;
    task->next = channel->finished;
    channel->finished = task;
}

static struct dns_task *take_finished(struct dns_channel *channel)
{
    struct dns_task *task = channel->finished;
    channel->finished = task->next;
    return task;
}

/* Callbacks go out when c-ares has returned to the loop alone, so that none comes from within
 * dns_channel_lookup() or dns_channel_exchange(). */
static void report_finished(struct dns_channel *channel)
{
    while (channel->finished != NULL) {
        struct dns_task *task = take_finished(channel);
        task->report(task);
        task->release(task);
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

/* A socket of c-ares is connected to its server; over TCP, once it may be written to. */
static uint32_t server_of(const struct dns_channel *channel, ares_socket_t socket)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    if (getpeername(socket, (struct sockaddr *)&address, &size) < 0)
        return NO_SERVER;
    const struct endpoint peer = endpoint_from_sockaddr((struct sockaddr *)&address);
    for (uint32_t i = 0; i < channel->server_count; i++)
        if (endpoint_equal(&channel->server[i].endpoint, &peer))
            return i;
    return NO_SERVER;
}

static void note_heard(struct dns_channel *channel, uint32_t server, enum server_fault heard)
{
    if (server == NO_SERVER)
        return;
    channel->server[server].heard = heard;
    channel->server[server].heard_ns = clock_monotonic_ns();
}

static void on_socket_ready(uv_poll_t *handle, int status, int events)
{
    struct dns_watch *watch = handle->data;
    struct dns_channel *channel = watch->channel;
    ares_socket_t read =
        status < 0 || (events & UV_READABLE) != 0 ? watch->socket : ARES_SOCKET_BAD;
    ares_socket_t write =
        status < 0 || (events & UV_WRITABLE) != 0 ? watch->socket : ARES_SOCKET_BAD;
    if (watch->server == NO_SERVER)
        watch->server = server_of(channel, watch->socket);
    channel->speaking = watch->server;
    if (read != ARES_SOCKET_BAD)
        note_heard(channel, watch->server, status < 0 ? SERVER_UNREACHABLE : SERVER_USELESS);
    ares_process_fd(channel->ares, read, write);
    channel->speaking = NO_SERVER;
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
    if (watch->server != NO_SERVER)
        watch->channel->server[watch->server].closed_ns = clock_monotonic_ns();
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
    watch->server = server_of(channel, socket);
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

/* For look-ups: no search list, no HOSTALIASES; a truncated answer is asked for again over TCP. */
static struct ares_options options_of_lookups(void)
{
    return (struct ares_options){ .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                  .timeout = QUERY_TIMEOUT_MS,
                                  .tries = QUERY_TRIES };
}

/* For exchanges: every rcode comes back. EDNS is not for c-ares to add, as it sends the message as
 * it is, but without that flag it would take no UDP answer above 512 bytes. Should a server not
 * know EDNS, c-ares takes the OPT record off, which therefore stands last and without options, and
 * goes back to 512 bytes. */
static struct ares_options options_of_exchanges(void)
{
    struct ares_options options = options_of_lookups();
    options.flags |= ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
    options.timeout = EXCHANGE_TIMEOUT_MS;
    options.tries = EXCHANGE_TRIES;
    options.ednspsz = DNS_EXCHANGE_UDP_BYTES;
    return options;
}

static int init_ares(struct dns_channel *channel, struct ares_options *options,
                     const struct endpoint *servers, uint32_t count)
{
    char dns_alone[] = "b"; /* "b": the DNS; "f", the hosts file, is left out. c-ares copies it */
    options->lookups = dns_alone;
    options->sock_state_cb = on_socket_state;
    options->sock_state_cb_data = channel;
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS | ARES_OPT_NOROTATE;
    mask |= (options->flags & ARES_FLAG_EDNS) != 0 ? ARES_OPT_EDNSPSZ : 0;
    int status = ares_init_options(&channel->ares, options, mask);
    if (status != ARES_SUCCESS)
        return status;
    status = set_servers(channel->ares, servers, count);
    if (status != ARES_SUCCESS)
        ares_destroy(channel->ares);
    return status;
}

/* From 1.22 on c-ares asks those that failed last. */
static bool does_ares_ask_in_order(void)
{
    int version = 0;
    (void)ares_version(&version);
    return version < (1 << 16 | 22 << 8);
}

static struct dns_channel *new_channel(uv_loop_t *loop, struct ares_options options,
                                       const struct endpoint *servers, uint32_t count,
                                       struct fault *fault)
{
    struct dns_channel *channel = calloc(1, sizeof(*channel));
    int status = channel != NULL ? ARES_SUCCESS : ARES_ENOMEM;
    if (status == ARES_SUCCESS) {
        channel->loop = loop;
        channel->speaking = NO_SERVER;
        channel->server_count = count;
        channel->asks_in_order = does_ares_ask_in_order();
        for (uint32_t i = 0; i < count; i++)
            channel->server[i].endpoint = servers[i];
        status = init_ares(channel, &options, servers, count);
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

struct dns_channel *dns_channel_new(uv_loop_t *loop, const struct endpoint *servers, uint32_t count,
                                    struct fault *fault)
{
    return new_channel(loop, options_of_lookups(), servers, count, fault);
}

struct dns_channel *dns_channel_new_for_exchanges(uv_loop_t *loop, const struct endpoint *server,
                                                  struct fault *fault)
{
    return new_channel(loop, options_of_exchanges(), server, 1, fault);
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
    ares_destroy(channel->ares); /* ends every query through on_reply() or on_answer() */
    while (channel->watches != NULL)
        stop_watch(&channel->watches);
    while (channel->finished != NULL) {
        struct dns_task *task = take_finished(channel);
        task->release(task);
    }
    uv_close((uv_handle_t *)&channel->timer, on_channel_closed);
}

/* Health */

const struct server_health *dns_channel_health(const struct dns_channel *channel, uint32_t index)
{
    return &channel->server[index].health;
}

static int64_t age_ns(const struct dns_task *task)
{
    return clock_monotonic_ns() - task->started_ns;
}

/* True for what a server did, or did not do; its reason then. */
static bool is_servers_fault(int status, enum server_fault *ret_fault)
{
    switch (status) {
    case ARES_ETIMEOUT:
        *ret_fault = SERVER_TIMED_OUT;
        return true;
    case ARES_ECONNREFUSED:
        *ret_fault = SERVER_UNREACHABLE;
        return true;
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ENOTIMP:
    case ARES_EFORMERR:
    case ARES_EBADRESP:
        *ret_fault = SERVER_USELESS;
        return true;
    default: /* nobody was asked, or the channel ends; these codes are no enum's alone */
        return false;
    }
}

/* Whether a socket to the server was open at any time since. */
static bool was_asked_since(const struct dns_channel *channel, uint32_t server, int64_t since_ns)
{
    const struct dns_watch *watch = channel->watches;
    while (watch != NULL && watch->server != server)
        watch = watch->next;
    return watch != NULL || channel->server[server].closed_ns >= since_ns;
}

/* Why a server that failed did: a question to it timed out if nothing was heard. */
static enum server_fault fault_of(const struct dns_task *task, uint32_t server, uint32_t timeouts)
{
    const struct asked_server *asked = &task->channel->server[server];
    if (asked->heard_ns >= task->started_ns)
        return asked->heard;
    return timeouts > 0 && was_asked_since(task->channel, server, task->started_ns)
               ? SERVER_TIMED_OUT
               : SERVER_UNREACHABLE;
}

/* Whether a server failed before the one that is speaking answered. In the order of the list, each
 * question goes from one that fails to the next, and twice round: whoever stands before has failed;
 * in the second round everybody else has, too. Without an order the sockets tell who was asked. */
static bool has_failed(const struct dns_task *task, uint32_t server, uint32_t timeouts)
{
    const struct dns_channel *channel = task->channel;
    if (server == channel->speaking)
        return false;
    if (channel->asks_in_order)
        return server < channel->speaking || timeouts >= channel->server_count;
    return was_asked_since(channel, server, task->started_ns) &&
           (timeouts > 0 || channel->server[server].heard_ns >= task->started_ns);
}

static void note_answer(struct dns_lookup *lookup, uint32_t timeouts)
{
    struct dns_channel *channel = lookup->task.channel;
    if (channel->speaking == NO_SERVER)
        return;
    struct server_health *health = &channel->server[channel->speaking].health;
    for (uint32_t i = 0; i < channel->server_count; i++)
        if (has_failed(&lookup->task, i, timeouts))
            server_health_failed(&channel->server[i].health, fault_of(&lookup->task, i, timeouts));
    if (lookup->result.status == DNS_LOOKUP_FAILED)
        server_health_failed(health, SERVER_USELESS);
    else
        server_health_answered(health, age_ns(&lookup->task));
}

/* The status is that of the server that was asked last; the others have their own faults. */
static void note_failure(struct dns_task *task, int status, uint32_t timeouts)
{
    struct dns_channel *channel = task->channel;
    enum server_fault fault;
    if (!is_servers_fault(status, &fault))
        return;
    for (uint32_t i = 0; i < channel->server_count; i++)
        server_health_failed(&channel->server[i].health,
                             channel->server_count == 1 ? fault : fault_of(task, i, timeouts));
}

/* Look-ups */

static void report_lookup(struct dns_task *task)
{
    struct dns_lookup *lookup = (struct dns_lookup *)task;
    if (lookup->on_done != NULL)
        lookup->on_done(lookup->context, &lookup->result);
}

static void release_lookup(struct dns_task *task)
{
    free(task);
}

/* c-ares has looked at the rcode already; its own codes for that are not an enum. */
static void on_reply(void *context, int status, int timeouts, unsigned char *reply, int size)
{
    struct dns_lookup *lookup = context;
    bool is_answer = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;
    if (is_answer && reply != NULL && size > 0) {
        dns_reply_read(reply, (size_t)size, lookup->family, &lookup->result);
        note_answer(lookup, (uint32_t)timeouts);
    } else if (status == ARES_ENOTFOUND) { /* c-ares never asks for .onion (RFC 7686 2) */
        lookup->result.status = DNS_LOOKUP_NO_NAME;
    } else {
        note_failure(&lookup->task, status, (uint32_t)timeouts);
    }
    finish(&lookup->task);
}

struct dns_lookup *dns_channel_lookup(struct dns_channel *channel,
                                      const struct dns_question *question, dns_lookup_fn on_done,
                                      void *context)
{
    char absolute[260];
    struct text text = text_in(absolute, sizeof(absolute));
    struct dns_lookup *lookup =
        channel->task_count < LOOKUPS_MAX ? calloc(1, sizeof(*lookup)) : NULL;
    if (lookup == NULL)
        return NULL;
    *lookup = (struct dns_lookup){ .task = { .channel = channel,
                                             .report = report_lookup,
                                             .release = release_lookup,
                                             .started_ns = clock_monotonic_ns() },
                                   .on_done = on_done,
                                   .context = context,
                                   .family = question->family };
    channel->task_count++;
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

/* Exchanges */

static void report_exchange(struct dns_task *task)
{
    struct dns_exchange *exchange = (struct dns_exchange *)task;
    if (exchange->on_done != NULL)
        exchange->on_done(exchange->context, &exchange->result);
}

static void release_exchange(struct dns_task *task)
{
    struct dns_exchange *exchange = (struct dns_exchange *)task;
    free((void *)exchange->result.bytes);
    free(exchange);
}

static void on_answer(void *context, int status, int timeouts, unsigned char *answer, int size)
{
    struct dns_exchange *exchange = context;
    struct dns_channel *channel = exchange->task.channel;
    uint8_t *bytes = status == ARES_SUCCESS && size > 0 ? malloc((size_t)size) : NULL;
    if (status == ARES_SUCCESS)
        server_health_answered(&channel->server[0].health, age_ns(&exchange->task));
    else
        note_failure(&exchange->task, status, (uint32_t)timeouts);
    if (bytes != NULL) {
        memcpy(bytes, answer, (size_t)size);
        exchange->result =
            (struct dns_exchange_result){ DNS_EXCHANGE_ANSWERED, bytes, (size_t)size };
    } else if (status == ARES_ETIMEOUT) {
        exchange->result.status = DNS_EXCHANGE_TIMED_OUT;
    }
    finish(&exchange->task);
}

struct dns_exchange *dns_channel_exchange(struct dns_channel *channel,
                                          const struct dns_message *message,
                                          dns_exchange_fn on_done, void *context)
{
    struct dns_exchange *exchange =
        channel->task_count < LOOKUPS_MAX ? calloc(1, sizeof(*exchange)) : NULL;
    if (exchange == NULL)
        return NULL;
    exchange->task = (struct dns_task){ .channel = channel,
                                        .report = report_exchange,
                                        .release = release_exchange,
                                        .started_ns = clock_monotonic_ns() };
    exchange->on_done = on_done;
    exchange->context = context;
    channel->task_count++;
    ares_send(channel->ares, message->bytes, (int)message->size, on_answer, exchange);
    schedule(channel);
    return exchange;
}

void dns_exchange_cancel(struct dns_exchange *exchange)
{
    if (exchange != NULL)
        exchange->on_done = NULL;
}
