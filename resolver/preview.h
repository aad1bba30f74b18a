/* resolver/preview.h - what a client would be answered, without a socket: the DNS step of `pinhole
 * explain`. Asks resolver_answer() itself and reads the answer with ldns, as a stranger would. */
#pragma once
#include "policy/gate_address.h"
#include "resolver/resolver.h"

enum { PREVIEW_TEXT_BYTES = 4096, PREVIEW_WORD_BYTES = 24, PREVIEW_EXTRA_TEXT_BYTES = 168 };

struct preview_question {
    const struct host_name *name;
    const char *type; /* "A", "HTTPS", "TYPE65" */
    struct ip_address client;
    int64_t now_s; /* Unix seconds */
};

struct preview {
    /* No answer without the network: the name lies in an internal zone, or is looked up upstream
     * first, as the client is only observed. All else is empty. */
    bool waits_for_lookup;
    char rcode[PREVIEW_WORD_BYTES]; /* "NOERROR", "NXDOMAIN", "REFUSED" */
    struct ip_address address[GATE_ADDRESSES_MAX];
    uint32_t address_count;
    uint32_t ttl_s;                            /* of the addresses */
    bool is_blocked;                           /* with Extended DNS Error 15 (RFC 8914 4.16) */
    char extra_text[PREVIEW_EXTRA_TEXT_BYTES]; /* the error's text; "" where there is none */
    char text[PREVIEW_TEXT_BYTES]; /* the answer in a few lines, as dig would print them */
};

/* Asks and reads. False, with `*ret_preview` untouched, for a type that is none and when out of
 * memory. */
bool preview_answer(struct resolver *resolver, const struct preview_question *question,
                    struct preview *ret_preview);
