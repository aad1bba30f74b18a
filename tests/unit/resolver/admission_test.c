/* tests/unit/resolver/admission_test.c - cookies, identity and limits, as a client sees them.
 * cookie_test.c and query_limit_test.c have the details. */
#include "dns_messages.h"
#include "resolver/query_limit.h"

#define CLIENT_COOKIE "client!"
#define COOKIE_OPTION "\0\x0a\0\x08" CLIENT_COOKIE "\0"
#define NSID_OPTION   "\0\3\0\0"

enum { COOKIE_OPTION_BYTES = 12, WHOLE_COOKIE_BYTES = 28, PER_SECOND = 2 };

struct fixture {
    struct test_resolver test;
    uint8_t answer[RESOLVER_ANSWER_MAX];
    size_t size;
};

static const struct server_identity identity = { "nsid of 1", "id of 1", "version of 1" };

/* A gate of eight addresses, as many as there can be. */
static void start(struct fixture *fixture, const struct settings *settings, const char *rules)
{
    *fixture = (struct fixture){ 0 };
    test_resolver_init(&fixture->test, rules, settings);
    for (char last = '1'; last <= '8'; last++) {
        char address[] = "2001:db8::?";
        address[sizeof(address) - 2] = last;
        test_resolver_gate(&fixture->test, address);
    }
}

static int fixture_init(void **state)
{
    static struct fixture fixture;
    struct settings settings = settings_default();
    settings.cookie_keys.is_known = true;
    settings.max_queries_per_client = PER_SECOND;
    start(&fixture, &settings, "allow api.example.com; allow **.long.example");
    *state = &fixture;
    return 0;
}

static int fixture_release(void **state)
{
    struct fixture *fixture = *state;
    query_limit_free(fixture->test.resolver.limit);
    test_resolver_release(&fixture->test);
    return 0;
}

static void set_limit(struct fixture *fixture)
{
    fixture->test.resolver.limit = query_limit_new();
    assert_non_null(fixture->test.resolver.limit);
}

/* A message, and how it comes. */
struct sent {
    const char *name; /* NULL: no question */
    uint32_t type, class;
    const char *options;
    size_t options_size;
    bool is_tcp;
};

static void ask(struct fixture *fixture, const struct sent *sent)
{
    uint8_t bytes[TEST_QUERY_MAX];
    struct writer message = writer_over(bytes, sizeof(bytes));
    put_header(&message, DNS_FLAG_RECURSION_DESIRED, sent->name != NULL ? 0x1001 : 0x0001);
    if (sent->name != NULL)
        put_question(&message, sent->name, sent->type, sent->class);
    put_opt(&message, 0, sent->options, sent->options_size);
    struct resolver_request request = { .bytes = bytes,
                                        .size = writer_size(&message),
                                        .client = { test_address("192.0.2.7"), 40000 },
                                        .now_s = TEST_NOW_S,
                                        .is_tcp = sent->is_tcp };
    fixture->size = resolver_answer(&fixture->test.resolver, &request, fixture->answer);
}

static unsigned rcode_of(const struct fixture *fixture)
{
    return fixture->answer[3] & DNS_RCODE_MASK;
}

static bool is_truncated(const struct fixture *fixture)
{
    return (fixture->answer[2] & 2) != 0;
}

static uint64_t counted(const struct fixture *fixture, enum resolver_counter counter)
{
    return resolver_counter_read(&fixture->test.resolver, counter);
}

/* The answer's cookie option, which is its last. */
static const uint8_t *cookie_of(const struct fixture *fixture)
{
    const uint8_t *option = fixture->answer + fixture->size - WHOLE_COOKIE_BYTES;
    assert_true(fixture->size >= DNS_HEADER_BYTES + 11 + WHOLE_COOKIE_BYTES);
    assert_memory_equal(option, "\0\x0a\0\x18" CLIENT_COOKIE "\0", COOKIE_OPTION_BYTES);
    return option;
}

static const struct sent plain = { "api.example.com", DNS_TYPE_AAAA, DNS_CLASS_IN, NULL, 0, false };
static const struct sent with_cookie = { "api.example.com", DNS_TYPE_AAAA,       DNS_CLASS_IN,
                                         COOKIE_OPTION,     COOKIE_OPTION_BYTES, false };
static const struct sent no_question = { NULL, 0, 0, COOKIE_OPTION, COOKIE_OPTION_BYTES, false };

static void cookie_comes_back_valid(void **state)
{
    struct fixture *fixture = *state;
    uint8_t cookie[WHOLE_COOKIE_BYTES];
    struct sent again = with_cookie;
    again.options = (const char *)cookie;
    again.options_size = sizeof(cookie);
    ask(fixture, &with_cookie);
    assert_int_equal(rcode_of(fixture), 0);
    memcpy(cookie, cookie_of(fixture), sizeof(cookie));
    ask(fixture, &again);
    assert_memory_equal(cookie_of(fixture), cookie, sizeof(cookie));
    assert_int_equal(counted(fixture, RESOLVER_COOKIES_VALID), 1);
    cookie[WHOLE_COOKIE_BYTES - 1] ^= 1;
    ask(fixture, &again); /* RFC 7873 5.2.4: answered all the same, and told the right one */
    assert_int_equal(rcode_of(fixture), 0);
    assert_int_equal(fixture->answer[7], 8);
    assert_int_equal(cookie_of(fixture)[WHOLE_COOKIE_BYTES - 1] ^ 1,
                     cookie[WHOLE_COOKIE_BYTES - 1]);
    assert_int_equal(counted(fixture, RESOLVER_COOKIES_BAD), 1);
}

