/* app/options.c - the command line and its environment. */
#include "app/options.h"
#include "app/options_check.h"
#include "base/text.h"
#include "net/dns_channel.h"
#include "resolver/dns.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LAME_DUCK_SECONDS = 5, DRAIN_SECONDS = 20 };

/* Each takes one value; false where it can't be read, or there are too many. */
typedef bool (*option_fn)(struct options *options, const char *value);

static bool set_db(struct options *options, const char *value)
{
    options->db = value;
    return value[0] != '\0';
}

static bool add_dns_listen(struct options *options, const char *value)
{
    return options->dns_listen_count < OPTIONS_LISTENERS_MAX &&
           endpoint_parse(value, -1, &options->dns_listen[options->dns_listen_count++]);
}

static bool add_dot_listen(struct options *options, const char *value)
{
    return options->dot_listen_count < OPTIONS_LISTENERS_MAX &&
           endpoint_parse(value, -1, &options->dot_listen[options->dot_listen_count++]);
}

static bool set_dot_certificate(struct options *options, const char *value)
{
    options->dot_certificate = value;
    return value[0] != '\0';
}

static bool set_dot_key(struct options *options, const char *value)
{
    options->dot_key = value;
    return value[0] != '\0';
}

static bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *ret_number)
{
    uint32_t number = 0;
    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint32_t)(*text - '0');
    }
    if (number < least || number > most)
        return false;
    *ret_number = number;
    return true;
}

static const char proxy_mark[] = ",proxy";

/* ADDR:PORT[=PORT][,proxy] */
static bool add_tls_listen(struct options *options, const char *value)
{
    char endpoint[80];
    const char *mark = strchr(value, ',');
    size_t size = mark != NULL ? (size_t)(mark - value) : strlen(value);
    if (options->tls_listen_count == OPTIONS_LISTENERS_MAX || size >= sizeof(endpoint) ||
        (mark != NULL && strcmp(mark, proxy_mark) != 0))
        return false;
    memcpy(endpoint, value, size);
    endpoint[size] = '\0';
    char *equals = strchr(endpoint, '=');
    if (equals != NULL)
        *equals = '\0';
    struct tls_listener *listener = &options->tls_listen[options->tls_listen_count++];
    uint32_t client_port = 0;
    if (!endpoint_parse(endpoint, -1, &listener->endpoint) ||
        (equals != NULL && !parse_number(equals + 1, 1, 65535, &client_port)))
        return false;
    listener->client_port = equals != NULL ? (uint16_t)client_port : listener->endpoint.port;
    listener->is_for_proxies = mark != NULL;
    return listener->client_port != 0;
}

static bool add_proxy(struct options *options, const char *value)
{
    return options->proxy_count < OPTIONS_PROXIES_MAX &&
           ip_network_parse(value, &options->proxies[options->proxy_count++]);
}

static bool add_gate_address(struct options *options, const char *value)
{
    struct ip_network range;
    return ip_network_parse(value, &range) &&
           gate_addresses_add_range(&options->gate_addresses, &range);
}

static bool add_upstream_dns(struct options *options, const char *value)
{
    struct endpoint *server = &options->upstream_dns[options->upstream_dns_count];
    if (options->upstream_dns_count == OPTIONS_DNS_SERVERS_MAX ||
        !endpoint_parse(value, 53, server))
        return false;
    options->upstream_dns_count++;
    return server->port != 0 && !ip_address_is_unspecified(&server->address);
}

static bool set_status_listen(struct options *options, const char *value)
{
    options->has_no_status = strcmp(value, "none") == 0;
    return options->has_no_status || endpoint_parse(value, -1, &options->status_listen);
}

static bool set_status_token_file(struct options *options, const char *value)
{
    options->status_token_file = value;
    return value[0] != '\0';
}

static bool add_status_host(struct options *options, const char *value)
{
    struct host_name name;
    if (options->status_host_count == STATUS_HOSTS_MAX ||
        host_name_parse(value, strlen(value), &name) != HOST_NAME_OK)
        return false;
    options->status_host[options->status_host_count++] = value;
    return true;
}

static bool set_status(struct options *options, const char *value)
{
    return endpoint_parse(value, -1, &options->status);
}

static bool set_token_file(struct options *options, const char *value)
{
    options->token_file = value;
    return value[0] != '\0';
}

