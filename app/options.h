/* app/options.h - the command line and its environment: process settings. Policy lives in the
 * database. */
#pragma once
#include "base/address.h"
#include "base/fault.h"
#include "policy/gate_address.h"
#include "policy/policy.h"
#include "resolver/answer.h"
#include "resolver/zone_table.h"
#include "status/status.h"

enum {
    OPTIONS_LISTENERS_MAX = POLICY_PORTS_MAX,
    OPTIONS_DNS_SERVERS_MAX = 8,
    OPTIONS_PROXIES_MAX = 64,
    OPTIONS_WORKERS_MAX = 256,
    OPTIONS_SECONDS_MAX = 86400
};

enum log_format { LOG_FORMAT_JSON = 0, LOG_FORMAT_TEXT };

struct tls_listener {
    struct endpoint endpoint;
    uint16_t client_port; /* the port that clients believe they connect to; rules name it, and it is
                             dialled */
    bool is_for_proxies;
};

struct options {
    const char *db; /* borrowed from argv or the environment */
    struct endpoint dns_listen[OPTIONS_LISTENERS_MAX];
    uint32_t dns_listen_count;
    struct endpoint dot_listen[OPTIONS_LISTENERS_MAX]; /* DNS over TLS */
    uint32_t dot_listen_count;
    const char *dot_certificate, *dot_key; /* paths; borrowed as `db` is; NULL: no DNS over TLS */
    struct tls_listener tls_listen[OPTIONS_LISTENERS_MAX];
    uint32_t tls_listen_count;
    struct ip_network proxies[OPTIONS_PROXIES_MAX]; /* that tell who their clients are */
    uint32_t proxy_count;
    struct gate_addresses gate_addresses;
    struct endpoint upstream_dns[OPTIONS_DNS_SERVERS_MAX];
    uint32_t upstream_dns_count;
    const char *ca_file;             /* borrowed; NULL: the system's trust store */
    struct server_identity identity; /* borrowed as `db` is */
    struct zone_table zones;
    enum zone_status
        zone_status; /* what was wrong with a zone that can be read; ZONE_OK: nothing */
    struct endpoint status_listen;
    bool has_no_status;            /* no status page is wanted */
    const char *status_token_file; /* NULL: none */
    const char *status_host[STATUS_HOSTS_MAX];
    uint32_t status_host_count;
    uint32_t workers;
    uint32_t lame_duck_seconds, drain_seconds;
    bool takes_over;
    enum log_format log_format;
    bool as_json;
    struct ip_address from;
    struct endpoint connect; /* of `pin`; family 0: the name's own address; port 0: the target's */
    struct endpoint status;  /* of `top`: the status page that it asks */
    const char *token_file;  /* likewise; NULL: none */
    bool once;               /* likewise: one screen is enough */
    const char *target;      /* NULL where the command takes none */
};

/* The commands that take options, as a set: an option says which know it. */
enum command {
    COMMAND_SERVE = 1,
    COMMAND_INIT = 2,
    COMMAND_CHECK = 4,
    COMMAND_EXPLAIN = 8,
    COMMAND_PIN = 16,
    COMMAND_TOP = 32,
};

/* Reads what stands behind the command's name (ends in NULL, as argv does), then the PINHOLE_*
 * variables of options that were not given, then fills in defaults. False with a usage fault. */
bool options_read(enum command command, char **arguments, struct options *ret_options,
                  struct fault *fault);

/* Prints the options of a command, a line each, to standard output. */
void options_print(enum command command);

/* The ports that clients may connect to: each listener's, once. */
struct policy_ports options_ports(const struct options *options);
