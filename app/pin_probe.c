/* app/pin_probe.c - looks a name up, connects, and makes the handshakes of a usual client. */
#include "app/pin_probe.h"
#include "base/clock.h"
#include "base/text.h"
#include "net/dns_channel.h"
#include "net/socket.h"
#include "policy/rule.h"
#include "tls/certificate_chain.h"
#include "tls/certificate_check.h"
#include "tls/handshake.h"
#include "tls/tls_client.h"
#include "tls/trust_store.h"
#include "upstream/certificate_judgement.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { CONNECT_MS = 3000, HANDSHAKES_MS = 5000, ADDRESSES_MAX = 2 * DNS_REPLY_ADDRESSES_MAX };

/* ---- Which addresses the name has ---- */

struct lookup {
    struct ip_address address[ADDRESSES_MAX];
    uint32_t count;
    enum dns_lookup_status status; /* the best of both */
    uv_loop_t loop;
    uint32_t waiting; /* answers that have not come */
};

static void on_found(void *context, const struct dns_lookup_result *result)
{
    struct lookup *lookup = context;
    for (uint32_t i = 0; i < result->address_count; i++)
        lookup->address[lookup->count++] = result->address[i];
    if (result->status > lookup->status)
        lookup->status = result->status;
    if (--lookup->waiting == 0)
        uv_stop(&lookup->loop);
}

/* Asks for IPv4 and IPv6; c-ares gives up by itself, after some seconds. */
static bool ask(const struct options *options, const char *name, struct lookup *lookup,
                struct fault *fault)
{
    if (uv_loop_init(&lookup->loop) != 0)
        return false;
    struct dns_channel *channel =
        dns_channel_new(&lookup->loop, options->upstream_dns, options->upstream_dns_count, fault);
    bool is_asked = channel != NULL;
    for (uint8_t family = 4; is_asked && family <= 6; family = (uint8_t)(family + 2)) {
        struct dns_question question = { .name = name, .family = family };
        is_asked = dns_channel_lookup(channel, &question, on_found, lookup) != NULL;
        lookup->waiting += is_asked ? 1 : 0;
    }
    if (is_asked)
        (void)uv_run(&lookup->loop, UV_RUN_DEFAULT);
    dns_channel_free(channel);
    (void)uv_run(&lookup->loop, UV_RUN_DEFAULT); /* close callbacks */
    (void)uv_loop_close(&lookup->loop);
    return is_asked;
}

static bool unreachable(struct fault *fault, const struct pin_probe *probe, enum reason reason,
                        const char *why)
{
    fault_what(fault, "%s: %s", reason_word(reason), why);
    fault_where(fault, "%s port %u", probe->name, probe->port);
    fault_remedy(fault, "look whether the server is there, or name an address with --connect");
    return false;
}

static bool look_up(const struct pin_probe *probe, const struct options *options,
                    struct lookup *lookup, struct fault *fault)
{
    if (options->connect.address.family != 0) {
        lookup->address[lookup->count++] = options->connect.address;
        return true;
    }
    if (!ask(options, probe->name, lookup, fault))
        return false;
    if (lookup->count > 0)
        return true;
    return lookup->status == DNS_LOOKUP_FAILED
               ? unreachable(fault, probe, REASON_UPSTREAM_DNS_FAILED, "the DNS did not answer")
               : unreachable(fault, probe, REASON_UPSTREAM_NOT_FOUND, "the DNS knows no address");
}

/* ---- Connections ---- */

/* Waits until `descriptor` is ready; false at the deadline. */
static bool await(int descriptor, short events, int64_t deadline_ms)
{
    struct pollfd ready = { .fd = descriptor, .events = events };
    int64_t left_ms;
    while ((left_ms = deadline_ms - clock_monotonic_ms()) > 0) {
        int count = poll(&ready, 1, (int)left_ms);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
    }
    errno = ETIMEDOUT;
    return false;
}

/* -1 with errno. */
static int connect_to(const struct endpoint *endpoint)
{
    bool is_connected;
    int descriptor = socket_connect(endpoint, UINT64_MAX, &is_connected);
    if (descriptor < 0 || is_connected)
        return descriptor;
    int error = 0;
    socklen_t size = sizeof(error);
    if (!await(descriptor, POLLOUT, clock_monotonic_ms() + CONNECT_MS))
        error = errno;
    else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error == 0)
        return descriptor;
    close(descriptor);
    errno = error;
    return -1;
}

/* A connection to the first address that takes one; -1 with a fault. */
static int reach(struct pin_probe *probe, const struct options *options, struct fault *fault)
{
    struct lookup lookup = { 0 };
    int descriptor = -1;
    if (!look_up(probe, options, &lookup, fault))
        return -1;
    uint16_t port = options->connect.port != 0 ? options->connect.port : probe->port;
    for (uint32_t i = 0; i < lookup.count && descriptor < 0; i++) {
        probe->endpoint = (struct endpoint){ lookup.address[i], port };
        descriptor = connect_to(&probe->endpoint);
    }
    if (descriptor < 0)
        (void)unreachable(fault, probe, REASON_PROBE_UNREACHABLE, strerror(errno));
    return descriptor;
}

/* ---- Handshakes ---- */