/* RFC 7873 5.4 */
static void cookie_without_a_question(void **state)
{
    struct fixture *fixture = *state;
    uint8_t cookie[WHOLE_COOKIE_BYTES];
    struct sent again = no_question;
    again.options = (const char *)cookie;
    again.options_size = sizeof(cookie);
    ask(fixture, &no_question);
    assert_int_equal(fixture->size, DNS_HEADER_BYTES + 11 + WHOLE_COOKIE_BYTES);
    assert_memory_equal(fixture->answer + 2, "\x81\x80\0\0\0\0\0\0\0\1", 10);
    memcpy(cookie, cookie_of(fixture), sizeof(cookie));
    ask(fixture, &again);
    assert_int_equal(rcode_of(fixture), 0);
    cookie[WHOLE_COOKIE_BYTES - 1] ^= 1;
    ask(fixture, &again);
    assert_int_equal((unsigned)fixture->answer[DNS_HEADER_BYTES + 5] << 4 | rcode_of(fixture),
                     DNS_RCODE_BAD_COOKIE);
    assert_int_equal(counted(fixture, RESOLVER_COOKIE_ALONE), 3);
}

static void cookie_where_there_is_no_key(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    struct fixture fixture;
    start(&fixture, &settings, "");
    ask(&fixture, &no_question);
    assert_int_equal(rcode_of(&fixture), DNS_RCODE_FORMAT_ERROR);
    assert_int_equal(fixture.size, DNS_HEADER_BYTES + 11); /* and no cookie */
    test_resolver_release(&fixture.test);
}

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LABEL_48 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Of 255 bytes: with a cookie its addresses do not fit in 512. */
static void answer_that_does_not_fit_is_truncated(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = with_cookie;
    sent.name = LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_48 ".long.example";
    ask(fixture, &sent);
    assert_true(is_truncated(fixture));
    assert_int_equal(rcode_of(fixture), 0);
    assert_memory_equal(fixture->answer + 4, "\0\1\0\0\0\0\0\1", 8);
    (void)cookie_of(fixture);
    sent.is_tcp = true;
    ask(fixture, &sent);
    assert_false(is_truncated(fixture));
    assert_int_equal(fixture->answer[7], 8);
    assert_int_equal(fixture->size, 12 + 259 + 8 * 28 + 11 + 28);
    sent.is_tcp = false;
    sent.options_size = 0;
    ask(fixture, &sent);
    assert_int_equal(fixture->size, 12 + 259 + 8 * 28 + 11);
}

static const struct identity_row {
    const char *name;
    const char *question;
    uint32_t type;
    bool is_known;        /* the server says something of itself */
    const char *expected; /* NULL: REFUSED */
} identity_rows[] = {
    { "version.bind", "version.bind", DNS_TYPE_TXT, true, "version of 1" },
    { "version.server", "version.server", DNS_TYPE_TXT, true, "version of 1" },
    { "id.server", "id.server", DNS_TYPE_TXT, true, "id of 1" },
    { "hostname.bind in capitals", "HOSTNAME.BIND", DNS_TYPE_TXT, true, "id of 1" },
    { "ANY of version.bind", "version.bind", DNS_TYPE_ANY, true, "version of 1" },
    { "A of version.bind", "version.bind", DNS_TYPE_A, true, NULL },
    { "another name", "authors.bind", DNS_TYPE_TXT, true, NULL },
    { "an allowed name", "api.example.com", DNS_TYPE_TXT, true, NULL },
    { "version.bind that is not told", "version.bind", DNS_TYPE_TXT, false, NULL },
    { "id.server that is not told", "id.server", DNS_TYPE_TXT, false, NULL },
};

static void identity_is_told_where_it_is_known(void **state)
{
    enum { FIXED_BYTES = 12 };
    const struct identity_row *row = *state;
    void *made = NULL;
    fixture_init(&made);
    struct fixture *fixture = made;
    struct sent sent = { row->question, row->type, DNS_CLASS_CHAOS, NULL, 0, false };
    fixture->test.resolver.identity = row->is_known ? &identity : NULL;
    ask(fixture, &sent);
    assert_int_equal(rcode_of(fixture), row->expected != NULL ? 0 : DNS_RCODE_REFUSED);
    assert_int_equal(fixture->answer[7], row->expected != NULL);
    assert_int_equal(counted(fixture, row->expected != NULL ? RESOLVER_IDENTITY : RESOLVER_REFUSED),
                     1);
    if (row->expected != NULL) {
        const uint8_t *record = fixture->answer + DNS_HEADER_BYTES + strlen(row->question) + 2 + 4;
        size_t size = strlen(row->expected);
        assert_memory_equal(record, "\xc0\x0c\0\x10\0\3\0\0\0\0", 10);
        assert_int_equal(record[FIXED_BYTES - 1], size + 1);
        assert_int_equal(record[FIXED_BYTES], size);
        assert_memory_equal(record + FIXED_BYTES + 1, row->expected, size);
    }
    fixture_release(&made);
}

