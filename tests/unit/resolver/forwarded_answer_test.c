/* tests/unit/resolver/forwarded_answer_test.c - what goes on of an answer from an internal zone's
 * server: messages are made and read by ldns, as strangers would. */
#include "unit.h"

#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "resolver/dns.h"
#include "resolver/forwarded_answer.h"
#include "resolver/zone_table.h"

#include <ldns/ldns.h>
#include <stdlib.h>

enum { MESSAGE_MAX = 65535 };

/* "QUESTION TYPE": records are separated by ";". */
static const struct row {
    const char *name, *question, *answers, *authorities;
    bool is_dnssec_ok;
    const char *expected; /* the answers, then a "/", then the authorities; NULL: it is refused */
    const char *target;   /* out of the zone; NULL: none */
} rows[] = {
    { "addresses", "a.zone A", "a.zone. 5 IN A 10.0.0.1;a.zone. 5 IN A 10.0.0.2", "", false,
      "a.zone. 5 IN A 10.0.0.1;a.zone. 5 IN A 10.0.0.2;/", NULL },
    { "another's address", "a.zone A", "a.zone. 5 IN A 10.0.0.1;b.zone. 5 IN A 10.0.0.2", "", false,
      "a.zone. 5 IN A 10.0.0.1;/", NULL },
    { "another type", "a.zone A", "a.zone. 5 IN AAAA ::1;a.zone. 5 IN A 10.0.0.2", "", false,
      "a.zone. 5 IN A 10.0.0.2;/", NULL },
    { "any type", "a.zone ANY", "a.zone. 5 IN AAAA ::1;a.zone. 5 IN A 10.0.0.2", "", false,
      "a.zone. 5 IN AAAA ::1;a.zone. 5 IN A 10.0.0.2;/", NULL },
    { "another class", "a.zone A", "a.zone. 5 CH A 10.0.0.1", "", false, "/", NULL },
    { "an alias", "a.zone A", "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN A 10.0.0.1", "", false,
      "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN A 10.0.0.1;/", NULL },
    { "an alias behind what it leads to", "a.zone A",
      "b.zone. 5 IN A 10.0.0.1;a.zone. 5 IN CNAME b.zone.", "", false,
      "b.zone. 5 IN A 10.0.0.1;a.zone. 5 IN CNAME b.zone.;/", NULL },
    { "two aliases of one name", "a.zone A",
      "a.zone. 5 IN CNAME b.zone.;a.zone. 5 IN CNAME evil.example.;b.zone. 5 IN A 10.0.0.1", "",
      false, "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN A 10.0.0.1;/", NULL },
    { "an alias out of the zone", "a.zone A",
      "a.zone. 5 IN CNAME api.example.;api.example. 5 IN A 10.0.0.1", "", false,
      "a.zone. 5 IN CNAME api.example.;/", "api.example" },
    { "through the zone and out of it", "a.zone A",
      "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN CNAME api.example.;api.example. 5 IN A 10.0.0.1",
      "example. 5 IN SOA a. b. 1 1 1 1 1", false,
      "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN CNAME api.example.;/", "api.example" },
    { "out of the zone and back", "a.zone A",
      "a.zone. 5 IN CNAME api.example.;api.example. 5 IN CNAME b.zone.;b.zone. 5 IN A 10.0.0.1", "",
      false, "a.zone. 5 IN CNAME api.example.;/", "api.example" },
    { "into a longer zone", "a.zone A", "a.zone. 5 IN CNAME b.sub.zone.", "", false,
      "a.zone. 5 IN CNAME b.sub.zone.;/", "b.sub.zone" },
    { "a question for aliases", "a.zone CNAME", "a.zone. 5 IN CNAME api.example.", "", false,
      "a.zone. 5 IN CNAME api.example.;/", NULL },
    { "an alias loop", "a.zone A", "a.zone. 5 IN CNAME b.zone.;b.zone. 5 IN CNAME a.zone.", "",
      false, NULL, NULL },
    { "DNAME", "x.a.zone A",
      "a.zone. 5 IN DNAME b.zone.;x.a.zone. 5 IN CNAME x.b.zone.;x.b.zone. 5 IN A 10.0.0.1", "",
      false,
      "a.zone. 5 IN DNAME b.zone.;x.a.zone. 5 IN CNAME x.b.zone.;x.b.zone. 5 IN A 10.0.0.1;/",
      NULL },
    { "a DNAME above the zone", "x.a.zone A", ". 5 IN DNAME example.", "", false, "/", NULL },
    { "a DNAME beside the name", "x.a.zone A", "b.zone. 5 IN DNAME example.", "", false, "/",
      NULL },
    { "a SOA above the name", "a.zone A", "", "zone. 5 IN SOA ns.zone. admin.zone. 1 2 3 4 5",
      false, "/zone. 5 IN SOA ns.zone. admin.zone. 1 2 3 4 5;", NULL },
    { "a SOA beside the name", "a.zone A", "", "b.zone. 5 IN SOA a. b. 1 2 3 4 5", false, "/",
      NULL },
    { "other authorities", "a.zone A", "", "zone. 5 IN NS ns.zone.;a.zone. 5 IN NSEC b.zone. A",
      false, "/", NULL },
    { "proofs that were asked for", "a.zone A", "", "a.zone. 5 IN NSEC b.zone. A", true,
      "/a.zone. 5 IN NSEC b.zone. A ;", NULL },
    { "proofs of another zone", "a.zone A", "", "a.example. 5 IN NSEC b.zone. A", true, "/", NULL },
    { "names in records", "a.zone ANY",
      "a.zone. 5 IN MX 10 Mail.a.zone.;a.zone. 5 IN SRV 1 2 3 a.zone.;a.zone. 5 IN NS ns.a.zone.",
      "", false,
      "a.zone. 5 IN MX 10 Mail.a.zone.;a.zone. 5 IN SRV 1 2 3 a.zone.;"
      "a.zone. 5 IN NS ns.a.zone.;/",
      NULL },
};