static bool set_once(struct options *options, const char *value)
{
    (void)value;
    options->once = true;
    return true;
}

static bool set_ca_file(struct options *options, const char *value)
{
    options->ca_file = value;
    return value[0] != '\0';
}

static bool set_connect(struct options *options, const char *value)
{
    return endpoint_parse(value, 0, &options->connect) &&
           !ip_address_is_unspecified(&options->connect.address);
}

/* Printable ASCII, as clients show it to people. */
static bool set_identity(const char *value, const char **ret_text)
{
    size_t size = strlen(value);
    for (size_t i = 0; i < size; i++)
        if (value[i] < ' ' || value[i] > '~')
            return false;
    *ret_text = value;
    return size > 0 && size <= DNS_IDENTITY_MAX;
}

static bool set_nsid(struct options *options, const char *value)
{
    return set_identity(value, &options->identity.nsid);
}

static bool set_id_server(struct options *options, const char *value)
{
    return set_identity(value, &options->identity.id);
}

static bool set_version_bind(struct options *options, const char *value)
{
    return set_identity(value, &options->identity.version);
}

/* What can be read is judged by check_zones(), which has more to say. */
static bool add_internal_zone(struct options *options, const char *value)
{
    enum zone_status status = zone_table_add(&options->zones, value);
    if (status != ZONE_OK)
        options->zone_status = status;
    return status != ZONE_UNREADABLE;
}

static bool set_workers(struct options *options, const char *value)
{
    return parse_number(value, 1, OPTIONS_WORKERS_MAX, &options->workers);
}

static bool set_lame_duck_seconds(struct options *options, const char *value)
{
    return parse_number(value, 0, OPTIONS_SECONDS_MAX, &options->lame_duck_seconds);
}

static bool set_drain_seconds(struct options *options, const char *value)
{
    return parse_number(value, 0, OPTIONS_SECONDS_MAX, &options->drain_seconds);
}

static bool set_take_over(struct options *options, const char *value)
{
    (void)value;
    options->takes_over = true;
    return true;
}

static bool set_log_format(struct options *options, const char *value)
{
    options->log_format = strcmp(value, "text") == 0 ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
    return options->log_format == LOG_FORMAT_TEXT || strcmp(value, "json") == 0;
}

static bool set_from(struct options *options, const char *value)
{
    return ip_address_parse(value, &options->from);
}

static bool set_json(struct options *options, const char *value)
{
    (void)value;
    options->as_json = true;
    return true;
}

