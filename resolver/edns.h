/* resolver/edns.h - the OPT record of an answer and its options (RFC 6891 6.1.2). Pure; allocates
 * nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cookie;
struct writer;

enum { EDNS_ERRORS_MAX = 3 };

/* An Extended DNS Error (RFC 8914 2). */
struct edns_error {
    uint16_t code;
    const char *text; /* UTF-8, cut where there is no room for it */
    size_t text_size;
};

/* Zero, or NULL, leaves an option out; borrows its pointers. */
struct edns_answer {
    unsigned rcode; /* all its bits */
    bool is_dnssec_ok;
    uint16_t keepalive_100ms; /* RFC 7828 */
    const struct cookie *cookie;
    const char *nsid; /* RFC 5001 */
    struct edns_error error[EDNS_ERRORS_MAX];
    uint32_t error_count;
};

/* Writes the record. What only explains (NSID, errors) is cut or left out where the answer has
 * no room for it. */
void edns_write(struct writer *answer, const struct edns_answer *edns);
