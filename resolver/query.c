/* resolver/query.c - one DNS message from a client, read into what an answer depends on. */
#include "resolver/query.h"

#include "base/reader.h"
#include "resolver/dns.h"

/* The counts of a header's four sections (RFC 1035 4.1.1). */
struct section_counts {
    uint32_t questions, answers, authorities, additionals;
};

/* Everything a query says by its header; nothing read yet of what may follow. */
static void start_query(struct query *query, uint32_t id, uint32_t flags)
{
    query->id = (uint16_t)id;
    query->opcode = flags >> DNS_OPCODE_SHIFT & DNS_OPCODE_MASK;
    query->is_recursion_desired = (flags & DNS_FLAG_RECURSION_DESIRED) != 0;
    query->is_checking_disabled = (flags & DNS_FLAG_CHECKING_DISABLED) != 0;
    query->has_edns = query->is_dnssec_ok = false;
    query->wants_keepalive = query->wants_nsid = query->cookie.is_present = false;
    query->udp_size = DNS_UDP_MIN;
    query->question = NULL;
    query->question_size = 0;
}

static struct section_counts read_counts(struct reader *message)
{
    struct section_counts counts;
    counts.questions = reader_uint(message, 2);
    counts.answers = reader_uint(message, 2);
    counts.authorities = reader_uint(message, 2);
    counts.additionals = reader_uint(message, 2);
    return counts;
}

/* A first name can point at nothing before it, so a compressed one is no name (RFC 1035 4.1.4). */
static bool read_question(struct reader *message, struct query *query)
{
    const uint8_t *start = message->at;
    if (!host_name_read(message, &query->name))
        return false;
    query->type = (uint16_t)reader_uint(message, 2);
    query->class = (uint16_t)reader_uint(message, 2);
    if (message->failed)
        return false;
    query->question = start;
    query->question_size = (size_t)(message->at - start);
    return true;
}

/* Consumes a name without following its pointer: only its length on the wire matters here. */
static void skip_name(struct reader *message, bool *ret_is_root)
{
    enum { LABEL_KIND = 0xc0, LABEL_POINTER = 0xc0 }; /* RFC 1035 4.1.4 */
    const uint8_t *start = message->at;
    uint32_t length;
    while ((length = reader_uint(message, 1)) != 0) {
        if ((length & LABEL_KIND) == LABEL_POINTER) {
            reader_take(message, 1);
            break;
        }
        /* The two other kinds were never deployed (RFC 6891 5); asking for more than there is fails
         * the reader. */
        reader_take(message, (length & LABEL_KIND) == 0 ? length : SIZE_MAX);
    }
    *ret_is_root = message->at - start == 1;
}

/* False for a value that the option's RFC forbids; an option that we don't know may have any. */
static bool read_option(uint32_t code, struct reader value, struct query *query)
{
    switch (code) {
    case DNS_OPTION_TCP_KEEPALIVE:
        query->wants_keepalive = reader_left(&value) == 0;
        return query->wants_keepalive; /* RFC 7828 3.2.1: a client names no timeout */
    case DNS_OPTION_COOKIE:            /* RFC 7873 5.2: of several the first one counts */
        return query->cookie.is_present || cookie_read(value, &query->cookie);
    case DNS_OPTION_NSID: /* RFC 5001 2.1: what stands in it has no meaning */
        query->wants_nsid = true;
        break;
    }
    return true;
}

/* False where the options do not fill the record exactly. */
static bool read_options(struct reader options, struct query *query)
{
    while (reader_left(&options) > 0) {
        uint32_t code = reader_uint(&options, 2);
        struct reader value = reader_vector(&options, 2);
        if (!value.failed && !read_option(code, value, query))
            return false;
    }
    return reader_done(&options);
}

