/* tests/unit/resolver/resolver_test.c - the table of answers, read back with ldns, and what no
 * query can break. */
#include "resolver/resolver.h"

#include "dns_messages.h"
#include "policy/host_name.h"

#include <ldns/ldns.h>

static const char rules[] =
    "allow api.example.com; allow *.one.example.com; allow **.deep.example.com;"
    "deny no.deep.example.com; deny no.one.example.com";

struct fixture {
    struct test_resolver test;
    unsigned denied_count;
    struct resolver_event denied;
    struct host_name denied_name;
    unsigned decided_count;
    struct host_name decided_name;
    struct verdict decided;
    bool is_given;
    int64_t expected; /* the rule; 0: none was told */
};

static void note_denied(void *context, const struct resolver_event *event)
{
    struct fixture *fixture = context;
    fixture->denied_count++;
    fixture->denied = *event;
    fixture->denied_name = *event->name;
}

static void note_decision(void *context, const struct resolver_decision *decision)
{
    struct fixture *fixture = context;
    fixture->decided_count++;
    fixture->decided_name = *decision->name;
    fixture->decided = *decision->verdict;
    fixture->is_given = decision->is_given;
    assert_int_equal(decision->client->port, 40000);
}

static void note_expected(void *context, int64_t rule_id)
{
    struct fixture *fixture = context;
    fixture->expected = rule_id;
}

static void fixture_init(struct fixture *fixture, const char *text, enum deny_answer deny_answer)
{
    struct settings settings = settings_default();
    settings.deny_answer = deny_answer;
    *fixture = (struct fixture){ 0 };
    test_resolver_init(&fixture->test, text, &settings);
    fixture->test.resolver.sink =
        (struct resolver_sink){ fixture, note_denied, note_decision, note_expected };
    test_resolver_gate(&fixture->test, "192.0.2.1");
    test_resolver_gate(&fixture->test, "192.0.2.2");
    test_resolver_gate(&fixture->test, "2001:db8::1");
}

/* The answer as ldns reads it, which the caller frees. */
static ldns_pkt *ask(struct fixture *fixture, const uint8_t *query, size_t size)
{
    uint8_t answer[RESOLVER_ANSWER_MAX];
    ldns_pkt *packet = NULL;
    size_t answer_size = test_resolver_ask(&fixture->test, query, size, answer);
    if (answer_size == 0)
        return NULL;
    assert_in_range(answer_size, DNS_HEADER_BYTES, 512);
    assert_int_equal(ldns_wire2pkt(&packet, answer, answer_size), LDNS_STATUS_OK);
    return packet;
}

