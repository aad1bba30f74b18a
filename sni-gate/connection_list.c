/* sni-gate/connection_list.c - live connections as people look at them. */
#include "sni-gate/connection_list.h"
#include "base/text.h"

#include <assert.h>
#include <string.h>

static int compare(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

int connection_order_age(const struct gate_connection *left, const struct gate_connection *right)
{
    return compare((uint64_t)right->started_ms, (uint64_t)left->started_ms);
}

int connection_order_bytes(const struct gate_connection *left, const struct gate_connection *right)
{
    return compare(right->bytes_up + right->bytes_down, left->bytes_up + left->bytes_down);
}

/* As people read them: what has none comes last. */
int connection_order_name(const struct gate_connection *left, const struct gate_connection *right)
{
    char buffers[2][4 * HOST_NAME_WIRE_MAX + 1];
    if (!left->has_name || !right->has_name)
        return (int)right->has_name - (int)left->has_name;
    struct text left_text = text_in(buffers[0], sizeof(buffers[0]));
    struct text right_text = text_in(buffers[1], sizeof(buffers[1]));
    host_name_add_to(&left->name, &left_text);
    host_name_add_to(&right->name, &right_text);
    return strcmp(left_text.at, right_text.at);
}

int connection_order_client(const struct gate_connection *left, const struct gate_connection *right)
{
    char buffers[2][64];
    struct text left_text = text_in(buffers[0], sizeof(buffers[0]));
    struct text right_text = text_in(buffers[1], sizeof(buffers[1]));
    ip_address_add_to(&left->client.address, &left_text);
    ip_address_add_to(&right->client.address, &right_text);
    return strcmp(left_text.at, right_text.at);
}

const struct gate_connection *connection_list_at(const struct connection_list *list, uint32_t rank)
{
    assert(rank < list->count);
    return &list->place[list->rank[rank]];
}

/* Behind all that may come before it: of equals the first keeps its place. */
static uint32_t rank_of(const struct connection_list *list,
                        const struct gate_connection *connection)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (list->order(connection, connection_list_at(list, middle)) < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void connection_list_add(struct connection_list *list, const struct gate_connection *connection)
{
    uint32_t rank = rank_of(list, connection);
    if (rank >= list->limit)
        return;
    uint16_t place = (uint16_t)list->count;
    if (list->count < list->limit)
        list->count++;
    else
        place = list->rank[list->count - 1];
    memmove(&list->rank[rank + 1], &list->rank[rank],
            (list->count - 1 - rank) * sizeof(list->rank[0]));
    list->rank[rank] = place;
    list->place[place] = *connection;
}
