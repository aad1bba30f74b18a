/* resolver/answer.c - the answer to one query.
 *
 * The largest ones are those for a name of 255 bytes:
 *   addresses: 12 header, 259 question, 8 * 28 records, 11 OPT, 6 keepalive          = 512
 *   negative:  12 header, 259 question, 33 SOA, 11 OPT, 6 keepalive, 6 + 160 error   = 487
 * but for those of an internal zone, which may be as large as a message can be. */
#include "resolver/answer.h"

#include "base/text.h"
#include "base/writer.h"
#include "resolver/dns.h"
#include "resolver/forwarded_answer.h"

#include <assert.h>

/* The records of an answer: `count` addresses of one family, none for a negative answer. */
struct answer_records {
    const struct ip_address *address;
    uint32_t count;
    uint16_t type;
    uint16_t address_bytes;
    struct ip_address own; /* where `address` points for a name with an address of its own */
};

/* The name that rules decide on: the question's, or where an internal zone leads to. */
static const struct host_name *decided_name(const struct query *query,
                                            const struct answer_terms *terms)
{
    return terms->standing == STANDING_FORWARDED ? &terms->forwarded->target : &query->name;
}

/* The name's own address where the family has ranges, else all of the gate's. */
static void take_family(const struct query *query, const struct answer_terms *terms,
                        unsigned family, struct answer_records *records)
{
    const struct gate_addresses *gate = terms->gate;
    records->type = family == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
    records->address_bytes = family == 4 ? 4 : 16;
    records->address = family == 4 ? gate->v4 : gate->v6;
    records->count = family == 4 ? gate->v4_count : gate->v6_count;
    if (!gate_addresses_has_range(gate, family))
        return;
    records->address = &records->own;
    records->count = gate_address_of_name(gate, &terms->settings->gate_key,
                                          decided_name(query, terms), family, &records->own);
}

/* What an allowed name has of the type that was asked for. HTTPS and SVCB have nothing, so that
 * clients get neither ECH keys nor another way to the server; nor has any other type. */
static void take_records(const struct query *query, const struct answer_terms *terms,
                         struct answer_records *records)
{
    switch (query->type) {
    case DNS_TYPE_A:
        take_family(query, terms, 4, records);
        break;
    case DNS_TYPE_AAAA:
        take_family(query, terms, 6, records);
        break;
    case DNS_TYPE_ANY: /* RFC 8482 4.1: one of the record sets will do */
        take_family(query, terms, 4, records);
        if (records->count == 0)
            take_family(query, terms, 6, records);
        break;
    }
}

/* A name that passes only because the client is observed: the answer is what it would be without
 * Pinhole, but for the addresses. A parent of an allowed name exists (RFC 8020 2), whatever the
 * upstream DNS says: else clients would take the allowed names for missing, too. */
static enum answer_kind judge_observed(const struct answer_terms *terms)
{
    switch (terms->existence) {
    case NAME_MISSING:
        return terms->verdict.would_be == REASON_PARENT ? ANSWER_NO_DATA : ANSWER_NO_NAME;
    case NAME_WITHOUT_ADDRESS:
        return ANSWER_NO_DATA;
    case NAME_WITH_ADDRESS:
        return ANSWER_ADDRESSES;
    case NAME_UNKNOWN:
        break;
    }
    return ANSWER_FAILED;
}

/* Where no rule has a say. ANSWER_DENIED: one has. */
static enum answer_kind judge_standing(const struct answer_terms *terms)
{
    switch (terms->standing) {
    case STANDING_FORWARDED:
        return terms->forwarded->leaves_zone ? ANSWER_DENIED : ANSWER_FORWARDED;
    case STANDING_FAILED:
        return ANSWER_FAILED;
    case STANDING_MISSING:
        return ANSWER_NO_NAME;
    case STANDING_RULES:
        break;
    }
    return ANSWER_DENIED;
}