static const struct row {
    const char *name;
    const char *question;
    uint32_t type;
    enum deny_answer deny_answer;
    ldns_pkt_rcode rcode;
    unsigned answer_count;
    ldns_rr_type answer_type;
    bool has_soa;
    const char *extra_text; /* of the Extended DNS Error; NULL: none */
    enum resolver_counter counter;
} rows[] = {
    { "A of an allowed name", "api.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 2,
      LDNS_RR_TYPE_A, false, NULL, RESOLVER_ADDRESSES },
    { "A in another case", "API.eXample.Com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 2, LDNS_RR_TYPE_A,
      false, NULL, RESOLVER_ADDRESSES },
    { "AAAA of an allowed name", "api.example.com", DNS_TYPE_AAAA, 0, LDNS_RCODE_NOERROR, 1,
      LDNS_RR_TYPE_AAAA, false, NULL, RESOLVER_ADDRESSES },
    { "ANY of an allowed name", "api.example.com", DNS_TYPE_ANY, 0, LDNS_RCODE_NOERROR, 2,
      LDNS_RR_TYPE_A, false, NULL, RESOLVER_ADDRESSES },
    { "HTTPS of an allowed name", "api.example.com", DNS_TYPE_HTTPS, 0, LDNS_RCODE_NOERROR, 0, 0,
      true, NULL, RESOLVER_NO_DATA },
    { "SVCB of an allowed name", "api.example.com", DNS_TYPE_SVCB, 0, LDNS_RCODE_NOERROR, 0, 0,
      true, NULL, RESOLVER_NO_DATA },
    { "TXT of an allowed name", "api.example.com", LDNS_RR_TYPE_TXT, 0, LDNS_RCODE_NOERROR, 0, 0,
      true, NULL, RESOLVER_NO_DATA },
    { "a type nobody knows", "api.example.com", 65280, 0, LDNS_RCODE_NOERROR, 0, 0, true, NULL,
      RESOLVER_NO_DATA },
    { "SOA of an allowed name", "api.example.com", DNS_TYPE_SOA, 0, LDNS_RCODE_NOERROR, 0, 0, true,
      NULL, RESOLVER_NO_DATA },
    { "below a wildcard", "x.one.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 2, LDNS_RR_TYPE_A,
      false, NULL, RESOLVER_ADDRESSES },
    { "two below a wildcard for one", "y.x.one.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NXDOMAIN, 0,
      0, true, "y.x.one.example.com is denied: no rule allows it.", RESOLVER_DENIED },
    { "deep below a wildcard", "z.y.x.deep.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 2,
      LDNS_RR_TYPE_A, false, NULL, RESOLVER_ADDRESSES },
    { "denied by a rule", "no.one.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NXDOMAIN, 0, 0, true,
      "no.one.example.com is denied by rule 5 (no.one.example.com).", RESOLVER_DENIED },
    { "denied by a rule, above allowed names", "no.deep.example.com", DNS_TYPE_A, 0,
      LDNS_RCODE_NOERROR, 0, 0, true,
      "no.deep.example.com is denied by rule 4 (no.deep.example.com).", RESOLVER_NO_DATA },
    { "another name", "www.example.net", DNS_TYPE_A, 0, LDNS_RCODE_NXDOMAIN, 0, 0, true,
      "www.example.net is denied: no rule allows it.", RESOLVER_DENIED },
    { "another name's HTTPS", "www.example.net", DNS_TYPE_HTTPS, 0, LDNS_RCODE_NXDOMAIN, 0, 0, true,
      "www.example.net is denied: no rule allows it.", RESOLVER_DENIED },
    { "another name, answered REFUSED", "www.example.net", DNS_TYPE_A, DENY_ANSWER_REFUSED,
      LDNS_RCODE_REFUSED, 0, 0, false, "www.example.net is denied: no rule allows it.",
      RESOLVER_DENIED },
    { "below an allowed name", "v1.api.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NXDOMAIN, 0, 0, true,
      "v1.api.example.com is denied: no rule allows it.", RESOLVER_DENIED },
    { "parent of an allowed name", "example.com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 0, 0, true,
      "example.com is denied: no rule allows it, only names below it.", RESOLVER_NO_DATA },
    { "parent stays NODATA where denials are REFUSED", "com", DNS_TYPE_AAAA, DENY_ANSWER_REFUSED,
      LDNS_RCODE_NOERROR, 0, 0, true, "com is denied: no rule allows it, only names below it.",
      RESOLVER_NO_DATA },
    { "parent of a wildcard", "one.example.com", DNS_TYPE_A, 0, LDNS_RCODE_NOERROR, 0, 0, true,
      "one.example.com is denied: no rule allows it, only names below it.", RESOLVER_NO_DATA },
    { "HTTPS of a parent", "one.example.com", DNS_TYPE_HTTPS, 0, LDNS_RCODE_NOERROR, 0, 0, true,
      "one.example.com is denied: no rule allows it, only names below it.", RESOLVER_NO_DATA },
    { "the root", "", LDNS_RR_TYPE_NS, 0, LDNS_RCODE_NOERROR, 0, 0, true,
      ". is denied: no rule allows it, only names below it.", RESOLVER_NO_DATA },
    { "the root where denials are REFUSED", "", LDNS_RR_TYPE_NS, DENY_ANSWER_REFUSED,
      LDNS_RCODE_NOERROR, 0, 0, true, ". is denied: no rule allows it, only names below it.",
      RESOLVER_NO_DATA },
};