/* What a usual client offers, but for the kind of key. */
static const struct hello_class classes[PIN_VIEWS] = {
    { .versions = HELLO_TLS12 | HELLO_TLS13,
      .keys = HELLO_ECDSA,
      .alpn_size = 12,
      .alpn = "\2h2\10http/1.1" },
    { .versions = HELLO_TLS12 | HELLO_TLS13,
      .keys = HELLO_RSA,
      .alpn_size = 12,
      .alpn = "\2h2\10http/1.1" },
};
static const char *const kinds[PIN_VIEWS] = { "ECDSA", "RSA" };

/* What both handshakes need. */
struct tools {
    struct trust_store *roots;
    struct tls_client *client;
    int64_t deadline_ms; /* of both together */
};

/* False when out of memory. */
static bool judge(const struct pin_probe *probe, const struct tools *tools,
                  struct handshake *handshake, struct pin_view *view)
{
    struct certificate_demand demand = { .host = probe->name, .now_s = probe->now_s };
    struct certificate_chain *chain = handshake_take_chain(handshake);
    view->finding = certificate_check(tools->roots, chain, &demand);
    certificate_chain_free(chain);
    if (view->finding != NULL)
        view->reason = certificate_status_reason(view->finding->status);
    return view->finding != NULL;
}

/* False when out of memory. */
static bool shake_hands(const struct pin_probe *probe, const struct tools *tools,
                        const struct handshake_parts *parts, struct pin_view *view)
{
    struct handshake *handshake = handshake_new(parts);
    enum handshake_progress progress = HANDSHAKE_GOES_ON;
    if (handshake == NULL)
        return false;
    while ((progress = handshake_advance(handshake)) == HANDSHAKE_GOES_ON &&
           await(parts->descriptor, POLLIN, tools->deadline_ms))
        continue;
    bool is_well = true;
    if (progress == HANDSHAKE_SIGNED) {
        is_well = judge(probe, tools, handshake, view);
    } else {
        view->reason = REASON_PROBE_FAILED;
        view->words = progress == HANDSHAKE_GOES_ON ? "the server did not answer in time"
                                                    : handshake_failure_words(handshake);
    }
    handshake_free(handshake);
    return is_well;
}

/* Closes `descriptor`. False when out of memory. */
static bool take_view(struct pin_probe *probe, const struct tools *tools, int descriptor, int index)
{
    struct pin_view *view = &probe->views[index];
    struct handshake_parts parts = { .client = tools->client,
                                     .descriptor = descriptor,
                                     .host = probe->name,
                                     .class = classes[index] };
    *view = (struct pin_view){ .kind = kinds[index], .words = "" };
    if (descriptor < 0) {
        view->reason = REASON_PROBE_UNREACHABLE;
        view->words = "no connection could be made";
        return true;
    }
    bool is_well = shake_hands(probe, tools, &parts, view);
    close(descriptor);
    return is_well;
}

static bool take_views(struct pin_probe *probe, struct tools *tools, const struct options *options,
                       struct fault *fault)
{
    int descriptor = reach(probe, options, fault);
    bool is_well = true;
    if (descriptor < 0)
        return false;
    tools->deadline_ms = clock_monotonic_ms() + HANDSHAKES_MS;
    for (int i = 0; i < PIN_VIEWS && is_well; i++) {
        is_well = take_view(probe, tools, descriptor, i);
        descriptor = is_well && i + 1 < PIN_VIEWS ? connect_to(&probe->endpoint) : -1;
    }
    if (!is_well)
        fault_what(fault, "out of memory");
    return is_well;
}

static bool probe_with_tools(struct pin_probe *probe, const struct options *options,
                             struct fault *fault)
{
    struct tools tools = { .roots = trust_store_new(options->ca_file, fault) };
    bool is_well = tools.roots != NULL && (tools.client = tls_client_new(fault)) != NULL &&
                   take_views(probe, &tools, options, fault);
    tls_client_free(tools.client);
    trust_store_free(tools.roots);
    return is_well;
}

/* ---- Everything ---- */

static bool read_target(struct pin_probe *probe, const char *target, struct fault *fault)
{
    struct compiled_rule rule = { 0 };
    char reason[RULE_REASON_BYTES] = "";
    bool is_read = target_parse(target, strlen(target), &rule, reason);
    if (is_read && rule.pattern == PATTERN_EXACT) {
        struct text name = text_in(probe->name, sizeof(probe->name));
        host_name_add_to(&rule.name, &name);
        probe->port = rule.port;
        return true;
    }
    fault->is_usage = true;
    fault_what(fault, "%s", is_read ? "a pattern is no server" : "the target can't be used");
    fault_where(fault, "%s", target);
    fault_remedy(fault, "%s", is_read ? "name one host that it stands for" : reason);
    return false;
}

bool pin_probe_run(struct pin_probe *probe, const struct options *options, struct fault *fault)
{
    probe->now_s = clock_realtime_s();
    return read_target(probe, options->target, fault) && probe_with_tools(probe, options, fault);
}

void pin_probe_release(struct pin_probe *probe)
{
    for (int i = 0; i < PIN_VIEWS; i++)
        probe->views[i].finding = certificate_finding_unref(probe->views[i].finding);
}

enum reason pin_probe_verdict(const struct pin_probe *probe)
{
    enum reason verdict = REASON_PROBE_FAILED;
    for (int i = 0; i < PIN_VIEWS; i++) {
        const struct pin_view *view = &probe->views[i];
        if (view->finding != NULL && view->reason != REASON_ALLOWED)
            return view->reason;
        if (view->finding != NULL)
            verdict = REASON_ALLOWED;
    }
    return verdict;
}
