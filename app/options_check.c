/* app/options_check.c - options that only make sense together. */
#include "app/options_check.h"

bool options_fault(struct fault *fault, const char *what, const char *where, const char *remedy)
{
    fault->is_usage = true;
    fault_what(fault, "%s", what);
    fault_where(fault, "%s", where);
    fault_remedy(fault, "%s", remedy);
    return false;
}

static bool check_gate_addresses(const struct options *options, struct fault *fault)
{
    if (!gate_addresses_are_mixed(&options->gate_addresses, 4) &&
        !gate_addresses_are_mixed(&options->gate_addresses, 6))
        return true;
    return options_fault(
        fault, "addresses and ranges of one family", "--gate-address or PINHOLE_GATE_ADDRESS",
        "give IPv4, and IPv6, either addresses that all names share or ranges that "
        "give each name its own");
}

static bool check_proxies(enum command command, const struct options *options, struct fault *fault)
{
    bool has_listener = false;
    for (uint32_t i = 0; i < options->tls_listen_count; i++)
        has_listener = has_listener || options->tls_listen[i].is_for_proxies;
    if (command != COMMAND_SERVE || has_listener == (options->proxy_count > 0))
        return true;
    if (has_listener)
        return options_fault(fault, "no proxy may use the listener", "--tls-listen with ,proxy",
                             "give --proxy-from ADDR[/BITS], the network that the proxies are in");
    return options_fault(fault, "no listener is for proxies", "--proxy-from or PINHOLE_PROXY_FROM",
                         "give --tls-listen ADDR:PORT,proxy, or leave --proxy-from out");
}

static bool check_dot(const struct options *options, struct fault *fault)
{
    const bool has_both = options->dot_certificate != NULL && options->dot_key != NULL;
    const bool has_any = options->dot_certificate != NULL || options->dot_key != NULL;
    if (options->dot_listen_count > 0 ? has_both : !has_any)
        return true;
    if (options->dot_listen_count > 0)
        return options_fault(fault, "DNS over TLS has no certificate or no key", "--dot-listen",
                             "give --dot-certificate FILE and --dot-key FILE");
    return options_fault(fault, "no listener uses the certificate",
                         "--dot-certificate or --dot-key",
                         "give --dot-listen ADDR:PORT, or leave the others out");
}

static bool check_zones(const struct options *options, struct fault *fault)
{
    static const char flag[] = "--internal-zone or PINHOLE_INTERNAL_ZONE";
    switch (options->zone_status) {
    case ZONE_WHOLE_REVERSE_TREE:
        return options_fault(fault, "in-addr.arpa and ip6.arpa are not forwarded whole", flag,
                             "name the networks that the server knows the names of, as in "
                             "10.0.0.0/8=10.96.0.10");
    case ZONE_BETWEEN_LABELS:
        return options_fault(fault, "a network that is no reverse zone", flag,
                             "give networks whose BITS are a multiple of 8, for IPv6 of 4: several "
                             "of them in place of this one");
    case ZONE_TOO_MANY:
        return options_fault(fault, "too many zones, or servers of one zone", flag,
                             "give at most 32 zones, with at most 4 servers each");
    case ZONE_UNREADABLE:
    case ZONE_OK:
        break;
    }
    return true;
}

bool options_check(enum command command, const struct options *options, struct fault *fault)
{
    return check_gate_addresses(options, fault) && check_zones(options, fault) &&
           check_proxies(command, options, fault) && check_dot(options, fault);
}