static void check_soa(const ldns_pkt *answer, bool expected)
{
    const ldns_rr_list *authority = ldns_pkt_authority(answer);
    assert_int_equal(ldns_rr_list_rr_count(authority), expected);
    if (!expected)
        return;
    const ldns_rr *soa = ldns_rr_list_rr(authority, 0);
    assert_int_equal(ldns_rr_get_type(soa), LDNS_RR_TYPE_SOA);
    assert_int_equal(ldns_rdf_size(ldns_rr_owner(soa)), 1); /* the root */
    assert_int_equal(ldns_rr_ttl(soa), 5);
    assert_int_equal(ldns_rdf2native_int32(ldns_rr_rdf(soa, 6)), 5);
}

static void check_error(ldns_pkt *answer, const char *extra_text)
{
    const ldns_edns_option_list *options = ldns_pkt_edns_get_option_list(answer);
    assert_int_equal(options != NULL ? ldns_edns_option_list_get_count(options) : 0,
                     extra_text != NULL);
    if (extra_text == NULL)
        return;
    const ldns_edns_option *error = ldns_edns_option_list_get_option(options, 0);
    assert_int_equal(ldns_edns_get_code(error), LDNS_EDNS_EDE);
    assert_int_equal(ldns_edns_get_size(error), 2 + strlen(extra_text));
    assert_memory_equal(ldns_edns_get_data(error), "\0\x0f", 2);
    assert_memory_equal(ldns_edns_get_data(error) + 2, extra_text, strlen(extra_text));
}

static void check_header(const ldns_pkt *answer)
{
    assert_int_equal(ldns_pkt_id(answer), TEST_QUERY_ID);
    assert_true(ldns_pkt_qr(answer));
    assert_true(ldns_pkt_ra(answer));
    assert_true(ldns_pkt_rd(answer));
    assert_false(ldns_pkt_aa(answer));
    assert_false(ldns_pkt_ad(answer));
    assert_false(ldns_pkt_cd(answer));
    assert_false(ldns_pkt_tc(answer));
    assert_int_equal(ldns_pkt_qdcount(answer), 1);
}

/* Asks the row's question with EDNS or without. */
static void check_row(const struct row *row, bool has_edns)
{
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, row->deny_answer);
    ldns_pkt *answer = ask(&fixture, query, make_query(row->question, row->type, has_edns, query));
    assert_non_null(answer);
    check_header(answer);
    assert_int_equal(ldns_pkt_get_rcode(answer), row->rcode);
    const ldns_rr_list *records = ldns_pkt_answer(answer);
    assert_int_equal(ldns_rr_list_rr_count(records), row->answer_count);
    for (unsigned i = 0; i < row->answer_count; i++) {
        assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(records, i)), row->answer_type);
        assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(records, i)), 30);
    }
    check_soa(answer, row->has_soa);
    assert_int_equal(ldns_pkt_edns(answer), has_edns);
    check_error(answer, has_edns ? row->extra_text : NULL);
    bool asks_for_address = row->type == DNS_TYPE_A || row->type == DNS_TYPE_AAAA;
    bool is_parent = row->counter == RESOLVER_NO_DATA && row->extra_text != NULL;
    bool is_told = row->counter == RESOLVER_DENIED ||
                   (is_parent && asks_for_address && row->question[0] != '\0');
    assert_int_equal(fixture.denied_count, is_told);
    assert_int_equal(resolver_counter_read(&fixture.test.resolver, row->counter), 1);
    assert_int_equal(resolver_counter_read(&fixture.test.resolver, RESOLVER_QUERIES_UDP), 1);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

static void answers_as_expected(void **state)
{
    check_row(*state, true);
    check_row(*state, false);
}

static void denial_is_told(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    ldns_pkt_free(ask(&fixture, query, make_query("Www.Example.Net", DNS_TYPE_AAAA, false, query)));
    assert_int_equal(fixture.denied_count, 1);
    assert_int_equal(fixture.denied.type, DNS_TYPE_AAAA);
    assert_int_equal(fixture.denied.client.port, 40000);
    assert_int_equal(fixture.denied.verdict.reason, REASON_NO_RULE);
    assert_memory_equal(fixture.denied_name.wire, "\3www\7example\3net\0", 17);
    test_resolver_release(&fixture.test);
}