static void add_records(ldns_pkt *packet, ldns_pkt_section section, const char *text)
{
    while (*text != '\0') {
        char line[256];
        ldns_rr *record = NULL;
        size_t size = strcspn(text, ";");
        assert_true(size < sizeof(line));
        memcpy(line, text, size);
        line[size] = '\0';
        assert_int_equal(ldns_rr_new_frm_str(&record, line, 0, NULL, NULL), LDNS_STATUS_OK);
        assert_true(ldns_pkt_push_rr(packet, section, record));
        text += size + (text[size] == ';');
    }
}

/* The server's message, compressed as ldns does it; the caller frees it. */
static uint8_t *make_message(const struct row *row, size_t *ret_size)
{
    char name[64];
    uint8_t *bytes = NULL;
    size_t name_size = strcspn(row->question, " ");
    assert_true(name_size < sizeof(name));
    memcpy(name, row->question, name_size);
    name[name_size] = '\0';
    ldns_pkt *packet = ldns_pkt_query_new(ldns_dname_new_frm_str(name),
                                          ldns_get_rr_type_by_name(row->question + name_size + 1),
                                          LDNS_RR_CLASS_IN, LDNS_QR);
    assert_non_null(packet);
    add_records(packet, LDNS_SECTION_ANSWER, row->answers);
    add_records(packet, LDNS_SECTION_AUTHORITY, row->authorities);
    assert_int_equal(ldns_pkt2wire(&bytes, packet, ret_size), LDNS_STATUS_OK);
    ldns_pkt_free(packet);
    return bytes;
}

struct asked {
    struct zone_table zones;
    struct host_name name;
    struct forwarded_question question;
};

static void ask(const struct row *row, struct asked *asked)
{
    size_t size = strcspn(row->question, " ");
    *asked = (struct asked){ .question = { .is_dnssec_ok = row->is_dnssec_ok } };
    assert_int_equal(zone_table_add(&asked->zones, "zone=10.0.0.1"), ZONE_OK);
    assert_int_equal(zone_table_add(&asked->zones, "sub.zone=10.0.0.2"), ZONE_OK);
    assert_int_equal(host_name_parse(row->question, size, &asked->name), HOST_NAME_OK);
    asked->question.name = &asked->name;
    asked->question.type = (uint16_t)ldns_get_rr_type_by_name(row->question + size + 1);
    asked->question.zones = &asked->zones;
    asked->question.zone = zone_table_find(&asked->zones, &asked->name);
}

