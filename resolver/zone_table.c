/* resolver/zone_table.c - the internal zones: whose questions are forwarded, and where to. */
#include "resolver/zone_table.h"

#include "base/text.h"

#include <string.h>

enum { DNS_PORT = 53 };

/* The labels of an address stand the other way round (RFC 1035 3.5, RFC 3596 2.5). */
static void write_reverse_zone(const struct ip_network *network, struct text *text)
{
    bool is_v4 = network->address.family == 4;
    unsigned label_bits = is_v4 ? 8 : 4;
    for (unsigned label = network->prefix_bits / label_bits; label > 0; label--) {
        uint8_t byte = network->address.bytes[(label - 1) * label_bits / 8];
        if (is_v4)
            text_add_format(text, "%u.", byte);
        else
            text_add_format(text, "%x.", label % 2 == 1 ? byte >> 4 : byte & 0xf);
    }
    text_add(text, is_v4 ? "in-addr.arpa" : "ip6.arpa");
}

static enum zone_status read_network(const char *text, struct host_name *ret_name)
{
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text reverse = text_in(buffer, sizeof(buffer));
    struct ip_network network;
    if (!ip_network_parse(text, &network))
        return ZONE_UNREADABLE;
    if (network.prefix_bits % (network.address.family == 4 ? 8 : 4) != 0)
        return ZONE_BETWEEN_LABELS;
    write_reverse_zone(&network, &reverse);
    return host_name_parse(reverse.at, reverse.size, ret_name) == HOST_NAME_OK ? ZONE_OK
                                                                               : ZONE_UNREADABLE;
}

static bool is_whole_reverse_tree(const struct host_name *name)
{
    static const char *const trees[] = { "arpa", "in-addr.arpa", "ip6.arpa" };
    struct host_name tree;
    for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
        if (host_name_parse(trees[i], strlen(trees[i]), &tree) == HOST_NAME_OK &&
            host_name_is_within(&tree, name))
            return true;
    return false;
}

/* A final dot says nothing more here, as no zone is relative. */
static enum zone_status read_zone(const char *text, struct host_name *ret_name)
{
    struct host_name name;
    size_t size = strlen(text);
    enum zone_status status = ZONE_UNREADABLE;
    if (strchr(text, '/') != NULL)
        status = read_network(text, &name);
    else if (host_name_parse(text, size > 1 && text[size - 1] == '.' ? size - 1 : size, &name) ==
             HOST_NAME_OK)
        status = ZONE_OK;
    if (status != ZONE_OK)
        return status;
    if (is_whole_reverse_tree(&name))
        return ZONE_WHOLE_REVERSE_TREE;
    *ret_name = name;
    return ZONE_OK;
}

static bool is_same(const struct host_name *left, const struct host_name *right)
{
    return left->size == right->size && memcmp(left->wire, right->wire, left->size) == 0;
}

/* The zone's place, made where there is none yet. NULL: the table is full. */
static struct zone *place_of(struct zone_table *table, const struct host_name *name)
{
    uint32_t at = 0;
    while (at < table->count && table->zone[at].name.label_count >= name->label_count) {
        if (is_same(&table->zone[at].name, name))
            return &table->zone[at];
        at++;
    }
    if (table->count == ZONES_MAX)
        return NULL;
    memmove(&table->zone[at + 1], &table->zone[at], (table->count - at) * sizeof(struct zone));
    table->zone[at] = (struct zone){ .name = *name };
    table->count++;
    return &table->zone[at];
}

enum zone_status zone_table_add(struct zone_table *table, const char *text)
{
    char zone_text[HOST_NAME_TEXT_MAX + 2];
    struct host_name name;
    struct endpoint server;
    const char *equals = strchr(text, '=');
    size_t size = equals != NULL ? (size_t)(equals - text) : 0;
    if (size == 0 || size >= sizeof(zone_text))
        return ZONE_UNREADABLE;
    memcpy(zone_text, text, size);
    zone_text[size] = '\0';
    if (!endpoint_parse(equals + 1, DNS_PORT, &server) || server.port == 0 ||
        ip_address_is_unspecified(&server.address))
        return ZONE_UNREADABLE;
    enum zone_status status = read_zone(zone_text, &name);
    if (status != ZONE_OK)
        return status;
    struct zone *zone = place_of(table, &name);
    if (zone == NULL || zone->server_count == ZONE_SERVERS_MAX)
        return ZONE_TOO_MANY;
    zone->server[zone->server_count++] = server;
    return ZONE_OK;
}

const struct zone *zone_table_find(const struct zone_table *table, const struct host_name *name)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (host_name_is_within(name, &table->zone[i].name))
            return &table->zone[i];
    return NULL;
}
