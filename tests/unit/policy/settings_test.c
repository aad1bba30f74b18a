/* tests/unit/policy/settings_test.c - rows of the `setting` table, and what stays where one is bad.
 */
#include "base/text.h"
#include "policy/settings.h"
#include "unit.h"

/* All settings as one line. */
static void describe(const struct settings *settings, struct text *text)
{
    text_add_format(text, "%u %u %s", settings->answer_ttl_s, settings->negative_ttl_s,
                    settings->deny_answer == DENY_ANSWER_REFUSED ? "refused" : "nxdomain");
    for (uint32_t i = 0; i < settings->allowed_private_network_count; i++) {
        text_add(text, i == 0 ? " " : ",");
        ip_address_add_to(&settings->allowed_private_networks[i].address, text);
        text_add_format(text, "/%u", settings->allowed_private_networks[i].prefix_bits);
    }
}

static const struct row {
    const char *name;
    const char *setting, *value;
    enum setting_status expected;
    const char *settings;
} rows[] = {
    { "answer_ttl", "answer_ttl", "300", SETTING_OK, "300 5 nxdomain" },
    { "a TTL of 0", "answer_ttl", "0", SETTING_OK, "0 5 nxdomain" },
    { "a day", "negative_ttl", "86400", SETTING_OK, "30 86400 nxdomain" },
    { "more than a day", "negative_ttl", "86401", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "a TTL of six digits", "answer_ttl", "000030", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "an empty TTL", "answer_ttl", "", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "a negative TTL", "answer_ttl", "-1", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "a TTL with a unit", "answer_ttl", "30s", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "deny_answer", "deny_answer", "refused", SETTING_OK, "30 5 refused" },
    { "deny_answer's default", "deny_answer", "nxdomain", SETTING_OK, "30 5 nxdomain" },
    { "no such deny_answer", "deny_answer", "REFUSED", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "no networks", "allowed_private_networks", "", SETTING_OK, "30 5 nxdomain" },
    { "one network", "allowed_private_networks", "10.0.0.0/8", SETTING_OK,
      "30 5 nxdomain 10.0.0.0/8" },
    { "networks", "allowed_private_networks", "10.0.0.0/8, 192.168.1.1 ,fd00::/8", SETTING_OK,
      "30 5 nxdomain 10.0.0.0/8,192.168.1.1/32,fd00::/8" },
    { "a bad network opens nothing", "allowed_private_networks", "10.0.0.0/8,10.0.0.1/8,fd00::/8",
      SETTING_BAD_VALUE, "30 5 nxdomain 10.0.0.0/8,fd00::/8" },
    { "an empty network", "allowed_private_networks", "10.0.0.0/8,,fd00::/8", SETTING_BAD_VALUE,
      "30 5 nxdomain 10.0.0.0/8,fd00::/8" },
    { "only spaces", "allowed_private_networks", "  ", SETTING_BAD_VALUE, "30 5 nxdomain" },
    { "separated by spaces", "allowed_private_networks", "10.0.0.0/8 fd00::/8", SETTING_BAD_VALUE,
      "30 5 nxdomain" },
    { "far too long a network", "allowed_private_networks",
      "10.0.0.0/8-------------------------------------------------------", SETTING_BAD_VALUE,
      "30 5 nxdomain" },
    { "an unknown setting", "answer-ttl", "300", SETTING_UNKNOWN, "30 5 nxdomain" },
    { "a setting without a name", "", "300", SETTING_UNKNOWN, "30 5 nxdomain" },
};

static void is_set_as_expected(void **state)
{
    const struct row *row = *state;
    struct settings settings = settings_default();
    char buffer[256];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(settings_set(&settings, row->setting, row->value), row->expected);
    describe(&settings, &text);
    assert_string_equal(buffer, row->settings);
}

static void resolver_settings(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    assert_int_equal(settings.max_queries_per_client, 0);
    assert_false(settings.has_forged_answer_error);
    assert_int_equal(settings_set(&settings, "max_queries_per_client", "25"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "forged_answer_error", "on"), SETTING_OK);
    assert_int_equal(settings.max_queries_per_client, 25);
    assert_true(settings.has_forged_answer_error);
    assert_int_equal(settings_set(&settings, "forged_answer_error", "yes"), SETTING_BAD_VALUE);
    assert_true(settings.has_forged_answer_error);
    assert_int_equal(settings_set(&settings, "forged_answer_error", "off"), SETTING_OK);
    assert_false(settings.has_forged_answer_error);
}

