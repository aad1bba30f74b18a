/* tests/unit/resolver/search_name_test.c - which names only a search list makes. */
#include "unit.h"

#include "policy/settings.h"
#include "resolver/search_name.h"

static const struct row {
    const char *name, *host;
    bool cannot_exist, is_below;
} rows[] = {
    { "a service", "web.shop.svc.cluster.local", false, false },
    { "an endpoint", "pod-1.web.shop.svc.cluster.local", false, false },
    { "a port of a service", "_http._tcp.web.shop.svc.cluster.local", false, false },
    { "a short name and a search domain", "example.com.shop.svc.cluster.local", false, false },
    { "a longer name", "api.example.com.shop.svc.cluster.local", true, false },
    { "a port without protocol", "_http.tcp.web.shop.svc.cluster.local", true, false },
    { "a protocol without port", "http._tcp.web.shop.svc.cluster.local", true, false },
    { "a port of an endpoint", "_http._tcp.a.web.shop.svc.cluster.local", true, false },
    { "five labels", "a.b.c.d.e.svc.cluster.local", true, false },
    { "the namespace", "shop.svc.cluster.local", false, false },
    { "the tree of services", "svc.cluster.local", false, false },
    { "beside the tree", "a.b.c.d.e.pod.cluster.local", false, false },
    { "not behind the tree", "a.b.c.d.e.svc.cluster.locals", false, false },
    { "another cluster's tree, named", "a.b.c.d.svc.other.example", true, true },
    { "an endpoint there", "a.b.c.svc.other.example", false, true },
    { "another cluster's tree", "a.b.c.d.svc.third.example", false, false },
    { "below a search domain", "api.corp.example", false, true },
    { "a search domain", "corp.example", false, false },
    { "above a search domain", "example", false, false },
    { "ends in the same letters", "api.xcorp.example", false, false },
};

static void is_as_expected(void **state)
{
    const struct row *row = *state;
    struct settings settings = settings_default();
    struct host_name name;
    assert_int_equal(settings_set(&settings, "search_domains", "Corp.Example, svc.other.example"),
                     SETTING_OK);
    assert_int_equal(host_name_parse(row->host, strlen(row->host), &name), HOST_NAME_OK);
    assert_int_equal(search_name_cannot_exist(&settings, &name), row->cannot_exist);
    assert_int_equal(search_name_is_below(&settings, &name), row->is_below);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_as_expected);
    return tests_run(&tests, "search_name");
}