/* RFC 8020 2: a denied name exists all the same where it lies above an allowed one, as the root
 * does. */
static enum answer_kind judge(const struct query *query, const struct answer_terms *terms,
                              struct answer_records *records)
{
    enum answer_kind kind = judge_standing(terms);
    if (kind != ANSWER_DENIED)
        return kind;
    if (terms->verdict.decision != DECISION_ALLOW)
        return terms->verdict.reason == REASON_PARENT ? ANSWER_NO_DATA : ANSWER_DENIED;
    kind = terms->verdict.reason == REASON_OBSERVED ? judge_observed(terms) : ANSWER_ADDRESSES;
    if (kind != ANSWER_ADDRESSES)
        return kind;
    take_records(query, terms, records);
    return records->count > 0 ? ANSWER_ADDRESSES : ANSWER_NO_DATA;
}

static unsigned rcode_of_error(enum query_status status)
{
    switch (status) {
    case QUERY_FORMAT_ERROR:
        return DNS_RCODE_FORMAT_ERROR;
    case QUERY_NOT_IMPLEMENTED:
        return DNS_RCODE_NOT_IMPLEMENTED;
    case QUERY_BAD_VERSION:
        return DNS_RCODE_BAD_VERSION;
    case QUERY_IGNORED:
    case QUERY_REFUSED:
    case QUERY_OK:
        break;
    }
    return DNS_RCODE_REFUSED;
}

static unsigned rcode_of_kind(enum answer_kind kind, enum query_status status,
                              const struct answer_terms *terms)
{
    switch (kind) {
    case ANSWER_ERROR:
        return rcode_of_error(status);
    case ANSWER_FAILED:
        return DNS_RCODE_SERVER_FAILURE;
    case ANSWER_NO_NAME:
        return DNS_RCODE_NAME_ERROR;
    case ANSWER_NO_DATA:
    case ANSWER_ADDRESSES:
        return DNS_RCODE_NO_ERROR;
    case ANSWER_FORWARDED:
        return terms->forwarded->rcode;
    case ANSWER_DENIED:
        break;
    }
    return terms->settings->deny_answer == DENY_ANSWER_REFUSED ? DNS_RCODE_REFUSED
                                                               : DNS_RCODE_NAME_ERROR;
}

static uint32_t answer_flags(const struct query *query)
{
    uint32_t flags = DNS_FLAG_RESPONSE | DNS_FLAG_RECURSION_AVAILABLE;
    flags |= (uint32_t)query->opcode << DNS_OPCODE_SHIFT;
    flags |= query->is_recursion_desired ? DNS_FLAG_RECURSION_DESIRED : 0;
    flags |= query->is_checking_disabled ? DNS_FLAG_CHECKING_DISABLED : 0;
    return flags;
}

/* RFC 1035 4.1.1 */
static void write_header(struct writer *answer, uint16_t id, uint32_t flags,
                         const uint16_t counts[4])
{
    uint8_t *to = writer_reserve(answer, DNS_HEADER_BYTES);
    if (to == NULL)
        return;
    store_uint(to, id, 2);
    store_uint(to + 2, flags, 2);
    for (size_t i = 0; i < 4; i++)
        store_uint(to + 4 + 2 * i, counts[i], 2);
}

/* One record each, owned by the name that stands at `owner_at` (RFC 1035 4.1.4: a pointer). */
static void write_addresses(struct writer *answer, const struct answer_records *records,
                            uint16_t owner_at, uint32_t ttl_s)
{
    for (uint32_t i = 0; i < records->count; i++) {
        uint8_t *to = writer_reserve(answer, DNS_LABEL_POINTER_BYTES + DNS_RECORD_FIXED_BYTES);
        if (to == NULL)
            return;
        store_uint(to, DNS_LABEL_POINTER | owner_at, 2);
        store_uint(to + 2, records->type, 2);
        store_uint(to + 4, DNS_CLASS_IN, 2);
        store_uint(to + 6, ttl_s, 4);
        store_uint(to + 10, records->address_bytes, 2);
        writer_bytes(answer, records->address[i].bytes, records->address_bytes);
    }
}