/* Header, question and the records that go on, as the client gets them. */
static size_t put_together(const struct asked *asked, const struct forwarded_answer *answer,
                           uint8_t buffer[MESSAGE_MAX])
{
    struct writer message = writer_over(buffer, MESSAGE_MAX);
    writer_uint(&message, 0x00018000, 4);
    writer_uint(&message, 1, 2);
    writer_uint(&message, answer->answer_count, 2);
    writer_uint(&message, answer->authority_count, 2);
    writer_uint(&message, 0, 2);
    writer_bytes(&message, asked->name.wire, asked->name.size);
    writer_uint(&message, asked->question.type, 2);
    writer_uint(&message, DNS_CLASS_IN, 2);
    if (answer->leaves_zone) /* where it says, the target stands */
        assert_memory_equal(answer->records + answer->target_at - writer_size(&message),
                            answer->target.wire, answer->target.size);
    writer_bytes(&message, answer->records, answer->record_bytes);
    assert_false(message.failed);
    return writer_size(&message);
}

static void add_text(const ldns_rr_list *records, struct text *text)
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
        char *line = ldns_rr2str(ldns_rr_list_rr(records, i));
        assert_non_null(line);
        for (char *at = line; *at != '\0' && *at != '\n'; at++)
            text_add_bytes(text, *at == '\t' ? " " : at, 1);
        text_add(text, ";");
        free(line);
    }
}

static void describe(const struct asked *asked, const struct forwarded_answer *answer,
                     struct text *text)
{
    static uint8_t bytes[MESSAGE_MAX];
    ldns_pkt *packet = NULL;
    size_t size = put_together(asked, answer, bytes);
    assert_int_equal(ldns_wire2pkt(&packet, bytes, size), LDNS_STATUS_OK);
    add_text(ldns_pkt_answer(packet), text);
    text_add(text, "/");
    add_text(ldns_pkt_authority(packet), text);
    ldns_pkt_free(packet);
}

static void goes_on_as_expected(void **state)
{
    static struct forwarded_answer answer;
    const struct row *row = *state;
    struct asked asked;
    char buffer[1024], target_buffer[256];
    struct text text = text_in(buffer, sizeof(buffer)),
                target = text_in(target_buffer, sizeof(target_buffer));
    size_t size;
    uint8_t *message = make_message(row, &size);
    ask(row, &asked);
    bool is_read = forwarded_answer_read(reader_over(message, size), &asked.question, &answer);
    assert_int_equal(is_read, row->expected != NULL);
    if (is_read) {
        describe(&asked, &answer, &text);
        assert_string_equal(buffer, row->expected);
        assert_int_equal(answer.leaves_zone, row->target != NULL);
    }
    if (row->target != NULL) {
        host_name_add_to(&answer.target, &target);
        assert_string_equal(target_buffer, row->target);
    }
    free(message);
}

/* No message that ends too early is an answer, and none is read behind its end. */
static void cut_message_is_no_answer(void **state)
{
    static struct forwarded_answer answer;
    const struct row *row = *state;
    struct asked asked;
    size_t size;
    uint8_t *message = make_message(row, &size);
    ask(row, &asked);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, message, cut);
        assert_false(forwarded_answer_read(reader_over(copy, cut), &asked.question, &answer));
        free(copy);
    }
    free(message);
}

