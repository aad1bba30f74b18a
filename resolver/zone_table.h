/* resolver/zone_table.h - the internal zones: whose questions are forwarded, and where to. Filled
 * once at the start, then read by every worker. Pure. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"

enum { ZONES_MAX = 32, ZONE_SERVERS_MAX = 4 };

struct zone {
    struct host_name name;
    struct endpoint server[ZONE_SERVERS_MAX]; /* in the order of preference */
    uint32_t server_count;
};

struct zone_table {
    struct zone zone[ZONES_MAX]; /* those with more labels first */
    uint32_t count;
};

/* Why a text adds no zone. Zero is a failure. */
enum zone_status {
    ZONE_UNREADABLE = 0,
    ZONE_WHOLE_REVERSE_TREE, /* in-addr.arpa, ip6.arpa or arpa: names of other people's networks */
    ZONE_BETWEEN_LABELS,     /* a network whose bits end within a label of its reverse zone */
    ZONE_TOO_MANY,
    ZONE_OK,
};

/* Reads "ZONE=ADDR[:PORT]", and adds the server to the zone. ZONE is a name, or a network in place
 * of its reverse zone: "10.0.0.0/8" is 10.in-addr.arpa. The table changes on ZONE_OK alone. */
enum zone_status zone_table_add(struct zone_table *table, const char *text);

/* The zone with the most labels that `name` lies in; NULL: none. Borrowed from the table. */
const struct zone *zone_table_find(const struct zone_table *table, const struct host_name *name);
