/* sni-gate/proxy_header.h - what a proxy says of its client before the client's first byte: the
 * PROXY protocol, versions 1 (a line of text) and 2 (binary), as HAProxy's proxy-protocol.txt
 * describes them.
 *
 * Judges the bytes that came so far, however they were cut: more of them never change what is not
 * PROXY_HEADER_INCOMPLETE. Strict where two readers could differ. What a proxy may add (TLVs of
 * version 2) must be well-formed and means nothing here, a checksum (PP2_TYPE_CRC32C) included: TCP
 * has its own. Pure. */
#pragma once
#include "base/address.h"

#include <stddef.h>

/* Of a whole header; a longer one is malformed. */
enum { PROXY_HEADER_LINE_MAX = 107, PROXY_HEADER_MAX = 4096 };

/* Zero refuses. */
enum proxy_header_status {
    PROXY_HEADER_MALFORMED = 0,  /* or of something else than TCP over IP */
    PROXY_HEADER_INCOMPLETE,     /* could become one */
    PROXY_HEADER_WITHOUT_CLIENT, /* LOCAL, UNKNOWN: the proxy connected for itself */
    PROXY_HEADER_COMPLETE,
};

struct proxy_header {
    size_t size;                 /* what follows is the client's */
    struct endpoint source;      /* the client */
    struct endpoint destination; /* where it connected to */
};

/* `*ret_header` is set where it is complete. */
enum proxy_header_status proxy_header_parse(const uint8_t *bytes, size_t size,
                                            struct proxy_header *ret_header);