/* Bytes of an answer to "a.zone A", of which each row changes some. */
#define QUESTION "\1a\4zone\0\0\1\0\1"
static const struct raw_row {
    const char *name, *bytes;
    size_t size;
    bool is_read;
} raw_rows[] = {
    { "nothing but a question", BYTES("\0\7\x80\0\0\1\0\0\0\0\0\0" QUESTION), true },
    { "a query", BYTES("\0\7\0\0\0\1\0\0\0\0\0\0" QUESTION), false },
    { "truncated", BYTES("\0\7\x82\0\0\1\0\0\0\0\0\0" QUESTION), false },
    { "no question", BYTES("\0\7\x80\0\0\0\0\0\0\0\0\0" QUESTION), false },
    { "another question", BYTES("\0\7\x80\0\0\1\0\0\0\0\0\0\1b\4zone\0\0\1\0\1"), false },
    { "another type", BYTES("\0\7\x80\0\0\1\0\0\0\0\0\0\1a\4zone\0\0\2\0\1"), false },
    { "an address",
      BYTES("\0\7\x80\0\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"), true },
    { "a record too few",
      BYTES("\0\7\x80\0\0\1\0\2\0\0\0\0" QUESTION "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"), false },
    { "a pointer to itself",
      BYTES("\0\7\x80\0\0\1\0\1\0\0\0\0" QUESTION "\xc0\x18\0\1\0\1\0\0\0\5\0\4\1\2\3\4"), false },
    { "a pointer forward",
      BYTES("\0\7\x80\0\0\1\0\1\0\0\0\0" QUESTION "\xc0\x20\0\1\0\1\0\0\0\5\0\4\1\2\3\4"), false },
    { "an unknown kind of label",
      BYTES("\0\7\x80\0\0\1\0\1\0\0\0\0" QUESTION "\x80\x0c\0\1\0\1\0\0\0\5\0\4\1\2\3\4"), false },
    { "an alias longer than its record",
      BYTES("\0\7\x80\0\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c\0\5\0\1\0\0\0\5\0\2\4zone"), false },
    { "an extended error",
      BYTES("\0\7\x80\0\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\x07\0\x0f\0\3\0\x0e!"),
      true },
    { "an extended error too short",
      BYTES("\0\7\x80\0\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\5\0\x0f\0\1\0"),
      false },
    { "an option longer than its record",
      BYTES("\0\7\x80\0\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\5\0\x0f\0\2\0"),
      false },
};

static void raw_message_is_read_as_expected(void **state)
{
    static struct forwarded_answer answer;
    const struct raw_row *row = *state;
    struct asked asked;
    ask(&rows[0], &asked);
    assert_int_equal(
        forwarded_answer_read(reader_over(row->bytes, row->size), &asked.question, &answer),
        row->is_read);
}

static void rcode_ttl_and_errors_are_read(void **state)
{
    static struct forwarded_answer answer;
    static const char message[] = "\0\7\x80\3\0\1\0\0\0\1\0\1" QUESTION
                                  "\4zone\0\0\6\0\1\0\0\0\x3c\0\x16\0\0\0\0\0\1\0\0\0\1\0\0\0\1"
                                  "\0\0\0\1\0\0\0\x1e"
                                  "\0\0\x29\4\xd0\1\0\0\0\0\x0d\0\x0f\0\5\0\x0eyes\0\x0f\0\0";
    static const char whole[] = "\0\7\x80\3\0\1\0\0\0\1\0\1" QUESTION
                                "\4zone\0\0\6\0\1\0\0\0\x3c\0\x16\0\0\0\0\0\1\0\0\0\1\0\0\0\1"
                                "\0\0\0\1\0\0\0\x1e"
                                "\0\0\x29\4\xd0\0\0\0\0\0\x09\0\x0f\0\5\0\x0eyes";
    struct asked asked;
    (void)state;
    ask(&rows[0], &asked);
    assert_false(forwarded_answer_read(reader_over(message, sizeof(message) - 1), &asked.question,
                                       &answer)); /* its second error has no code */
    assert_true(
        forwarded_answer_read(reader_over(whole, sizeof(whole) - 1), &asked.question, &answer));
    assert_int_equal(answer.rcode, DNS_RCODE_NAME_ERROR);
    assert_true(answer.is_missing);
    assert_int_equal(answer.negative_ttl_s, 30);
    assert_int_equal(answer.error_count, 1);
    assert_int_equal(answer.error[0].code, 14);
    assert_memory_equal(answer.error[0].text, "yes", 3);
    assert_int_equal(answer.error[0].text_size, 3);
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, goes_on_as_expected);
    TESTS_ADD_TABLE(&tests, rows, cut_message_is_no_answer);
    TESTS_ADD_TABLE(&tests, raw_rows, raw_message_is_read_as_expected);
    tests_add_row(&tests, "rcode, TTL and errors", NULL, rcode_ttl_and_errors_are_read);
    return tests_run(&tests, "forwarded_answer");
}
