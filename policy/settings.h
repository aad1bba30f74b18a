/* policy/settings.h - the rows of the `setting` table as values, and the gate key. Copied into each
 * policy, so a policy never changes under its readers. */
#pragma once
#include "base/address.h"
#include "policy/gate_address.h"
#include "policy/host_name.h"

#include <stddef.h>

enum { PRIVATE_NETWORKS_MAX = 64, SEARCH_DOMAINS_MAX = 32 };

enum deny_answer { DENY_ANSWER_NXDOMAIN = 0, DENY_ANSWER_REFUSED };

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
    struct gate_key gate_key;
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
