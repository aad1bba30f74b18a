/* tests/unit/resolver/zone_table_test.c - zones as typed, and which one a name lies in. */
#include "unit.h"

#include "base/text.h"
#include "resolver/zone_table.h"

static const struct row {
    const char *name, *text;
    enum zone_status expected;
    const char *zone; /* and its server, where it is taken */
} rows[] = {
    { "a name", "cluster.local=10.96.0.10", ZONE_OK, "cluster.local 10.96.0.10:53" },
    { "a port", "Corp.Example=10.96.0.10:5353", ZONE_OK, "corp.example 10.96.0.10:5353" },
    { "IPv6", "corp.example=[fd00::1]:54", ZONE_OK, "corp.example [fd00::1]:54" },
    { "a final dot", "corp.example.=10.0.0.1", ZONE_OK, "corp.example 10.0.0.1:53" },
    { "one label", "local=10.0.0.1", ZONE_OK, "local 10.0.0.1:53" },
    { "a network of 8 bits", "10.0.0.0/8=10.0.0.1", ZONE_OK, "10.in-addr.arpa 10.0.0.1:53" },
    { "a network of 24 bits", "192.168.7.0/24=10.0.0.1", ZONE_OK,
      "7.168.192.in-addr.arpa 10.0.0.1:53" },
    { "an IPv6 network", "fd00:10::/28=10.0.0.1", ZONE_OK, "1.0.0.0.0.d.f.ip6.arpa 10.0.0.1:53" },
    { "a reverse zone by name", "10.in-addr.arpa=10.0.0.1", ZONE_OK,
      "10.in-addr.arpa 10.0.0.1:53" },
    { "bits within a label", "172.16.0.0/12=10.0.0.1", ZONE_BETWEEN_LABELS, NULL },
    { "bits within an IPv6 label", "fc00::/7=10.0.0.1", ZONE_BETWEEN_LABELS, NULL },
    { "host bits", "10.0.0.1/8=10.0.0.1", ZONE_UNREADABLE, NULL },
    { "in-addr.arpa", "in-addr.arpa=10.0.0.1", ZONE_WHOLE_REVERSE_TREE, NULL },
    { "ip6.arpa in capitals", "IP6.ARPA.=10.0.0.1", ZONE_WHOLE_REVERSE_TREE, NULL },
    { "arpa", "arpa=10.0.0.1", ZONE_WHOLE_REVERSE_TREE, NULL },
    { "all of IPv4", "0.0.0.0/0=10.0.0.1", ZONE_WHOLE_REVERSE_TREE, NULL },
    { "all of IPv6", "::/0=10.0.0.1", ZONE_WHOLE_REVERSE_TREE, NULL },
    { "the root", ".=10.0.0.1", ZONE_UNREADABLE, NULL },
    { "no zone", "=10.0.0.1", ZONE_UNREADABLE, NULL },
    { "no server", "cluster.local", ZONE_UNREADABLE, NULL },
    { "an empty server", "cluster.local=", ZONE_UNREADABLE, NULL },
    { "a server by name", "cluster.local=dns.example", ZONE_UNREADABLE, NULL },
    { "port 0", "cluster.local=10.0.0.1:0", ZONE_UNREADABLE, NULL },
    { "the unspecified address", "cluster.local=0.0.0.0", ZONE_UNREADABLE, NULL },
    { "an empty label", "a..b=10.0.0.1", ZONE_UNREADABLE, NULL },
};

static void describe(const struct zone *zone, struct text *text)
{
    host_name_add_to(&zone->name, text);
    for (uint32_t i = 0; i < zone->server_count; i++) {
        text_add(text, " ");
        endpoint_add_to(&zone->server[i], text);
    }
}

