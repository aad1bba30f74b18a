/* resolver/preview.c - what a client would be answered, asked and read through ldns. */
#include "resolver/preview.h"

#include "base/reader.h"
#include "base/text.h"
#include "policy/host_name.h"
#include "resolver/dns.h"

#include <ldns/ldns.h>

/* The query as ldns puts it, in bytes that the caller frees; NULL when out of memory. */
static uint8_t *make_query(const struct host_name *name, ldns_rr_type type, size_t *ret_size)
{
    uint8_t *bytes = NULL;
    ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->size, name->wire);
    ldns_pkt *query =
        owner != NULL ? ldns_pkt_query_new(owner, type, LDNS_RR_CLASS_IN, LDNS_RD) : NULL;
    if (query == NULL) {
        ldns_rdf_deep_free(owner);
        return NULL;
    }
    ldns_pkt_set_edns_udp_size(query, DNS_EDNS_UDP_BYTES);
    if (ldns_pkt2wire(&bytes, query, ret_size) != LDNS_STATUS_OK)
        bytes = NULL;
    ldns_pkt_free(query); /* the owner too */
    return bytes;
}

static void read_rcode(const ldns_pkt *answer, struct preview *preview)
{
    struct text rcode = text_in(preview->rcode, sizeof(preview->rcode));
    char *word = ldns_pkt_rcode2str(ldns_pkt_get_rcode(answer));
    text_add(&rcode, word != NULL ? word : "");
    free(word);
}

/* Takes the addresses among the answer's records. */
static void read_addresses(const ldns_pkt *answer, struct preview *preview)
{
    const ldns_rr_list *records = ldns_pkt_answer(answer);
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
        const ldns_rr *record = ldns_rr_list_rr(records, i);
        ldns_rr_type type = ldns_rr_get_type(record);
        bool is_address = type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
        if (!is_address || preview->address_count == GATE_ADDRESSES_MAX)
            continue;
        const ldns_rdf *rdata = ldns_rr_rdf(record, 0);
        struct ip_address *address = &preview->address[preview->address_count++];
        address->family = type == LDNS_RR_TYPE_A ? 4 : 6;
        memcpy(address->bytes, ldns_rdf_data(rdata), ldns_rdf_size(rdata));
        preview->ttl_s = ldns_rr_ttl(record);
    }
}

/* Finds the Extended DNS Error among the OPT record's options. */
static void read_extended_error(ldns_pkt *answer, struct preview *preview)
{
    struct text extra_text = text_in(preview->extra_text, sizeof(preview->extra_text));
    const ldns_edns_option_list *options = ldns_pkt_edns_get_option_list(answer);
    for (size_t i = 0; options != NULL && i < ldns_edns_option_list_get_count(options); i++) {
        const ldns_edns_option *option = ldns_edns_option_list_get_option(options, i);
        if (ldns_edns_get_code(option) != LDNS_EDNS_EDE)
            continue;
        struct reader value = reader_over(ldns_edns_get_data(option), ldns_edns_get_size(option));
        preview->is_blocked = reader_uint(&value, 2) == LDNS_EDE_BLOCKED;
        text_add_bytes(&extra_text, value.at, reader_left(&value));
    }
}

static void write_text(const ldns_pkt *answer, struct preview *preview)
{
    const ldns_rr_list *records = ldns_pkt_answer(answer);
    size_t count = ldns_rr_list_rr_count(records);
    struct text text = text_in(preview->text, sizeof(preview->text));
    text_add_format(&text, ";; status: %s, answers: %zu\n", preview->rcode, count);
    if (preview->is_blocked)
        text_add_format(&text, "; EDE: %d (Blocked): (%s)\n", LDNS_EDE_BLOCKED,
                        preview->extra_text);
    for (size_t i = 0; i < count; i++) {
        char *line = ldns_rr2str(ldns_rr_list_rr(records, i));
        text_add(&text, line != NULL ? line : "");
        free(line);
    }
}

/* False when ldns can't read it: out of memory, as it is our own. */
static bool read_answer(const uint8_t *bytes, size_t size, struct preview *ret_preview)
{
    ldns_pkt *answer = NULL;
    if (ldns_wire2pkt(&answer, bytes, size) != LDNS_STATUS_OK)
        return false;
    struct preview preview = { 0 };
    read_rcode(answer, &preview);
    read_addresses(answer, &preview);
    read_extended_error(answer, &preview);
    write_text(answer, &preview);
    ldns_pkt_free(answer);
    *ret_preview = preview;
    return true;
}

bool preview_answer(struct resolver *resolver, const struct preview_question *question,
                    struct preview *ret_preview)
{
    uint8_t answer[RESOLVER_ANSWER_MAX];
    size_t query_size = 0;
    ldns_rr_type type = ldns_get_rr_type_by_name(question->type);
    uint8_t *query = type != 0 ? make_query(question->name, type, &query_size) : NULL;
    if (query == NULL)
        return false;
    struct resolver_request request = {
        .bytes = query,
        .size = query_size,
        .client = { .address = question->client },
        .now_s = question->now_s,
    };
    size_t size = resolver_answer(resolver, &request, answer);
    free(query);
    if (size == RESOLVER_WAITS) {
        *ret_preview = (struct preview){ .waits_for_lookup = true };
        return true;
    }
    return read_answer(answer, size, ret_preview);
}
