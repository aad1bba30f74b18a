/* resolver/dns.h - the numbers of the DNS protocol, each beside its RFC. */
#pragma once

/* Sizes in bytes. */
enum {
    DNS_HEADER_BYTES = 12, /* RFC 1035 4.1.1 */
    DNS_COUNTS_AT = 4,     /* of a header's bytes: the four sections' counts, two bytes each */
    DNS_UDP_MIN = 512,     /* what every client takes, with or without EDNS (RFC 1035 4.2.1) */
    DNS_ANSWER_MAX = 640,  /* no answer over TCP needs more; over UDP none is over DNS_UDP_MIN */
    DNS_EDNS_UDP_BYTES = 1232,   /* what our OPT says we take: fits IPv6's least MTU (RFC 8200 5) */
    DNS_LABEL_POINTER_BYTES = 2, /* RFC 1035 4.1.4 */
    DNS_LABEL_POINTER = 0xc000,  /* and the place that it leads to */
    DNS_POINTERS_REACH = 0x4000, /* the first place that none can name (RFC 1035 4.1.4) */
    DNS_RECORD_FIXED_BYTES = 10, /* type, class, TTL and length of a record (RFC 1035 4.1.3) */
    DNS_OPTION_FIXED_BYTES = 4,  /* code and length of an option (RFC 6891 6.1.2) */
    DNS_EXTRA_TEXT_MAX = 160,    /* of an Extended DNS Error: with it a denial fits in 512 bytes */
    DNS_IDENTITY_MAX = 64,       /* of what the server says of itself */
};

/* The second 16 bits of a header (RFC 1035 4.1.1, RFC 4035 3.1.6 and 3.2.2). */
enum {
    DNS_FLAG_RESPONSE = 0x8000,
    DNS_FLAG_AUTHORITATIVE = 0x0400,
    DNS_FLAG_TRUNCATED = 0x0200,
    DNS_FLAG_RECURSION_DESIRED = 0x0100,
    DNS_FLAG_RECURSION_AVAILABLE = 0x0080,
    DNS_FLAG_AUTHENTIC_DATA = 0x0020,
    DNS_FLAG_CHECKING_DISABLED = 0x0010,
    DNS_OPCODE_SHIFT = 11,
    DNS_OPCODE_MASK = 0xf,
    DNS_RCODE_MASK = 0xf,
};

enum {
    DNS_OPCODE_QUERY = 0, /* RFC 1035 4.1.1 */
};

/* RFC 1035 4.1.1; above 15 with the upper bits in the OPT record (RFC 6891 6.1.3). */
enum {
    DNS_RCODE_NO_ERROR = 0,
    DNS_RCODE_FORMAT_ERROR = 1,
    DNS_RCODE_SERVER_FAILURE = 2,
    DNS_RCODE_NAME_ERROR = 3, /* NXDOMAIN */
    DNS_RCODE_NOT_IMPLEMENTED = 4,
    DNS_RCODE_REFUSED = 5,
    DNS_RCODE_BAD_VERSION = 16,
    DNS_RCODE_BAD_COOKIE = 23, /* RFC 7873 8 */
    DNS_RCODE_HEADER_BITS = 4,
};

enum {
    DNS_TYPE_A = 1,      /* RFC 1035 3.2.2 */
    DNS_TYPE_NS = 2,     /* RFC 1035 3.3.11 */
    DNS_TYPE_MD = 3,     /* RFC 1035 3.3.4 */
    DNS_TYPE_MF = 4,     /* RFC 1035 3.3.5 */
    DNS_TYPE_CNAME = 5,  /* RFC 1035 3.3.1 */
    DNS_TYPE_SOA = 6,    /* RFC 1035 3.3.13 */
    DNS_TYPE_TXT = 16,   /* RFC 1035 3.3.14 */
    DNS_TYPE_MB = 7,     /* RFC 1035 3.3.3 */
    DNS_TYPE_MG = 8,     /* RFC 1035 3.3.6 */
    DNS_TYPE_MR = 9,     /* RFC 1035 3.3.8 */
    DNS_TYPE_PTR = 12,   /* RFC 1035 3.3.12 */
    DNS_TYPE_MINFO = 14, /* RFC 1035 3.3.7 */
    DNS_TYPE_MX = 15,    /* RFC 1035 3.3.9 */
    DNS_TYPE_RP = 17,    /* RFC 1183 2.2 */
    DNS_TYPE_AFSDB = 18, /* RFC 1183 1 */
    DNS_TYPE_RT = 21,    /* RFC 1183 3.3 */
    DNS_TYPE_PX = 26,    /* RFC 2163 4 */
    DNS_TYPE_AAAA = 28,  /* RFC 3596 2.1 */
    DNS_TYPE_SRV = 33,   /* RFC 2782 */
    DNS_TYPE_NAPTR = 35, /* RFC 3403 4.1 */
    DNS_TYPE_KX = 36,    /* RFC 2230 3.1 */
    DNS_TYPE_DNAME = 39, /* RFC 6672 2.1 */
    DNS_TYPE_OPT = 41,   /* RFC 6891 6.1.1 */
    DNS_TYPE_RRSIG = 46, /* RFC 4034 3 */
    DNS_TYPE_NSEC = 47,  /* RFC 4034 4 */
    DNS_TYPE_NSEC3 = 50, /* RFC 5155 3 */
    DNS_TYPE_SVCB = 64,  /* RFC 9460 14.1 */
    DNS_TYPE_HTTPS = 65, /* RFC 9460 14.2 */
    DNS_TYPE_IXFR = 251, /* RFC 1995 2 */
    DNS_TYPE_AXFR = 252, /* RFC 1035 3.2.3 */
    DNS_TYPE_ANY = 255,  /* RFC 8482 */
};

enum {
    DNS_CLASS_IN = 1,    /* RFC 1035 3.2.4 */
    DNS_CLASS_CHAOS = 3, /* RFC 1035 3.2.4; what servers say of themselves (RFC 4892) */
};

/* The OPT record's "TTL": extended rcode, version, flags (RFC 6891 6.1.3). */
enum {
    DNS_EDNS_VERSION = 0,
    DNS_EDNS_FLAG_DNSSEC_OK = 0x8000, /* RFC 3225 3 */
};

enum {
    DNS_OPTION_NSID = 3,            /* RFC 5001 2.2 */
    DNS_OPTION_COOKIE = 10,         /* RFC 7873 4 */
    DNS_OPTION_TCP_KEEPALIVE = 11,  /* RFC 7828 3.1 */
    DNS_OPTION_PADDING = 12,        /* RFC 7830 3 */
    DNS_OPTION_EXTENDED_ERROR = 15, /* RFC 8914 2 */
};

enum {
    DNS_EXTENDED_ERROR_FORGED_ANSWER = 4, /* RFC 8914 4.5 */
    DNS_EXTENDED_ERROR_PROHIBITED = 18,   /* RFC 8914 4.19 */
    DNS_EXTENDED_ERROR_OTHER = 0,         /* RFC 8914 4.1 */
    DNS_EXTENDED_ERROR_BLOCKED = 15,      /* RFC 8914 4.16 */
    DNS_EXTENDED_ERROR_UNREACHABLE = 22,  /* "No Reachable Authority" (RFC 8914 4.23) */
    DNS_EXTENDED_ERROR_NETWORK = 23,      /* RFC 8914 4.24 */
    DNS_EXTENDED_ERROR_INVALID_DATA = 24, /* RFC 8914 4.25 */
};
