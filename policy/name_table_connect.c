/* policy/name_table_connect.c - the few rules of a table that send connections elsewhere, in the
 * order of their ids. They stand beside the rules, which are many and stay small. */
#include "base/reader.h"
#include "policy/name_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CONNECTS = 8 };

/* Where the rule stands, or would. */
static uint32_t find_place(const struct name_table *table, int64_t rule_id)
{
    uint32_t low = 0, high = table->connect_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->connects[middle].rule_id < rule_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct name_table *table, uint32_t at, int64_t rule_id)
{
    return at < table->connect_count && table->connects[at].rule_id == rule_id;
}

static bool make_room(struct name_table *table)
{
    uint32_t grown = table->connect_capacity > 0 ? table->connect_capacity * 2 : FIRST_CONNECTS;
    if (table->connect_count < table->connect_capacity)
        return true;
    struct table_connect *moved =
        grown > table->connect_capacity
            ? realloc(table->connects, (size_t)grown * sizeof(*table->connects))
            : NULL;
    if (moved == NULL)
        return false;
    table->connects = moved;
    table->connect_capacity = grown;
    return true;
}

bool name_table_add_connect_to(struct name_table *table, int64_t rule_id,
                               const struct connect_to *connect_to)
{
    struct table_connect added = { .rule_id = rule_id,
                                   .address = connect_to->address,
                                   .port = connect_to->port };
    if (connect_to->kind == CONNECT_TO_NAME)
        return true;
    if (connect_to->kind == CONNECT_TO_HOST) {
        added.address = (struct ip_address){ 0 };
        added.host_size = connect_to->host.size;
        added.host_at = name_table_add_bytes(table, connect_to->host.wire, connect_to->host.size);
        if (added.host_at == TABLE_NONE)
            return false;
    }
    if (!make_room(table))
        return false;
    uint32_t at = find_place(table, rule_id);
    memmove(&table->connects[at + 1], &table->connects[at],
            (table->connect_count - at) * sizeof(*table->connects));
    table->connects[at] = added;
    table->connect_count++;
    return true;
}

void name_table_remove_connect_to(struct name_table *table, int64_t rule_id)
{
    uint32_t at = find_place(table, rule_id);
    if (!is_at(table, at, rule_id))
        return;
    table->connect_count--;
    memmove(&table->connects[at], &table->connects[at + 1],
            (table->connect_count - at) * sizeof(*table->connects));
}

struct connect_to name_table_connect_to(const struct name_table *table, int64_t rule_id)
{
    struct connect_to found = { .kind = CONNECT_TO_NAME };
    uint32_t at = find_place(table, rule_id);
    if (!is_at(table, at, rule_id))
        return found;
    const struct table_connect *connect = &table->connects[at];
    found.kind = connect->host_size > 0 ? CONNECT_TO_HOST : CONNECT_TO_ADDRESS;
    found.port = connect->port;
    found.address = connect->address;
    struct reader host = reader_over(table->bytes + connect->host_at, connect->host_size);
    if (connect->host_size > 0)
        (void)host_name_read(&host, &found.host); /* cannot fail: it was read before */
    return found;
}
