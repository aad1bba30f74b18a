/* tests/unit/resolver/preview_test.c - what `explain` shows of an answer. */
#include "resolver/preview.h"

#include "base/text.h"
#include "dns_messages.h"

static const struct row {
    const char *name;
    const char *question;
    const char *type;
    const char *rcode;
    const char *addresses; /* one after another, a blank behind each */
    const char *extra_text;
    const char *text;
} rows[] = {
    { "A", "api.example.com", "A", "NOERROR", "192.0.2.1 192.0.2.2 ", "",
      ";; status: NOERROR, answers: 2\n"
      "api.example.com.\t30\tIN\tA\t192.0.2.1\n"
      "api.example.com.\t30\tIN\tA\t192.0.2.2\n" },
    { "AAAA", "api.example.com", "AAAA", "NOERROR", "2001:db8::1 ", "",
      ";; status: NOERROR, answers: 1\n"
      "api.example.com.\t30\tIN\tAAAA\t2001:db8::1\n" },
    { "HTTPS", "api.example.com", "HTTPS", "NOERROR", "", "", ";; status: NOERROR, answers: 0\n" },
    { "a type by number", "api.example.com", "TYPE65280", "NOERROR", "", "",
      ";; status: NOERROR, answers: 0\n" },
    { "denied", "www.example.net", "A", "NXDOMAIN", "",
      "www.example.net is denied: no rule allows it.",
      ";; status: NXDOMAIN, answers: 0\n"
      "; EDE: 15 (Blocked): (www.example.net is denied: no rule allows it.)\n" },
    { "a parent", "example.com", "A", "NOERROR", "",
      "example.com is denied: no rule allows it, only names below it.",
      ";; status: NOERROR, answers: 0\n"
      "; EDE: 15 (Blocked): (example.com is denied: no rule allows it, only names below it.)\n" },
};

static void ask(const char *name, const char *type, bool expected, struct preview *preview)
{
    struct settings settings = settings_default();
    struct test_resolver test;
    test_resolver_init(&test, "allow api.example.com", &settings);
    test_resolver_gate(&test, "192.0.2.1");
    test_resolver_gate(&test, "192.0.2.2");
    test_resolver_gate(&test, "2001:db8::1");
    struct host_name host;
    assert_int_equal(host_name_parse(name, strlen(name), &host), HOST_NAME_OK);
    struct preview_question question = { &host, type, test_address("192.0.2.7"), TEST_NOW_S };
    assert_int_equal(preview_answer(&test.resolver, &question, preview), expected);
    test_resolver_release(&test);
}

static void shows_as_expected(void **state)
{
    const struct row *row = *state;
    struct preview preview;
    char buffer[200];
    ask(row->question, row->type, true, &preview);
    assert_string_equal(preview.rcode, row->rcode);
    struct text addresses = text_in(buffer, sizeof(buffer));
    for (uint32_t i = 0; i < preview.address_count; i++) {
        ip_address_add_to(&preview.address[i], &addresses);
        text_add(&addresses, " ");
    }
    assert_string_equal(addresses.at, row->addresses);
    assert_int_equal(preview.ttl_s, preview.address_count > 0 ? 30 : 0);
    assert_string_equal(preview.extra_text, row->extra_text);
    assert_int_equal(preview.is_blocked, row->extra_text[0] != '\0');
    assert_string_equal(preview.text, row->text);
}

static void an_unknown_type_is_refused(void **state)
{
    (void)state;
    struct preview preview = { .rcode = "untouched" };
    ask("api.example.com", "NOTYPE", false, &preview);
    assert_string_equal(preview.rcode, "untouched");
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, shows_as_expected);
    tests_add_row(&tests, "an unknown type", NULL, an_unknown_type_is_refused);
    return tests_run(&tests, "preview");
}
