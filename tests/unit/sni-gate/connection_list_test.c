/* tests/unit/sni-gate/connection_list_test.c - of many connections those that come first. */
#include "names.h"
#include "sni-gate/connection_list.h"

#include <stdlib.h>

static struct connection_list *list_of(connection_order_fn order, uint32_t limit)
{
    struct connection_list *list = calloc(1, sizeof(*list));
    assert_non_null(list);
    list->order = order;
    list->limit = limit;
    return list;
}

static void keeps_those_with_most_bytes(void **state)
{
    (void)state;
    for (uint32_t limit = 1; limit <= CONNECTION_LIST_MAX; limit += 13) {
        struct connection_list *list = list_of(connection_order_bytes, limit);
        for (uint64_t i = 0; i < 1009; i++) {
            uint64_t bytes = i * 7 % 1009; /* each below 1,009 once */
            struct gate_connection connection = { .bytes_up = bytes / 2,
                                                  .bytes_down = bytes - bytes / 2 };
            connection_list_add(list, &connection);
        }
        assert_int_equal(list->count, limit);
        for (uint32_t rank = 0; rank < limit; rank++) {
            const struct gate_connection *kept = connection_list_at(list, rank);
            assert_int_equal(kept->bytes_up + kept->bytes_down, 1008 - rank);
        }
        free(list);
    }
}

static void youngest_first(void **state)
{
    (void)state;
    struct connection_list *list = list_of(connection_order_age, 2);
    for (int64_t started_ms = 1; started_ms <= 3; started_ms++)
        connection_list_add(list, &(struct gate_connection){ .started_ms = started_ms });
    assert_int_equal(connection_list_at(list, 0)->started_ms, 3);
    assert_int_equal(connection_list_at(list, 1)->started_ms, 2);
    free(list);
}

static void names_as_people_read_them(void **state)
{
    (void)state;
    const char *names[] = { "b.example", "a.example", "z.a" };
    struct connection_list *list = list_of(connection_order_name, 10);
    connection_list_add(list, &(struct gate_connection){ .has_name = false });
    for (size_t i = 0; i < COUNT(names); i++)
        connection_list_add(
            list, &(struct gate_connection){ .has_name = true, .name = name_of(names[i]) });
    struct host_name first = name_of("a.example"), last = name_of("z.a");
    assert_memory_equal(connection_list_at(list, 0)->name.wire, first.wire, first.size);
    assert_memory_equal(connection_list_at(list, 2)->name.wire, last.wire, last.size);
    assert_false(connection_list_at(list, 3)->has_name);
    free(list);
}

static void clients_as_text(void **state)
{
    (void)state;
    struct connection_list *list = list_of(connection_order_client, 10);
    struct gate_connection connection = { 0 };
    assert_true(ip_address_parse("10.0.0.9", &connection.client.address));
    connection_list_add(list, &connection);
    assert_true(ip_address_parse("10.0.0.10", &connection.client.address));
    connection_list_add(list, &connection);
    assert_int_equal(connection_list_at(list, 0)->client.address.bytes[3], 10);
    free(list);
}

static void room_for_none_keeps_none(void **state)
{
    (void)state;
    struct connection_list *list = list_of(connection_order_age, 0);
    connection_list_add(list, &(struct gate_connection){ .started_ms = 1 });
    assert_int_equal(list->count, 0);
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_those_with_most_bytes), cmocka_unit_test(youngest_first),
        cmocka_unit_test(names_as_people_read_them),   cmocka_unit_test(clients_as_text),
        cmocka_unit_test(room_for_none_keeps_none),
    };
    return cmocka_run_group_tests_name("connection_list", tests, NULL, NULL);
}