static const struct option {
    const char *flag;
    const char *value; /* its name in the help; NULL: the option takes none */
    bool is_repeatable;
    unsigned commands; /* a set of enum command */
    option_fn take;
    const char *meaning;
} table[] = {
    { "--db", "FILE", false, COMMAND_SERVE | COMMAND_INIT | COMMAND_CHECK | COMMAND_EXPLAIN, set_db,
      "the policy file (default policy.db)" },
    { "--dns-listen", "ADDR:PORT", true, COMMAND_SERVE, add_dns_listen,
      "DNS over UDP and TCP (default 127.0.0.1:5300)" },
    { "--dot-listen", "ADDR:PORT", true, COMMAND_SERVE, add_dot_listen,
      "DNS over TLS, by the certificate in --dot-certificate (default: none)" },
    { "--dot-certificate", "FILE", false, COMMAND_SERVE, set_dot_certificate,
      "the certificate of DNS over TLS and those that lead to its root, PEM; read again when it "
      "changes" },
    { "--dot-key", "FILE", false, COMMAND_SERVE, set_dot_key,
      "the key of that certificate, PEM without a passphrase; read again when it changes" },
    { "--tls-listen", "ADDR:PORT[=PORT][,proxy]", true, COMMAND_SERVE | COMMAND_EXPLAIN,
      add_tls_listen,
      "TLS gate; =PORT is the port that clients believe they connect to; ,proxy takes connections "
      "of the proxies in --proxy-from alone, which name the client by the PROXY protocol (default "
      "127.0.0.1:8443=443)" },
    { "--proxy-from", "ADDR[/BITS]", true, COMMAND_SERVE, add_proxy,
      "a network of proxies, with no bits set behind BITS: who reaches a ,proxy listener from "
      "there may claim any client address" },
    { "--gate-address", "ADDR[/BITS]", true, COMMAND_SERVE | COMMAND_CHECK | COMMAND_EXPLAIN,
      add_gate_address,
      "what A and AAAA answers carry; a range, with no bits set behind BITS and apart from other "
      "ranges, gives each name an address of its own (default: the TLS listeners' own "
      "addresses)" },
    { "--upstream-dns", "ADDR[:PORT]", true, COMMAND_SERVE | COMMAND_PIN, add_upstream_dns,
      "where the gate looks up real addresses (default: the system's resolv.conf)" },
    { "--status-listen", "ADDR:PORT|none", false, COMMAND_SERVE, set_status_listen,
      "status page, JSON, metrics and probes over HTTP (default 127.0.0.1:9180)" },
    { "--status-token-file", "FILE", false, COMMAND_SERVE, set_status_token_file,
      "a file with the token that whoever looks at them must give (default: none is asked for)" },
    { "--status-host", "NAME", true, COMMAND_SERVE, add_status_host,
      "a host name that leads to the status page; by others than IP addresses, localhost and these "
      "it gives no answer" },
    { "--ca-file", "FILE", false, COMMAND_SERVE | COMMAND_EXPLAIN | COMMAND_PIN, set_ca_file,
      "the roots that servers' certificates must lead to, in PEM (default: the system's trust "
      "store)" },
    { "--connect", "ADDR[:PORT]", false, COMMAND_PIN, set_connect,
      "where to connect to in place of the name's own address" },
    { "--nsid", "TEXT", false, COMMAND_SERVE, set_nsid,
      "what DNS answers say of this server to clients that ask for it (RFC 5001), 64 characters at "
      "most (default: nothing)" },
    { "--id-server", "TEXT", false, COMMAND_SERVE, set_id_server,
      "the answer to id.server and hostname.bind, TXT of class CHAOS, 64 characters at most "
      "(default: REFUSED)" },
    { "--version-bind", "TEXT", false, COMMAND_SERVE, set_version_bind,
      "the answer to version.bind and version.server, in the same way (default: REFUSED)" },
    { "--internal-zone", "ZONE=ADDR[:PORT]", true, COMMAND_SERVE | COMMAND_EXPLAIN,
      add_internal_zone,
      "questions in ZONE are forwarded there, whatever the rules say, as in "
      "cluster.local=10.96.0.10; a network stands for its reverse zone, as in "
      "10.0.0.0/8=10.96.0.10; the longest zone wins, and a zone may have several servers" },
    { "--workers", "N", false, COMMAND_SERVE, set_workers, "worker threads (default: one a core)" },
    { "--lame-duck-seconds", "N", false, COMMAND_SERVE, set_lame_duck_seconds,
      "how long a signal leaves DNS and gate as they are (default 5; on a terminal 0)" },
    { "--drain-seconds", "N", false, COMMAND_SERVE, set_drain_seconds,
      "how long connections then have to finish (default 20)" },
    { "--take-over", NULL, false, COMMAND_SERVE, set_take_over,
      "take the listening sockets over from the process that runs with this policy file" },
    { "--log-format", "text|json", false, COMMAND_SERVE, set_log_format,
      "lines on standard error (default: text on a terminal, else json)" },
    { "--status", "ADDR:PORT", false, COMMAND_TOP, set_status,
      "the status page to ask (default 127.0.0.1:9180)" },
    { "--token-file", "FILE", false, COMMAND_TOP, set_token_file,
      "a file with the token that it asks for" },
    { "--once", NULL, false, COMMAND_TOP, set_once, "one screen, as plain text" },
    { "--from", "ADDR", false, COMMAND_EXPLAIN, set_from,
      "the client to decide for (default 127.0.0.1)" },
    { "--json", NULL, false, COMMAND_CHECK | COMMAND_EXPLAIN | COMMAND_PIN, set_json,
      "print JSON" },
};
enum { OPTION_COUNT = sizeof(table) / sizeof(table[0]) };

/* `name` is what the person wrote: the flag, or its variable. */
static bool take_value(const struct option *option, struct options *options, const char *name,
                       const char *value, struct fault *fault)
{
    char where[300], remedy[300];
    if (option->take(options, value))
        return true;
    (void)snprintf(where, sizeof(where), "%s %s", name, value);
    (void)snprintf(remedy, sizeof(remedy), "give %s %s: %s", option->flag, option->value,
                   option->meaning);
    return options_fault(fault, "the value can't be used", where, remedy);
}

