/* resolver/answer.h - the answer to one query, by the table of docs/architecture.md: an allowed
 * name leads to the gate, a name in an internal zone to what the zone's server answered, and every
 * other one does not exist. Pure; allocates nothing. */
#pragma once
#include "policy/gate_address.h"
#include "policy/settings.h"
#include "policy/verdict.h"
#include "resolver/query.h"

struct forwarded_answer;
struct writer;

/* What kind of answer it was. Zero is the denial. */
enum answer_kind {
    ANSWER_DENIED = 0, /* NXDOMAIN, or REFUSED where the settings say so */
    ANSWER_FAILED,     /* SERVFAIL: neither the upstream DNS nor the zone's server could be asked */
    ANSWER_NO_NAME,    /* NXDOMAIN, and no denial: nobody has such a name */
    ANSWER_ERROR,      /* the query's status was not QUERY_OK: its rcode, and no records */
    ANSWER_IDENTITY,   /* what the server says of itself */
    ANSWER_NO_DATA,    /* the name exists, but no record of the type that was asked for */
    ANSWER_ADDRESSES,
    ANSWER_FORWARDED, /* what the server of an internal zone said */
};

/* How it stands with a name that is not for rules to decide. Zero: it is. */
enum name_standing {
    STANDING_RULES = 0,
    STANDING_FORWARDED, /* `forwarded` says what its zone's server answered */
    STANDING_FAILED,    /* that server gave no answer */
    STANDING_MISSING,   /* it is known that there is no such name */
};

/* What the upstream DNS says of a name. Zero is no answer of sense. */
enum name_existence {
    NAME_UNKNOWN = 0,
    NAME_MISSING,
    NAME_WITHOUT_ADDRESS,
    NAME_WITH_ADDRESS,
};

/* What the server says of itself to who asks, of 1 to DNS_IDENTITY_MAX bytes each. NULL: nothing.
 */
struct server_identity {
    const char *nsid;    /* RFC 5001 */
    const char *id;      /* TXT of id.server and hostname.bind in class CHAOS (RFC 4892) */
    const char *version; /* TXT of version.bind and version.server */
};

/* What an answer is made of besides the query; borrows its pointers. */
struct answer_terms {
    const struct settings *settings;
    const struct gate_addresses *gate;
    const struct server_identity *identity;
    enum name_standing standing;
    const struct forwarded_answer *forwarded; /* of STANDING_FORWARDED alone */
    uint16_t failure;                         /* Extended DNS Error of STANDING_FAILED */
    struct verdict verdict;        /* on the query's name, or on the one that a forwarded answer
                                      leads to out of the zone; read only for QUERY_OK */
    enum name_existence existence; /* of the name; read only for REASON_OBSERVED */
    uint16_t keepalive_100ms; /* told to a client that asks for it (RFC 7828); 0 on UDP: not told */
};

/* Writes the answer to `query`, which deserves `status` (any but QUERY_IGNORED), at the start of
 * `answer`: with TC and without records where they do not fit. DNS_UDP_MIN bytes of room suffice
 * for that, and DNS_ANSWER_MAX for everything. */
enum answer_kind answer_compose(const struct query *query, enum query_status status,
                                const struct answer_terms *terms, struct writer *answer);