/* RFC 2308 3: the SOA says how long the answer may be kept, by the lesser of its TTL and its
 * MINIMUM. Its owner is the root, as nobody here knows where the zones of others begin. */
static void write_soa(struct writer *answer, uint32_t ttl_s)
{
    enum { SERIAL = 1, REFRESH_S = 86400, RETRY_S = 7200, EXPIRE_S = 604800 };
    enum { OWNER_BYTES = 1, NAMES_BYTES = 2, RDATA_BYTES = NAMES_BYTES + 5 * 4 };
    uint8_t *to = writer_reserve(answer, OWNER_BYTES + DNS_RECORD_FIXED_BYTES + RDATA_BYTES);
    if (to == NULL)
        return;
    store_uint(to, 0, OWNER_BYTES);
    store_uint(to + 1, DNS_TYPE_SOA, 2);
    store_uint(to + 3, DNS_CLASS_IN, 2);
    store_uint(to + 5, ttl_s, 4);
    store_uint(to + 9, RDATA_BYTES, 2);
    store_uint(to + 11, 0, NAMES_BYTES); /* MNAME and RNAME: the root */
    store_uint(to + 13, SERIAL, 4);
    store_uint(to + 17, REFRESH_S, 4);
    store_uint(to + 21, RETRY_S, 4);
    store_uint(to + 25, EXPIRE_S, 4);
    store_uint(to + 29, ttl_s, 4); /* MINIMUM */
}

/* RFC 8914 2 */
static void write_extended_error(struct writer *answer, uint16_t code, const void *text,
                                 size_t size)
{
    writer_uint(answer, DNS_OPTION_EXTENDED_ERROR, 2);
    writer_uint(answer, (uint32_t)(2 + size), 2);
    writer_uint(answer, code, 2);
    writer_bytes(answer, text, size);
}

/* Why the name is denied, in the words that log and `explain` use too. */
static void write_verdict(struct writer *answer, const struct host_name *name,
                          const struct verdict *verdict)
{
    /* One byte more than may be sent, and a NUL: that byte shows whether a character is cut. */
    char buffer[DNS_EXTRA_TEXT_MAX + 2];
    struct text sentence = text_in(buffer, sizeof(buffer));
    verdict_add_sentence(verdict, name, 0, &sentence);
    size_t size = text_cut_at_character(sentence.at, sentence.size, DNS_EXTRA_TEXT_MAX);
    write_extended_error(answer, DNS_EXTENDED_ERROR_BLOCKED, sentence.at, size);
}

/* What the zone's server explained. */
static void write_forwarded_errors(struct writer *answer, const struct forwarded_answer *forwarded)
{
    for (uint32_t i = 0; i < forwarded->error_count; i++) {
        const struct forwarded_error *error = &forwarded->error[i];
        size_t size =
            text_cut_at_character((const char *)error->text, error->text_size, DNS_EXTRA_TEXT_MAX);
        write_extended_error(answer, error->code, error->text, size);
    }
}

/* Why the answer is what it is. */
static void write_explanation(struct writer *answer, const struct query *query,
                              const struct answer_terms *terms, enum answer_kind kind)
{
    bool is_decided = terms->standing == STANDING_RULES ||
                      (terms->standing == STANDING_FORWARDED && terms->forwarded->leaves_zone);
    if (kind == ANSWER_ERROR)
        return;
    if (is_decided && terms->verdict.decision != DECISION_ALLOW)
        write_verdict(answer, decided_name(query, terms), &terms->verdict);
    if (terms->standing == STANDING_FAILED)
        write_extended_error(answer, terms->failure, NULL, 0);
    if (kind == ANSWER_FORWARDED && !terms->is_cut)
        write_forwarded_errors(answer, terms->forwarded);
}