/* The option that `argument` names, whole or before a "=". `*ret_value` is what stands behind that,
 * or NULL. */
static const struct option *find_option(enum command command, const char *argument,
                                        const char **ret_value)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t size = strlen(table[i].flag);
        bool is_named =
            strncmp(argument, table[i].flag, size) == 0 &&
            (argument[size] == '\0' || (argument[size] == '=' && table[i].value != NULL));
        if (!is_named || (table[i].commands & command) == 0)
            continue;
        *ret_value = argument[size] == '=' ? argument + size + 1 : NULL;
        return &table[i];
    }
    return NULL;
}

static bool takes_target(enum command command)
{
    return (command & (COMMAND_EXPLAIN | COMMAND_PIN)) != 0;
}

static bool read_arguments(enum command command, char **arguments, struct options *options,
                           bool *ret_given, struct fault *fault)
{
    for (; *arguments != NULL; arguments++) {
        const char *value;
        if ((*arguments)[0] != '-' && takes_target(command) && options->target == NULL) {
            options->target = *arguments;
            continue;
        }
        const struct option *option = find_option(command, *arguments, &value);
        if (option == NULL)
            return options_fault(
                fault, (*arguments)[0] == '-' ? "no such option" : "one argument too many",
                *arguments, "pinhole --help shows what there is");
        bool *is_given = &ret_given[option - table];
        if (*is_given && !option->is_repeatable)
            return options_fault(fault, "the option stands twice", *arguments, "give it once");
        *is_given = true;
        if (option->value != NULL && value == NULL && *++arguments == NULL)
            return options_fault(fault, "a value is missing", option->flag,
                                 "pinhole --help shows what it takes");
        if (option->value != NULL && value == NULL)
            value = *arguments;
        if (!take_value(option, options, option->flag, value, fault))
            return false;
    }
    return true;
}

enum { VARIABLE_BYTES = 64 };

/* "--dns-listen" is PINHOLE_DNS_LISTEN. */
static void name_variable(const struct option *option, char ret_name[VARIABLE_BYTES])
{
    struct text name = text_in(ret_name, VARIABLE_BYTES);
    text_add(&name, "PINHOLE_");
    for (const char *at = option->flag + 2; *at != '\0'; at++) {
        char letter = *at == '-' ? '_' : (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
        text_add_bytes(&name, &letter, 1);
    }
}

/* The size of a list's first element. It ends before a comma, but a ",proxy" that is followed by
 * another comma or by the list's end belongs to it. */
static size_t element_size(const char *list)
{
    size_t size = strcspn(list, ","), mark_size = sizeof(proxy_mark) - 1;
    bool has_mark = strncmp(list + size, proxy_mark, mark_size) == 0 &&
                    (list[size + mark_size] == ',' || list[size + mark_size] == '\0');
    return size + (has_mark ? mark_size : 0);
}

static bool take_list(const struct option *option, struct options *options, const char *name,
                      const char *list, struct fault *fault)
{
    char value[256];
    while (*list != '\0') {
        size_t size = element_size(list);
        if (size >= sizeof(value))
            size = sizeof(value) - 1; /* no value is that long: it won't be read */
        memcpy(value, list, size);
        value[size] = '\0';
        if (!take_value(option, options, name, value, fault))
            return false;
        list += size;
        list += *list == ',' ? 1 : 0;
    }
    return true;
}

static bool read_variables(enum command command, struct options *options, const bool *is_given,
                           struct fault *fault)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char name[VARIABLE_BYTES];
        name_variable(&table[i], name);
        bool has_variable =
            table[i].value != NULL && table[i].take != set_from && table[i].take != set_connect;
        const char *value = has_variable ? getenv(name) : NULL;
        if (is_given[i] || value == NULL || value[0] == '\0' || (table[i].commands & command) == 0)
            continue;
        bool is_taken = table[i].is_repeatable ? take_list(&table[i], options, name, value, fault)
                                               : take_value(&table[i], options, name, value, fault);
        if (!is_taken)
            return false;
    }
    return true;
}

static uint32_t core_count(void)
{
    cpu_set_t cores;
    int count = sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
    return count < 1 ? 1 : count > OPTIONS_WORKERS_MAX ? OPTIONS_WORKERS_MAX : (uint32_t)count;
}

