/* policy/settings.h - the rows of the `setting` table as values, and the keys. Copied into each
 * policy, so a policy never changes under its readers. */
#pragma once
#include "base/address.h"
#include "policy/cookie_key.h"
#include "policy/gate_address.h"
#include "policy/host_name.h"

#include <stddef.h>

enum { PRIVATE_NETWORKS_MAX = 64, SEARCH_DOMAINS_MAX = 32 };

enum deny_answer { DENY_ANSWER_NXDOMAIN = 0, DENY_ANSWER_REFUSED };

/* May the client's handshake go on while its server is checked for the first time? */
enum cold_start { COLD_START_SERIAL = 0, COLD_START_PARALLEL };

/* May a TLS 1.2 session be resumed, in which no certificate is shown? */
enum resumption { RESUMPTION_DENY = 0, RESUMPTION_ALLOW };

/* May a ClientHello have the extension encrypted_client_hello? */
enum ech { ECH_DENY = 0, ECH_ALLOW };

struct settings {
    uint32_t answer_ttl_s;
    uint32_t negative_ttl_s;
    enum deny_answer deny_answer;
    struct ip_network allowed_private_networks[PRIVATE_NETWORKS_MAX];
    uint32_t allowed_private_network_count;
    struct host_name search_domain[SEARCH_DOMAINS_MAX]; /* what clients put behind names */
    uint32_t search_domain_count;
    enum ech ech;
    /* How long a connection through the gate may take to ... */
    uint32_t hello_s;   /* say its ClientHello */
    uint32_t connect_s; /* reach its server, once its addresses are known */
    uint32_t answer_s;  /* get the server's first answer */
    uint32_t idle_s;    /* pass on another byte; 0: as long as it likes */
    /* How many there may be; 0: see the documents. */
    uint32_t max_connections;
    uint32_t max_connections_per_client;
    uint32_t max_handshakes_per_client; /* a second */
    /* How servers' certificates are checked. */
    enum cold_start cold_start;
    enum resumption resumption;
    uint32_t probes_max; /* checks of what nothing is known of, at a time; 0: as many as come */
    uint32_t probes_per_client;        /* of them for one client; 0: no fewer */
    uint32_t probes_per_address;       /* of them at one address; 0: no fewer */
    uint32_t certificate_warning_days; /* before a chain expires; 0: none */
    uint32_t max_queries_per_client;   /* a second; 0: no limit */
    bool has_forged_answer_error;      /* addresses carry Extended DNS Error 4 */
    struct gate_key gate_key;
    struct cookie_keys cookie_keys;
};

enum setting_status {
    SETTING_UNKNOWN = 0, /* no setting of that name: ignored, an older binary may meet newer rows */
    SETTING_BAD_VALUE,   /* kept at its default, or for a list: the part that can't be read opens
                            nothing */
    SETTING_OK,
};

/* What holds where no row says otherwise. */
struct settings settings_default(void);

/* Takes one row; both strings end in NUL. */
enum setting_status settings_set(struct settings *settings, const char *name, const char *value);