static void nsid_is_told_to_who_asks(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = plain;
    fixture->test.resolver.identity = &identity;
    ask(fixture, &sent);
    size_t without = fixture->size;
    sent.options = NSID_OPTION;
    sent.options_size = sizeof(NSID_OPTION) - 1;
    ask(fixture, &sent);
    assert_int_equal(fixture->size, without + 4 + strlen(identity.nsid));
    assert_memory_equal(fixture->answer + without, "\0\3\0\x09nsid of 1", 13);
    fixture->test.resolver.identity = NULL;
    ask(fixture, &sent);
    assert_int_equal(fixture->size, without);
}

static void forged_answer_is_said_by_setting(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    struct fixture fixture;
    settings.has_forged_answer_error = true;
    start(&fixture, &settings, "allow api.example.com");
    ask(&fixture, &plain);
    assert_memory_equal(fixture.answer + fixture.size - 6, "\0\x0f\0\2\0\4", 6);
    struct sent other = plain;
    other.type = DNS_TYPE_HTTPS; /* nothing is forged there */
    ask(&fixture, &other);
    assert_int_equal(fixture.size, DNS_HEADER_BYTES + 21 + 33 + 11);
    test_resolver_release(&fixture.test);
}

static void over_the_limit_by_udp_means_tcp(void **state)
{
    struct fixture *fixture = *state;
    set_limit(fixture);
    for (int i = 0; i < PER_SECOND; i++) {
        ask(fixture, &with_cookie);
        assert_false(is_truncated(fixture));
    }
    ask(fixture, &with_cookie);
    assert_true(is_truncated(fixture));
    assert_int_equal(rcode_of(fixture), 0);
    assert_memory_equal(fixture->answer + 4, "\0\1\0\0\0\0\0\1", 8);
    assert_int_equal(counted(fixture, RESOLVER_LIMIT_BY_TCP), 1);
    struct sent proven = with_cookie;
    proven.options = (const char *)cookie_of(fixture); /* in the answer that says so, too */
    proven.options_size = WHOLE_COOKIE_BYTES;
    ask(fixture, &proven);
    assert_false(is_truncated(fixture));
    assert_int_equal(fixture->answer[7], 8);
}

static void over_the_limit_by_tcp_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char sentence[] = "\0\x12Refused: this client asks more than 2 queries a second.";
    struct sent sent = plain;
    sent.is_tcp = true;
    set_limit(fixture);
    for (int i = 0; i < PER_SECOND; i++)
        ask(fixture, &sent);
    assert_int_equal(rcode_of(fixture), 0);
    ask(fixture, &sent);
    assert_int_equal(rcode_of(fixture), DNS_RCODE_REFUSED);
    assert_false(is_truncated(fixture));
    assert_memory_equal(fixture->answer + fixture->size - (sizeof(sentence) - 1), sentence,
                        sizeof(sentence) - 1);
    assert_int_equal(counted(fixture, RESOLVER_LIMIT_REFUSED), 1);
}

static void far_over_the_limit_is_silence(void **state)
{
    struct fixture *fixture = *state;
    set_limit(fixture);
    for (int i = 0; i < PER_SECOND * (1 + QUERY_LIMIT_REFUSALS); i++) {
        ask(fixture, &plain);
        assert_true(fixture->size > 0);
    }
    ask(fixture, &plain);
    assert_int_equal(fixture->size, 0);
    assert_int_equal(counted(fixture, RESOLVER_LIMIT_DROPPED), 1);
}

static void no_limit_by_default(void **state)
{
    (void)state;
    struct settings settings = settings_default();
    struct fixture fixture;
    start(&fixture, &settings, "allow api.example.com");
    set_limit(&fixture);
    for (int i = 0; i < 1000; i++) {
        ask(&fixture, &plain);
        assert_int_equal(fixture.answer[7], 8);
    }
    void *made = &fixture;
    fixture_release(&made);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, fixture_init, fixture_release)
static const struct CMUnitTest others[] = {
    ONE(cookie_comes_back_valid),         ONE(cookie_without_a_question),
    ONE(cookie_where_there_is_no_key),    ONE(answer_that_does_not_fit_is_truncated),
    ONE(nsid_is_told_to_who_asks),        ONE(forged_answer_is_said_by_setting),
    ONE(over_the_limit_by_udp_means_tcp), ONE(over_the_limit_by_tcp_is_refused),
    ONE(far_over_the_limit_is_silence),   ONE(no_limit_by_default),
};

int main(void)
{
    static struct tests tests;
    TESTS_ADD_TABLE(&tests, identity_rows, identity_is_told_where_it_is_known);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "admission");
}