/* Without --gate-address, answers carry the listeners' own addresses; a wildcard is none. */
static bool default_gate_addresses(enum command command, struct options *options,
                                   struct fault *fault)
{
    const struct gate_addresses *given = &options->gate_addresses;
    bool has_own = given->v4_count + given->v6_count + given->range_count > 0;
    for (uint32_t i = 0; i < options->tls_listen_count && !has_own; i++) {
        if (gate_addresses_add(&options->gate_addresses, &options->tls_listen[i].endpoint.address))
            continue;
        if (command == COMMAND_SERVE)
            return options_fault(
                fault, "no address to answer with",
                "--tls-listen on a wildcard or too many addresses",
                "give --gate-address ADDR, the address at which clients reach the gate");
    }
    return true;
}

static bool default_upstream_dns(enum command command, struct options *options, struct fault *fault)
{
    bool is_needed = command == COMMAND_SERVE ||
                     (command == COMMAND_PIN && options->connect.address.family == 0);
    if (is_needed && options->upstream_dns_count == 0)
        options->upstream_dns_count = dns_system_servers(options->upstream_dns);
    return !is_needed || options->upstream_dns_count > 0 ||
           options_fault(fault, "no upstream DNS", "/etc/resolv.conf",
                         "give --upstream-dns ADDR[:PORT]");
}

static bool check_target(enum command command, const struct options *options, struct fault *fault)
{
    if (!takes_target(command) || options->target != NULL)
        return true;
    return command == COMMAND_PIN
               ? options_fault(fault, "a target is missing", "pinhole pin",
                               "give a host name, as in: pinhole pin api.example.com")
               : options_fault(fault, "a target is missing", "pinhole explain",
                               "give a host name, as in: pinhole explain api.example.com");
}

static bool fill_defaults(enum command command, struct options *options, struct fault *fault)
{
    if (options->db == NULL)
        options->db = "policy.db";
    if (options->dns_listen_count == 0)
        (void)add_dns_listen(options, "127.0.0.1:5300");
    if (options->tls_listen_count == 0)
        (void)add_tls_listen(options, "127.0.0.1:8443=443");
    if (options->status_listen.address.family == 0 && !options->has_no_status)
        (void)set_status_listen(options, "127.0.0.1:9180");
    if (options->status.address.family == 0)
        (void)set_status(options, "127.0.0.1:9180");
    if (options->workers == 0)
        options->workers = core_count();
    if (options->from.family == 0)
        (void)ip_address_parse("127.0.0.1", &options->from);
    return default_upstream_dns(command, options, fault) && check_target(command, options, fault) &&
           default_gate_addresses(command, options, fault);
}

bool options_read(enum command command, char **arguments, struct options *ret_options,
                  struct fault *fault)
{
    bool is_given[OPTION_COUNT] = { false };
    bool is_terminal = isatty(STDERR_FILENO);
    struct options options = { .log_format = is_terminal ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON,
                               .lame_duck_seconds = is_terminal ? 0 : LAME_DUCK_SECONDS,
                               .drain_seconds = DRAIN_SECONDS,
                               .zone_status = ZONE_OK };
    if (!read_arguments(command, arguments, &options, is_given, fault) ||
        !read_variables(command, &options, is_given, fault) ||
        !options_check(command, &options, fault) || !fill_defaults(command, &options, fault))
        return false;
    *ret_options = options;
    return true;
}

void options_print(enum command command)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char flag[64];
        if ((table[i].commands & command) == 0)
            continue;
        (void)snprintf(flag, sizeof(flag), "%s %s", table[i].flag,
                       table[i].value != NULL ? table[i].value : "");
        printf("    %-40s%s%s\n", flag, table[i].meaning,
               table[i].is_repeatable ? "; repeatable" : "");
    }
}

struct policy_ports options_ports(const struct options *options)
{
    struct policy_ports ports = { 0 };
    for (uint32_t i = 0; i < options->tls_listen_count; i++) {
        bool is_known = false;
        for (uint32_t k = 0; k < ports.count; k++)
            is_known = is_known || ports.port[k] == options->tls_listen[i].client_port;
        if (!is_known)
            ports.port[ports.count++] = options->tls_listen[i].client_port;
    }
    return ports;
}