static const struct decided_row {
    const char *name;
    const char *question;
    uint32_t type;
    unsigned count; /* of decisions by a rule */
    enum reason reason;
    bool is_given;
} decided_rows[] = {
    { "an allowed name", "api.example.com", DNS_TYPE_A, 1, REASON_ALLOWED, true },
    { "another type of it", "api.example.com", LDNS_RR_TYPE_TXT, 1, REASON_ALLOWED, true },
    { "a name of a wildcard", "x.one.example.com", DNS_TYPE_AAAA, 1, REASON_ALLOWED, true },
    { "a denied name", "no.one.example.com", DNS_TYPE_A, 1, REASON_DENY_RULE, false },
    { "no rule's name", "www.example.net", DNS_TYPE_A, 0, 0, false },
    { "a parent", "one.example.com", DNS_TYPE_A, 0, 0, false },
};

static void decision_of_a_rule_is_told(void **state)
{
    const struct decided_row *row = *state;
    const struct host_name name = name_of(row->question);
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    ldns_pkt_free(ask(&fixture, query, make_query(row->question, row->type, false, query)));
    assert_int_equal(fixture.decided_count, row->count);
    if (row->count > 0) {
        assert_int_equal(fixture.decided.reason, row->reason);
        assert_int_not_equal(fixture.decided.rule_id, 0);
        assert_int_equal(fixture.is_given, row->is_given);
        assert_int_equal(fixture.decided_name.size, name.size);
        assert_memory_equal(fixture.decided_name.wire, name.wire, name.size);
    }
    test_resolver_release(&fixture.test);
}

static void root_is_no_data_without_any_rule(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, "", DENY_ANSWER_REFUSED);
    ldns_pkt *answer = ask(&fixture, query, make_query("", LDNS_RR_TYPE_NS, true, query));
    assert_int_equal(ldns_pkt_get_rcode(answer), LDNS_RCODE_NOERROR);
    check_soa(answer, true);
    assert_int_equal(fixture.denied_count, 0);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

static void no_address_of_the_family_is_no_data(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    fixture.test.gate.v6_count = 0;
    ldns_pkt *answer =
        ask(&fixture, query, make_query("api.example.com", DNS_TYPE_AAAA, true, query));
    assert_int_equal(ldns_pkt_get_rcode(answer), LDNS_RCODE_NOERROR);
    assert_int_equal(ldns_pkt_ancount(answer), 0);
    check_soa(answer, true);
    check_error(answer, NULL);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

static void any_falls_back_to_ipv6(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    fixture.test.gate.v4_count = 0;
    ldns_pkt *answer =
        ask(&fixture, query, make_query("api.example.com", DNS_TYPE_ANY, false, query));
    assert_int_equal(ldns_pkt_ancount(answer), 1);
    assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_answer(answer), 0)),
                     LDNS_RR_TYPE_AAAA);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