static void a_new_list_replaces_the_old(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    const char *name = "allowed_private_networks";
    assert_int_equal(settings_set(&settings, name, "10.0.0.0/8,fd00::/8"), SETTING_OK);
    assert_int_equal(settings_set(&settings, name, "192.168.0.0/16"), SETTING_OK);
    assert_int_equal(settings.allowed_private_network_count, 1);
    assert_int_equal(settings_set(&settings, name, "nonsense"), SETTING_BAD_VALUE);
    assert_int_equal(settings.allowed_private_network_count, 0);
}

static void a_network_too_many(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    char buffer[2048];
    struct text list = text_in(buffer, sizeof(buffer));
    for (unsigned i = 0; i < PRIVATE_NETWORKS_MAX; i++)
        text_add_format(&list, "%s10.%u.0.0/16", i > 0 ? "," : "", i);
    assert_int_equal(settings_set(&settings, "allowed_private_networks", buffer), SETTING_OK);
    assert_int_equal(settings.allowed_private_network_count, PRIVATE_NETWORKS_MAX);
    text_add(&list, ",11.0.0.0/8");
    assert_int_equal(settings_set(&settings, "allowed_private_networks", buffer),
                     SETTING_BAD_VALUE);
    assert_int_equal(settings.allowed_private_network_count, PRIVATE_NETWORKS_MAX);
}

/* How servers are checked. A value that can't be read leaves the default. */
static void checks_are_set(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    const struct {
        const char *name, *bad, *good;
    } words[] = { { "cold_start", "Serial", "serial" }, { "resumption", "no", "deny" } };
    for (size_t i = 0; i < COUNT(words); i++)
        assert_int_equal(settings_set(&settings, words[i].name, words[i].bad), SETTING_BAD_VALUE);
    assert_int_equal(settings.cold_start, COLD_START_PARALLEL);
    assert_int_equal(settings.resumption, RESUMPTION_ALLOW);
    for (size_t i = 0; i < COUNT(words); i++)
        assert_int_equal(settings_set(&settings, words[i].name, words[i].good), SETTING_OK);
    assert_int_equal(settings.cold_start, COLD_START_SERIAL);
    assert_int_equal(settings.resumption, RESUMPTION_DENY);
    assert_int_equal(settings_set(&settings, "max_probes", "10001"), SETTING_BAD_VALUE);
    assert_int_equal(settings.probes_max, 200);
    assert_int_equal(settings_set(&settings, "max_probes", "10000"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "max_probes_per_client", "0"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "max_probes_per_address", "7"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "certificate_warning_days", "365"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "certificate_warning_days", "366"), SETTING_BAD_VALUE);
    assert_int_equal(settings.probes_max, 10000);
    assert_int_equal(settings.probes_per_client, 0);
    assert_int_equal(settings.probes_per_address, 7);
    assert_int_equal(settings.certificate_warning_days, 365);
}

static const struct domain_row {
    const char *name, *value;
    enum setting_status expected;
    const char *domains;
} domain_rows[] = {
    { "no search domain", "", SETTING_OK, "" },
    { "one search domain", "Corp.Example", SETTING_OK, "corp.example;" },
    { "several", " svc.cluster.local ,cluster.local", SETTING_OK,
      "svc.cluster.local;cluster.local;" },
    { "one that is no name", "corp.example,a..b,c.example", SETTING_BAD_VALUE,
      "corp.example;c.example;" },
    { "a final dot", "corp.example.", SETTING_BAD_VALUE, "" },
    { "an empty one", "corp.example,,c.example", SETTING_BAD_VALUE, "corp.example;c.example;" },
    { "too many", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,ab,ac,ad,ae,af,ag",
      SETTING_BAD_VALUE, "a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q;r;s;t;u;v;w;x;y;z;aa;ab;ac;ad;ae;af;" },
};

static void search_domains_are_read(void **state)
{
    const struct domain_row *row = *state;
    struct settings settings = settings_default();
    char buffer[1024];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(settings_set(&settings, "search_domains", "before.example"), SETTING_OK);
    assert_int_equal(settings_set(&settings, "search_domains", row->value), row->expected);
    for (uint32_t i = 0; i < settings.search_domain_count; i++) {
        host_name_add_to(&settings.search_domain[i], &text);
        text_add(&text, ";");
    }
    assert_string_equal(buffer, row->domains);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, is_set_as_expected);
    tests_add_row(&tests, "the resolver's settings", NULL, resolver_settings);
    tests_add_row(&tests, "a new list replaces the old", NULL, a_new_list_replaces_the_old);
    tests_add_row(&tests, "a network too many", NULL, a_network_too_many);
    tests_add_row(&tests, "how servers are checked", NULL, checks_are_set);
    TESTS_ADD_TABLE(&tests, domain_rows, search_domains_are_read);
    return tests_run(&tests, "settings");
}