static void reads_as_expected(void **state)
{
    const struct row *row = *state;
    struct zone_table table = { .count = 0 };
    char buffer[512];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(zone_table_add(&table, row->text), row->expected);
    assert_int_equal(table.count, row->zone != NULL);
    if (row->zone == NULL)
        return;
    describe(&table.zone[0], &text);
    assert_string_equal(buffer, row->zone);
}

static const struct find_row {
    const char *name, *question, *zone;
} find_rows[] = {
    { "the zone itself", "cluster.local", "cluster.local" },
    { "below it", "a.b.cluster.local", "cluster.local" },
    { "the longer zone", "a.b.svc.cluster.local", "svc.cluster.local" },
    { "beside it", "other.local", NULL },
    { "above it", "local", NULL },
    { "ends in the same letters", "evilcluster.local", NULL },
    { "goes on behind it", "cluster.local.evil.com", NULL },
    { "another zone", "x.corp.example", "corp.example" },
};

static void finds_the_longest_zone(void **state)
{
    const struct find_row *row = *state;
    struct zone_table table = { .count = 0 };
    struct host_name name;
    char buffer[512];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(zone_table_add(&table, "cluster.local=10.0.0.1"), ZONE_OK);
    assert_int_equal(zone_table_add(&table, "corp.example=10.0.0.2"), ZONE_OK);
    assert_int_equal(zone_table_add(&table, "svc.cluster.local=10.0.0.3"), ZONE_OK);
    assert_int_equal(host_name_parse(row->question, strlen(row->question), &name), HOST_NAME_OK);
    const struct zone *zone = zone_table_find(&table, &name);
    assert_int_equal(zone != NULL, row->zone != NULL);
    if (zone != NULL)
        host_name_add_to(&zone->name, &text);
    assert_string_equal(buffer, row->zone != NULL ? row->zone : "");
}

static void label_with_a_dot_is_no_zone(void **state)
{
    (void)state;
    struct zone_table table = { .count = 0 };
    struct host_name name = { .size = 15, .label_count = 1, .wire = "\15cluster.local" };
    assert_int_equal(zone_table_add(&table, "cluster.local=10.0.0.1"), ZONE_OK);
    assert_null(zone_table_find(&table, &name));
}

static void one_zone_has_several_servers(void **state)
{
    (void)state;
    struct zone_table table = { .count = 0 };
    char buffer[512];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(zone_table_add(&table, "a.example=10.0.0.1"), ZONE_OK);
    assert_int_equal(zone_table_add(&table, "b.example=10.0.0.9"), ZONE_OK);
    for (int i = 2; i <= ZONE_SERVERS_MAX; i++)
        assert_int_equal(zone_table_add(&table, "A.example=10.0.0.2"), ZONE_OK);
    assert_int_equal(zone_table_add(&table, "a.example=10.0.0.3"), ZONE_TOO_MANY);
    assert_int_equal(table.count, 2);
    describe(&table.zone[0], &text);
    assert_string_equal(buffer, "a.example 10.0.0.1:53 10.0.0.2:53 10.0.0.2:53 10.0.0.2:53");
}

static void a_zone_too_many(void **state)
{
    (void)state;
    struct zone_table table = { .count = 0 };
    for (int i = 0; i <= ZONES_MAX; i++) {
        char buffer[64];
        struct text text = text_in(buffer, sizeof(buffer));
        text_add_format(&text, "z%d.example=10.0.0.1", i);
        assert_int_equal(zone_table_add(&table, buffer), i < ZONES_MAX ? ZONE_OK : ZONE_TOO_MANY);
    }
    assert_int_equal(table.count, ZONES_MAX);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, reads_as_expected);
    TESTS_ADD_TABLE(&tests, find_rows, finds_the_longest_zone);
    tests_add_row(&tests, "a label with a dot in it", NULL, label_with_a_dot_is_no_zone);
    tests_add_row(&tests, "several servers", NULL, one_zone_has_several_servers);
    tests_add_row(&tests, "a zone too many", NULL, a_zone_too_many);
    return tests_run(&tests, "zone_table");
}