/* RFC 7828 3.2.2 */
static void write_keepalive(struct writer *answer, uint16_t keepalive_100ms)
{
    writer_uint(answer, DNS_OPTION_TCP_KEEPALIVE, 2);
    writer_uint(answer, 2, 2);
    writer_uint(answer, keepalive_100ms, 2);
}

/* What an answer came out as. */
struct outcome {
    enum answer_kind kind;
    unsigned rcode;
};

/* RFC 6891 6.1.2 */
static void write_opt(struct writer *answer, const struct query *query,
                      const struct answer_terms *terms, const struct outcome *outcome)
{
    uint8_t *to = writer_reserve(answer, 1 + DNS_RECORD_FIXED_BYTES);
    if (to == NULL)
        return;
    store_uint(to, 0, 1); /* owner: the root */
    store_uint(to + 1, DNS_TYPE_OPT, 2);
    store_uint(to + 3, DNS_EDNS_UDP_BYTES, 2);
    store_uint(to + 5, outcome->rcode >> DNS_RCODE_HEADER_BITS, 1);
    store_uint(to + 6, DNS_EDNS_VERSION, 1);
    store_uint(to + 7, query->is_dnssec_ok ? DNS_EDNS_FLAG_DNSSEC_OK : 0, 2);
    const uint8_t *options = answer->at;
    if (query->wants_keepalive && terms->keepalive_100ms > 0)
        write_keepalive(answer, terms->keepalive_100ms);
    write_explanation(answer, query, terms, outcome->kind);
    store_uint(to + 9, (uint32_t)(answer->at - options), 2);
}

/* RFC 2308 2: negative answers are NXDOMAIN and NODATA; REFUSED says nothing of the name. A
 * forwarded one has the zone's own SOA. */
static bool needs_soa(const struct outcome *outcome)
{
    return outcome->kind == ANSWER_NO_DATA ||
           (outcome->kind != ANSWER_FORWARDED && outcome->rcode == DNS_RCODE_NAME_ERROR);
}

/* The records between question and OPT; counts those of the answer and of the authority section. */
static void write_records(struct writer *answer, const struct answer_terms *terms,
                          const struct answer_records *records, const struct outcome *outcome)
{
    uint8_t *counts = answer->start + DNS_COUNTS_AT;
    uint32_t answers = records->count, authorities = needs_soa(outcome);
    uint16_t owner_at = DNS_HEADER_BYTES;
    if (terms->standing == STANDING_FORWARDED) {
        writer_bytes(answer, terms->forwarded->records, terms->forwarded->record_bytes);
        answers += terms->forwarded->answer_count;
        authorities += terms->forwarded->authority_count;
        owner_at = terms->forwarded->target_at;
    }
    write_addresses(answer, records, owner_at, terms->settings->answer_ttl_s);
    if (needs_soa(outcome))
        write_soa(answer, terms->settings->negative_ttl_s);
    store_uint(counts + 2, answers, 2);
    store_uint(counts + 4, authorities, 2);
}

enum answer_kind answer_compose(const struct query *query, enum query_status status,
                                const struct answer_terms *terms, struct writer *answer)
{
    struct answer_records records = { 0 };
    struct outcome outcome = { status == QUERY_OK ? judge(query, terms, &records) : ANSWER_ERROR,
                               0 };
    outcome.rcode = rcode_of_kind(outcome.kind, status, terms);
    uint32_t flags = answer_flags(query) | (outcome.rcode & DNS_RCODE_MASK);
    const uint16_t counts[4] = { query->question_size > 0, 0, 0, query->has_edns };

    write_header(answer, query->id, flags | (terms->is_cut ? DNS_FLAG_TRUNCATED : 0), counts);
    writer_bytes(answer, query->question, query->question_size);
    if (!terms->is_cut)
        write_records(answer, terms, &records, &outcome);
    if (query->has_edns)
        write_opt(answer, query, terms, &outcome);
    assert(!answer->failed);
    return outcome.kind;
}
