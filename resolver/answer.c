/* resolver/answer.c - the answer to one query.
 *
 * The largest ones are those for a name of 255 bytes:
 *   addresses: 12 header, 259 question, 8 * 28 records, 11 OPT, 6 keepalive, 28 cookie, 68 NSID,
 *              6 error                                                                = 614
 *   negative:  12 header, 259 question, 33 SOA, 11 OPT, 28 cookie, 6 + 160 error      = 509
 * but for those of an internal zone, which may be as large as a message can be. */
#include "resolver/answer.h"

#include "base/text.h"
#include "base/writer.h"
#include "resolver/dns.h"
#include "resolver/edns.h"
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

/* What the server says of itself under the query's name; NULL: nothing. */
static const char *find_identity(const struct query *query, const struct server_identity *identity)
{
    enum { ID, VERSION };
    static const struct {
        const char *wire;
        int what;
    } names[] = {
        { "\2id\6server", ID },
        { "\10hostname\4bind", ID },
        { "\7version\6server", VERSION },
        { "\7version\4bind", VERSION },
    };
    if (identity == NULL || (query->type != DNS_TYPE_TXT && query->type != DNS_TYPE_ANY))
        return NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (query->name.size == strlen(names[i].wire) + 1 &&
            memcmp(query->name.wire, names[i].wire, query->name.size) == 0)
            return names[i].what == ID ? identity->id : identity->version;
    return NULL;
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
    case QUERY_BAD_COOKIE:
        return DNS_RCODE_BAD_COOKIE;
    case QUERY_COOKIE_ALONE:
    case QUERY_BY_TCP:
        return DNS_RCODE_NO_ERROR;
    case QUERY_IGNORED:
    case QUERY_REFUSED:
    case QUERY_IDENTITY: /* that is not told */
    case QUERY_OVER_LIMIT:
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
    case ANSWER_IDENTITY:
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

/* The name of the question, where it always stands (RFC 1035 4.1.4). */
enum { POINTER_TO_QUESTION = DNS_LABEL_POINTER | DNS_HEADER_BYTES };

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

/* RFC 4892 3: one TXT record of one string, in the question's class and not to be kept. */
static void write_identity(struct writer *answer, const char *identity)
{
    uint32_t size = (uint32_t)strlen(identity);
    uint8_t *to = writer_reserve(answer, DNS_LABEL_POINTER_BYTES + DNS_RECORD_FIXED_BYTES + 1);
    if (to == NULL)
        return;
    store_uint(to, POINTER_TO_QUESTION, 2);
    store_uint(to + 2, DNS_TYPE_TXT, 2);
    store_uint(to + 4, DNS_CLASS_CHAOS, 2);
    store_uint(to + 6, 0, 4);
    store_uint(to + 10, 1 + size, 2);
    store_uint(to + 12, size, 1);
    writer_bytes(answer, identity, size);
}

/* An answer that is decided, but not written yet. */
struct draft {
    enum query_status status;
    enum answer_kind kind;
    unsigned rcode;
    bool is_cut;          /* it does not fit: it has no records, and says so */
    const char *identity; /* of ANSWER_IDENTITY */
    struct answer_records records;
};

static void add_error(struct edns_answer *edns, uint16_t code, const char *text, size_t size)
{
    edns->error[edns->error_count++] = (struct edns_error){ code, text, size };
}

/* What the zone's server explained. */
static void pass_errors_on(const struct forwarded_answer *forwarded, struct edns_answer *edns)
{
    for (uint32_t i = 0; i < forwarded->error_count; i++)
        add_error(edns, forwarded->error[i].code, (const char *)forwarded->error[i].text,
                  forwarded->error[i].text_size);
}

/* The rules decided on the name, or on where a zone's server sent it. */
static bool is_decided(const struct answer_terms *terms)
{
    return terms->standing == STANDING_RULES ||
           (terms->standing == STANDING_FORWARDED && terms->forwarded->leaves_zone);
}

/* RFC 8914: why it is denied, in the words that log and `explain` use too; why there is no answer;
 * that addresses are not the name's own; or that the client asks too often. */
static void explain(const struct query *query, const struct draft *draft,
                    const struct answer_terms *terms, struct edns_answer *edns, struct text *text)
{
    if (draft->status == QUERY_OVER_LIMIT) {
        text_add_format(text, "Refused: this client asks more than %u queries a second.",
                        terms->settings->max_queries_per_client);
        add_error(edns, DNS_EXTENDED_ERROR_PROHIBITED, text->at, text->size);
    }
    if (draft->status != QUERY_OK || draft->is_cut)
        return;
    if (is_decided(terms) && terms->verdict.decision != DECISION_ALLOW) {
        verdict_add_sentence(&terms->verdict, decided_name(query, terms), 0, text);
        add_error(edns, DNS_EXTENDED_ERROR_BLOCKED, text->at, text->size);
    }
    if (terms->standing == STANDING_FAILED)
        add_error(edns, terms->failure, "", 0);
    if (draft->kind == ANSWER_ADDRESSES && terms->settings->has_forged_answer_error)
        add_error(edns, DNS_EXTENDED_ERROR_FORGED_ANSWER, "", 0);
    if (draft->kind == ANSWER_FORWARDED)
        pass_errors_on(terms->forwarded, edns);
}

static void write_opt(struct writer *answer, const struct query *query, const struct draft *draft,
                      const struct answer_terms *terms)
{
    /* One byte more than may be sent, and a NUL: that byte shows whether a character is cut. */
    char buffer[DNS_EXTRA_TEXT_MAX + 2];
    struct text text = text_in(buffer, sizeof(buffer));
    struct edns_answer edns = {
        .rcode = draft->rcode,
        .is_dnssec_ok = query->is_dnssec_ok,
        .keepalive_100ms = query->wants_keepalive ? terms->keepalive_100ms : 0,
        .cookie = query->cookie.is_present ? &query->cookie : NULL,
        .nsid = query->wants_nsid && terms->identity != NULL ? terms->identity->nsid : NULL,
    };
    explain(query, draft, terms, &edns, &text);
    edns_write(answer, &edns);
}

/* RFC 2308 2: negative answers are NXDOMAIN and NODATA; REFUSED says nothing of the name. A
 * forwarded one has the zone's own SOA. */
static bool needs_soa(const struct draft *draft)
{
    return draft->kind == ANSWER_NO_DATA ||
           (draft->kind != ANSWER_FORWARDED && draft->rcode == DNS_RCODE_NAME_ERROR);
}

/* The records between question and OPT; counts those of the answer and of the authority section. */
static void write_records(struct writer *answer, const struct draft *draft,
                          const struct answer_terms *terms)
{
    uint8_t *counts = answer->start + DNS_COUNTS_AT;
    uint32_t answers = draft->records.count + (draft->identity != NULL);
    uint32_t authorities = needs_soa(draft);
    uint16_t owner_at = DNS_HEADER_BYTES;
    if (terms->standing == STANDING_FORWARDED) {
        writer_bytes(answer, terms->forwarded->records, terms->forwarded->record_bytes);
        answers += terms->forwarded->answer_count;
        authorities += terms->forwarded->authority_count;
        owner_at = terms->forwarded->target_at;
    }
    write_addresses(answer, &draft->records, owner_at, terms->settings->answer_ttl_s);
    if (draft->identity != NULL)
        write_identity(answer, draft->identity);
    if (needs_soa(draft))
        write_soa(answer, terms->settings->negative_ttl_s);
    store_uint(counts + 2, answers, 2);
    store_uint(counts + 4, authorities, 2);
}

static void write_draft(struct writer *answer, const struct query *query, const struct draft *draft,
                        const struct answer_terms *terms)
{
    bool is_truncated = draft->is_cut || draft->status == QUERY_BY_TCP;
    const uint16_t counts[4] = { query->question_size > 0, 0, 0, query->has_edns };
    write_header(answer, query->id,
                 answer_flags(query) | (is_truncated ? DNS_FLAG_TRUNCATED : 0) |
                     (draft->rcode & DNS_RCODE_MASK),
                 counts);
    writer_bytes(answer, query->question, query->question_size);
    if (!draft->is_cut)
        write_records(answer, draft, terms);
    if (query->has_edns)
        write_opt(answer, query, draft, terms);
}

enum answer_kind answer_compose(const struct query *query, enum query_status status,
                                const struct answer_terms *terms, struct writer *answer)
{
    struct draft draft = { .status = status, .kind = ANSWER_ERROR };
    if (status == QUERY_OK)
        draft.kind = judge(query, terms, &draft.records);
    if (status == QUERY_IDENTITY)
        draft.identity = find_identity(query, terms->identity);
    if (draft.identity != NULL)
        draft.kind = ANSWER_IDENTITY;
    draft.rcode = rcode_of_kind(draft.kind, status, terms);

    struct writer start = *answer;
    write_draft(answer, query, &draft, terms);
    if (answer->failed) { /* RFC 2181 9: not some of the records */
        draft.is_cut = true;
        *answer = start;
        write_draft(answer, query, &draft, terms);
    }
    assert(!answer->failed);
    return draft.kind;
}
