/* net/dns_reply.h - what a DNS reply says of a name's addresses of one family. Strict: only records
 * of the name asked for, or of what its aliases lead to, count; a reply that can't be read whole is
 * a failure, not an answer. Pure. */
#pragma once
#include "base/address.h"

#include <stddef.h>

/* More addresses than these in one reply are left out; servers send them in changing order. */
enum { DNS_REPLY_ADDRESSES_MAX = 16 };

/* Aliases in a row (CNAME, RFC 1034 3.6.2); more are taken for a loop. */
enum { DNS_REPLY_ALIASES_MAX = 16 };

enum dns_lookup_status {
    DNS_LOOKUP_FAILED = 0, /* no server answered, or none with sense */
    DNS_LOOKUP_NO_NAME,    /* NXDOMAIN: the name does not exist, or what it is an alias of */
    DNS_LOOKUP_NO_ADDRESS, /* the name exists, without an address of this family */
    DNS_LOOKUP_OK,
};

struct dns_lookup_result {
    enum dns_lookup_status status;
    struct ip_address address[DNS_REPLY_ADDRESSES_MAX];
    uint32_t address_count; /* 0 unless DNS_LOOKUP_OK */
    uint32_t ttl_s;         /* least of the aliases' and addresses'; without an address that of the
                               SOA and its MINIMUM (RFC 2308 5), 0 where there is none */
};

/* Reads a reply to one question for addresses of `family`, 4 or 6. */
void dns_reply_read(const void *bytes, size_t size, uint8_t family,
                    struct dns_lookup_result *ret_result);