/* RFC 6891 6.1.2. The rest of the record, after its type. */
static enum query_status read_opt(struct reader *message, struct query *query)
{
    uint32_t udp_size = reader_uint(message, 2);
    reader_take(message, 1); /* extended rcode: means nothing in a query */
    uint32_t version = reader_uint(message, 1);
    uint32_t flags = reader_uint(message, 2);
    struct reader options = reader_vector(message, 2);
    if (query->has_edns)
        return QUERY_FORMAT_ERROR; /* RFC 6891 6.1.1: at most one */
    query->has_edns = true;        /* RFC 6891 7: an answer that finds fault with it has one, too */
    if (message->failed)
        return QUERY_FORMAT_ERROR;
    query->is_dnssec_ok = (flags & DNS_EDNS_FLAG_DNSSEC_OK) != 0;
    if (udp_size > DNS_UDP_MIN)
        query->udp_size = (uint16_t)udp_size;
    if (version != DNS_EDNS_VERSION)
        return QUERY_BAD_VERSION; /* another version may mean something else by its options */
    return read_options(options, query) ? QUERY_OK : QUERY_FORMAT_ERROR;
}

/* One record of any section. Those that are no OPT are passed over: a TSIG (RFC 8945) or SIG(0) of
 * a client that signs all it sends asks nothing that the answer depends on. */
static enum query_status read_record(struct reader *message, bool is_additional,
                                     struct query *query)
{
    bool is_root;
    skip_name(message, &is_root);
    uint32_t type = reader_uint(message, 2);
    if (!message->failed && type == DNS_TYPE_OPT)
        return is_root && is_additional ? read_opt(message, query) : QUERY_FORMAT_ERROR;
    reader_take(message, 2 + 4); /* class, TTL */
    reader_vector(message, 2);
    return message->failed ? QUERY_FORMAT_ERROR : QUERY_OK;
}

/* The worst that the records say: a format error ends it, a bad version is remembered. */
static enum query_status read_records(struct reader *message, const struct section_counts *counts,
                                      struct query *query)
{
    enum query_status worst = QUERY_OK;
    uint32_t total = counts->authorities + counts->additionals;
    for (uint32_t i = 0; i < total; i++) {
        enum query_status status = read_record(message, i >= counts->authorities, query);
        if (status == QUERY_FORMAT_ERROR)
            return status;
        if (status != QUERY_OK)
            worst = status;
    }
    return reader_done(message) ? worst : QUERY_FORMAT_ERROR;
}

/* What a well-formed query of opcode QUERY asks for. */
static enum query_status judge_question(const struct query *query)
{
    if (query->question == NULL)
        return query->cookie.is_present ? QUERY_COOKIE_ALONE : QUERY_FORMAT_ERROR;
    if (query->class == DNS_CLASS_CHAOS)
        return QUERY_IDENTITY;
    /* RFC 5936 2.2.1 has REFUSED for transfers that are not given. */
    bool is_transfer = query->type == DNS_TYPE_AXFR || query->type == DNS_TYPE_IXFR;
    return query->class != DNS_CLASS_IN || is_transfer ? QUERY_REFUSED : QUERY_OK;
}

enum query_status query_parse(struct reader message, struct query *ret_query)
{
    uint32_t id = reader_uint(&message, 2);
    uint32_t flags = reader_uint(&message, 2);
    struct section_counts counts = read_counts(&message);
    if (message.failed || (flags & DNS_FLAG_RESPONSE) != 0)
        return QUERY_IGNORED;
    start_query(ret_query, id, flags);
    /* Another opcode gives the sections another meaning (RFC 2136 2), so nothing more of it is
     * read. */
    if (ret_query->opcode != DNS_OPCODE_QUERY)
        return QUERY_NOT_IMPLEMENTED;
    if (counts.questions > 1) /* RFC 9619 4 */
        return QUERY_FORMAT_ERROR;
    if (counts.questions == 1 && !read_question(&message, ret_query))
        return QUERY_FORMAT_ERROR;
    /* A query carries no records but in the additional section, save the serial of an IXFR (RFC
     * 1995 3). */
    bool is_ixfr = ret_query->question != NULL && ret_query->type == DNS_TYPE_IXFR;
    if (counts.answers > 0 || (counts.authorities > 0 && !is_ixfr))
        return QUERY_FORMAT_ERROR;
    enum query_status status = read_records(&message, &counts, ret_query);
    return status == QUERY_OK ? judge_question(ret_query) : status;
}
