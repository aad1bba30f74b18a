/* resolver/query.h - one DNS message from a client, read into what an answer depends on.
 * Borrows the message's bytes. Pure; allocates nothing. */
#pragma once
#include "policy/host_name.h"
#include "resolver/cookie.h"

struct reader;

/* What the message deserves. Zero is no answer at all. */
enum query_status {
    QUERY_IGNORED = 0,     /* shorter than a header, or an answer itself: answering could loop */
    QUERY_FORMAT_ERROR,    /* not a message that RFC 1035 4 and RFC 6891 6 allow a client to send */
    QUERY_NOT_IMPLEMENTED, /* an opcode other than QUERY */
    QUERY_BAD_VERSION,     /* an EDNS version other than 0 (RFC 6891 6.1.3) */
    QUERY_REFUSED,         /* a class other than IN and CHAOS, or a zone transfer */
    QUERY_COOKIE_ALONE,    /* no question: just a server cookie is wanted (RFC 7873 5.4) */
    QUERY_IDENTITY,        /* class CHAOS: who the server is (RFC 4892) */
    QUERY_OK,
    /* These three are not found by query_parse(), but by who knows the client. */
    QUERY_BAD_COOKIE, /* QUERY_COOKIE_ALONE with a server cookie that is not ours */
    QUERY_OVER_LIMIT, /* the client asks too often */
    QUERY_BY_TCP,     /* that, unless its address is forged: it is told to ask by TCP */
};

struct query {
    uint16_t id;
    uint8_t opcode;
    bool is_recursion_desired;
    bool is_checking_disabled;
    bool has_edns;        /* an OPT record was read */
    bool is_dnssec_ok;    /* the OPT's DO bit */
    bool wants_keepalive; /* edns-tcp-keepalive (RFC 7828) */
    bool wants_nsid;      /* RFC 5001 */
    struct cookie cookie; /* as it came, until cookie_exchange() */
    uint16_t udp_size;    /* the OPT's; 512 where it says less or there is none (RFC 6891 6.2.3) */
    const uint8_t *question; /* name, type and class as sent, to be echoed; NULL: none was read */
    size_t question_size;
    struct host_name name; /* this and the next two are set with `question` alone */
    uint16_t type;
    uint16_t class;
};

/* Reads all of `message`. `*ret_query` is set unless the status is QUERY_IGNORED; on
 * QUERY_FORMAT_ERROR it holds what was read before the fault. Name, type and class are meaningful
 * where `question` is set. */
enum query_status query_parse(struct reader message, struct query *ret_query);