static void edns_is_echoed(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    struct writer message = writer_over(query, sizeof(query));
    put_header(&message, DNS_FLAG_CHECKING_DISABLED | DNS_FLAG_AUTHENTIC_DATA, 0x1001);
    put_question(&message, "api.example.com", DNS_TYPE_A, DNS_CLASS_IN);
    put_opt(&message, DNS_EDNS_FLAG_DNSSEC_OK, NULL, 0);
    ldns_pkt *answer = ask(&fixture, query, writer_size(&message));
    assert_true(ldns_pkt_edns_do(answer));
    assert_true(ldns_pkt_cd(answer));
    assert_false(ldns_pkt_ad(answer));
    assert_false(ldns_pkt_rd(answer));
    assert_int_equal(ldns_pkt_edns_udp_size(answer), 1232);
    assert_int_equal(ldns_pkt_edns_version(answer), 0);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

/* A message that is no ordinary query: flags, a question or none, an OPT record or none. */
static const struct error_row {
    const char *name;
    uint32_t flags;
    uint32_t counts;
    const char *question;
    uint32_t type, class;
    int version; /* -1: no OPT record */
    unsigned rcode;
    enum resolver_counter counter;
} error_rows[] = {
    { "FORMERR with its question", 0, 0x1010, "a.example", DNS_TYPE_A, DNS_CLASS_IN, -1,
      DNS_RCODE_FORMAT_ERROR, RESOLVER_FORMAT_ERROR },
    { "FORMERR without a question", 0, 0, NULL, 0, 0, -1, DNS_RCODE_FORMAT_ERROR,
      RESOLVER_FORMAT_ERROR },
    { "NOTIMP is a header alone", 0x2800, 0, NULL, 0, 0, -1, DNS_RCODE_NOT_IMPLEMENTED,
      RESOLVER_NOT_IMPLEMENTED },
    { "BADVERS", 0, 0x1001, "api.example.com", DNS_TYPE_A, DNS_CLASS_IN, 1, DNS_RCODE_BAD_VERSION,
      RESOLVER_BAD_VERSION },
    { "REFUSED for CHAOS", 0, 0x1001, "version.bind", LDNS_RR_TYPE_TXT, 3, 0, DNS_RCODE_REFUSED,
      RESOLVER_REFUSED },
    { "REFUSED for AXFR", 0, 0x1000, "example.com", DNS_TYPE_AXFR, DNS_CLASS_IN, -1,
      DNS_RCODE_REFUSED, RESOLVER_REFUSED },
};

static void errors_as_expected(void **state)
{
    const struct error_row *row = *state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    struct writer message = writer_over(query, sizeof(query));
    put_header(&message, row->flags, row->counts);
    if (row->question != NULL)
        put_question(&message, row->question, row->type, row->class);
    if (row->version >= 0)
        put_opt(&message, (uint32_t)row->version << 16, NULL, 0);
    ldns_pkt *answer = ask(&fixture, query, writer_size(&message));
    assert_non_null(answer);
    unsigned extended = ldns_pkt_edns(answer) ? ldns_pkt_edns_extended_rcode(answer) : 0;
    assert_int_equal(ldns_pkt_get_rcode(answer) | extended << 4, row->rcode);
    assert_int_equal(ldns_pkt_get_opcode(answer), row->flags >> DNS_OPCODE_SHIFT);
    assert_int_equal(ldns_pkt_qdcount(answer), row->question != NULL);
    assert_int_equal(ldns_pkt_ancount(answer) + ldns_pkt_nscount(answer), 0);
    assert_int_equal(ldns_pkt_edns(answer), row->version >= 0);
    assert_int_equal(fixture.denied_count, 0);
    assert_int_equal(resolver_counter_read(&fixture.test.resolver, row->counter), 1);
    ldns_pkt_free(answer);
    test_resolver_release(&fixture.test);
}

/* Asks what may be no query at all: silence, or an answer that ldns reads, with the id of the
 * message. */
static void ask_anything(struct fixture *fixture, const uint8_t *message, size_t size)
{
    uint8_t *exact = test_malloc(size + 1); /* sanitizers see a read behind it */
    memcpy(exact, message, size);
    ldns_pkt *answer = ask(fixture, exact, size);
    bool is_query = size >= DNS_HEADER_BYTES && (message[2] & 0x80) == 0;
    assert_int_equal(answer != NULL, is_query);
    if (answer != NULL) {
        assert_int_equal(ldns_pkt_id(answer), message[0] << 8 | message[1]);
        assert_true(ldns_pkt_qr(answer));
    }
    ldns_pkt_free(answer);
    test_free(exact);
}

static void no_corruption_breaks_it(void **state)
{
    (void)state;
    struct fixture fixture;
    uint8_t query[TEST_QUERY_MAX];
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    size_t size = make_query("api.example.com", DNS_TYPE_A, true, query);
    for (size_t cut = 0; cut <= size; cut++)
        ask_anything(&fixture, query, cut);
    for (size_t at = 0; at < size; at++) {
        uint8_t right = query[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            query[at] = (uint8_t)wrong;
            ask_anything(&fixture, query, size);
        }
        query[at] = right;
    }
    test_resolver_release(&fixture.test);
}

/* Messages are read before others are answered, and a policy may come in between. */
static void policy_at_the_answer_decides(void **state)
{
    (void)state;
    struct fixture fixture;
    struct resolver_reading reading;
    uint8_t query[TEST_QUERY_MAX], answer[RESOLVER_ANSWER_MAX];
    fixture_init(&fixture, "allow a.example.com; deny b.example.com", DENY_ANSWER_NXDOMAIN);
    struct resolver *resolver = &fixture.test.resolver;
    const struct resolver_request request = {
        .bytes = query,
        .size = make_query("b.example.com", DNS_TYPE_A, true, query),
        .client = { test_address("192.0.2.7"), 40000 },
        .now_s = TEST_NOW_S,
    };
    resolver_read(resolver, query, request.size, &reading);
    policy_feed_publish(&fixture.test.feed, policy_of("allow b.example.com"));
    resolver_look_closer(resolver, &reading);
    size_t size = resolver_answer_reading(resolver, &request, &reading, answer);
    assert_in_range(size, DNS_HEADER_BYTES, 512);
    assert_int_equal(answer[3] & DNS_RCODE_MASK, DNS_RCODE_NO_ERROR);
    assert_int_equal(fixture.decided.rule_id, 1);
    test_resolver_release(&fixture.test);
}

static const struct {
    const char *name;
    int64_t rule_id;
} expected_rows[] = {
    { "api.example.com", 1 },     { "x.one.example.com", 2 },  { "x.y.deep.example.com", 3 },
    { "no.deep.example.com", 4 }, { "no.one.example.com", 5 }, { "example.com", 0 },
    { "other.example.com", 0 },   { "example.net", 0 },
};

static void rule_that_will_decide_is_expected(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture, rules, DENY_ANSWER_NXDOMAIN);
    for (size_t i = 0; i < sizeof(expected_rows) / sizeof(expected_rows[0]); i++) {
        struct resolver_reading reading;
        uint8_t query[TEST_QUERY_MAX];
        size_t size = make_query(expected_rows[i].name, DNS_TYPE_A, true, query);
        fixture.expected = 0;
        resolver_read(&fixture.test.resolver, query, size, &reading);
        resolver_look_closer(&fixture.test.resolver, &reading);
        resolver_expect(&fixture.test.resolver, &reading);
        assert_int_equal(fixture.expected, expected_rows[i].rule_id);
    }
    test_resolver_release(&fixture.test);
}

