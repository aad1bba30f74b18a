/* resolver/forwarded_answer.h - what a server of an internal zone answered, checked and made ready
 * for the client: only records that answer the question go on, with names written out, so that
 * nothing of the server's message but plain values is left. Pure; allocates nothing. */
#pragma once
#include "policy/host_name.h"

struct query;
struct reader;
struct zone;
struct zone_table;

enum {
    FORWARDED_ALIASES_MAX = 16, /* in a row (CNAME); more are taken for a loop */
    FORWARDED_ERRORS_MAX = 2,   /* Extended DNS Errors; more are left out */
    FORWARDED_RECORD_BYTES_MAX =
        64000, /* what else an answer of 65,535 bytes may hold fits beside */
};

/* One Extended DNS Error (RFC 8914 2); its text borrows the server's message. */
struct forwarded_error {
    uint16_t code;
    const uint8_t *text;
    size_t text_size;
};

/* What was asked, of whom. */
struct forwarded_question {
    const struct host_name *name;
    uint16_t type;
    bool is_dnssec_ok;
    const struct zone_table *zones;
    const struct zone *zone; /* of these, the one that the name lies in */
};

struct forwarded_answer {
    unsigned rcode;          /* with its upper bits of the OPT record (RFC 6891 6.1.3) */
    bool has_edns;           /* the server sent an OPT record */
    bool leaves_zone;        /* the last alias leads out of the zone: `records` end with it */
    struct host_name target; /* where it leads to; set if it leaves the zone */
    uint16_t target_at; /* where `target` stands in a message that has `records` right behind its
                           question */
    bool is_missing;    /* there is no such name, and nothing else is said */
    uint32_t negative_ttl_s; /* of the SOA (RFC 2308 5); 0: none */
    struct forwarded_error error[FORWARDED_ERRORS_MAX];
    uint32_t error_count;
    uint16_t answer_count, authority_count; /* records of each section, in their order */
    size_t record_bytes;
    uint8_t records[FORWARDED_RECORD_BYTES_MAX];
};

/* Reads `message`. Of its answers those go on that are of the name asked for or of what its aliases
 * lead to, up to one that leads out of the zone; of its authorities the SOA above the last of these
 * names, and the zone's proofs where they were asked for (RFC 4035 3.1.3). False, with
 * `*ret_answer` in any state, where the message is broken or is not an answer. */
bool forwarded_answer_read(struct reader message, const struct forwarded_question *question,
                           struct forwarded_answer *ret_answer);
