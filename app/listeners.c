/* app/listeners.c - the process's own endpoints. */
#include "app/listeners.h"
#include "base/text.h"
#include "net/socket.h"

enum { CLAIM_ATTEMPTS = 100 };

/* Port 0 is another one each time. */
static bool check_different(const struct endpoint *left, const struct endpoint *right,
                            struct fault *fault)
{
    char where[64];
    struct text text = text_in(where, sizeof(where));
    if (left->port == 0 || !endpoint_equal(left, right))
        return true;
    endpoint_add_to(left, &text);
    fault->is_usage = true;
    fault_what(fault, "two listeners have one address");
    fault_where(fault, "%s", where);
    fault_remedy(
        fault, "give each --dns-listen, --dot-listen, --tls-listen and --status-listen an address "
               "and port of its own");
    return false;
}

static uint32_t collect(const struct options *options, struct endpoint ret_all[LISTENERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < options->dns_listen_count; i++)
        ret_all[count++] = options->dns_listen[i];
    for (uint32_t i = 0; i < options->dot_listen_count; i++)
        ret_all[count++] = options->dot_listen[i];
    for (uint32_t i = 0; i < options->tls_listen_count; i++)
        ret_all[count++] = options->tls_listen[i].endpoint;
    if (!options->has_no_status)
        ret_all[count++] = options->status_listen;
    return count;
}

static bool check_all_different(const struct options *options, struct fault *fault)
{
    struct endpoint all[LISTENERS_MAX];
    uint32_t count = collect(options, all);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (!check_different(&all[i], &all[k], fault))
                return false;
    return true;
}

static bool is_of_another(const struct options *options, const struct endpoint *claimed)
{
    struct endpoint all[LISTENERS_MAX];
    uint32_t count = collect(options, all), equal = 0;
    for (uint32_t i = 0; i < count; i++)
        equal += endpoint_equal(&all[i], claimed);
    return equal > 1;
}

/* A claim is given back at once, so the kernel may choose the same port for two listeners that take
 * any. */
static bool claim(const struct options *options, struct endpoint *endpoint, bool with_udp,
                  struct fault *fault)
{
    const struct endpoint wanted = *endpoint;
    for (int attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
        *endpoint = wanted;
        if (!socket_claim(endpoint, with_udp, fault))
            return false;
        if (!is_of_another(options, endpoint))
            return true;
    }
    fault_what(fault, "no port is free for another listener");
    fault_remedy(fault, "name a port for each listener instead of 0");
    return false;
}

bool listeners_claim(struct options *options, const struct listening_sockets *taken_over,
                     struct fault *fault)
{
    if (!check_all_different(options, fault))
        return false;
    for (uint32_t i = 0; i < options->dns_listen_count; i++) {
        bool is_claimed = listening_sockets_have(taken_over, SOCKET_USE_DNS_UDP, i) &&
                          listening_sockets_have(taken_over, SOCKET_USE_DNS_TCP, i);
        if (!is_claimed && !claim(options, &options->dns_listen[i], true, fault))
            return false;
    }
    for (uint32_t i = 0; i < options->dot_listen_count; i++)
        if (!listening_sockets_have(taken_over, SOCKET_USE_DNS_TLS, i) &&
            !claim(options, &options->dot_listen[i], false, fault))
            return false;
    for (uint32_t i = 0; i < options->tls_listen_count; i++)
        if (!listening_sockets_have(taken_over, SOCKET_USE_GATE, i) &&
            !claim(options, &options->tls_listen[i].endpoint, false, fault))
            return false;
    return options->has_no_status || listening_sockets_have(taken_over, SOCKET_USE_STATUS, 0) ||
           claim(options, &options->status_listen, false, fault);
}

/* A packet to `endpoint` would arrive at `listener`. */
static bool leads_to(const struct endpoint *endpoint, const struct endpoint *listener)
{
    if (endpoint->port != listener->port || endpoint->address.family != listener->address.family)
        return false;
    return ip_address_equal(&endpoint->address, &listener->address) ||
           (ip_address_is_unspecified(&listener->address) &&
            socket_address_is_local(&endpoint->address));
}

static bool check_server(const struct options *options, const struct endpoint *server,
                         const char *remedy, struct fault *fault)
{
    char where[64];
    struct text text = text_in(where, sizeof(where));
    for (uint32_t i = 0; i < options->dns_listen_count; i++) {
        if (!leads_to(server, &options->dns_listen[i]))
            continue;
        endpoint_add_to(server, &text);
        fault_what(fault, "the upstream DNS server is Pinhole itself");
        fault_where(fault, "%s", where);
        fault_remedy(fault, "%s", remedy);
        return false;
    }
    return true;
}

static bool check_zone(const struct options *options, const struct zone *zone, struct fault *fault)
{
    for (uint32_t i = 0; i < zone->server_count; i++)
        if (!check_server(options, &zone->server[i],
                          "give --internal-zone ZONE=ADDR[:PORT] a server that knows the zone's "
                          "names",
                          fault))
            return false;
    return true;
}

bool listeners_check_upstream(const struct options *options, struct fault *fault)
{
    for (uint32_t i = 0; i < options->upstream_dns_count; i++)
        if (!check_server(options, &options->upstream_dns[i],
                          "give --upstream-dns ADDR[:PORT], a resolver that knows the internet's "
                          "names",
                          fault))
            return false;
    for (uint32_t i = 0; i < options->zones.count; i++)
        if (!check_zone(options, &options->zones.zone[i], fault))
            return false;
    return true;
}

static void add(struct own_endpoints *own, struct endpoint endpoint)
{
    if (own->count < OWN_ENDPOINTS_MAX)
        own->endpoint[own->count++] = endpoint;
}

/* Adds the ports that clients use at a gate's address, unless a listener is bound to just that
 * address: then the listener is all there is of Pinhole there, and another port of it may be a real
 * server's. */
static void add_gate_address(const struct options *options, const struct ip_address *address,
                             struct own_endpoints *own)
{
    struct policy_ports ports = options_ports(options);
    for (uint32_t i = 0; i < options->tls_listen_count; i++)
        if (ip_address_equal(&options->tls_listen[i].endpoint.address, address))
            return;
    for (uint32_t i = 0; i < ports.count; i++)
        add(own, (struct endpoint){ *address, ports.port[i] });
}

void own_endpoints_collect(const struct options *options, struct own_endpoints *ret_own)
{
    const struct gate_addresses *gate = &options->gate_addresses;
    ret_own->count = 0;
    for (uint32_t i = 0; i < options->dns_listen_count; i++)
        add(ret_own, options->dns_listen[i]);
    for (uint32_t i = 0; i < options->dot_listen_count; i++)
        add(ret_own, options->dot_listen[i]);
    for (uint32_t i = 0; i < options->tls_listen_count; i++)
        add(ret_own, options->tls_listen[i].endpoint);
    if (!options->has_no_status)
        add(ret_own, options->status_listen);
    for (uint32_t i = 0; i < gate->v4_count; i++)
        add_gate_address(options, &gate->v4[i], ret_own);
    for (uint32_t i = 0; i < gate->v6_count; i++)
        add_gate_address(options, &gate->v6[i], ret_own);
}