static void counters_have_distinct_words(void **state)
{
    (void)state;
    for (enum resolver_counter i = 0; i < RESOLVER_COUNTER_COUNT; i++)
        for (enum resolver_counter j = 0; j < i; j++)
            assert_string_not_equal(resolver_counter_word(i), resolver_counter_word(j));
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, answers_as_expected);
    TESTS_ADD_TABLE(&tests, decided_rows, decision_of_a_rule_is_told);
    TESTS_ADD_TABLE(&tests, error_rows, errors_as_expected);
    tests_add_row(&tests, "a denial is told", NULL, denial_is_told);
    tests_add_row(&tests, "the root without any rule", NULL, root_is_no_data_without_any_rule);
    tests_add_row(&tests, "no address of the family", NULL, no_address_of_the_family_is_no_data);
    tests_add_row(&tests, "ANY where there is no IPv4", NULL, any_falls_back_to_ipv6);
    tests_add_row(&tests, "EDNS is echoed", NULL, edns_is_echoed);
    tests_add_row(&tests, "no corruption breaks it", NULL, no_corruption_breaks_it);
    tests_add_row(&tests, "the policy at the answer decides", NULL, policy_at_the_answer_decides);
    tests_add_row(&tests, "the rule that will decide is expected", NULL,
                  rule_that_will_decide_is_expected);
    tests_add_row(&tests, "counters have distinct words", NULL, counters_have_distinct_words);
    return tests_run(&tests, "resolver");
}
