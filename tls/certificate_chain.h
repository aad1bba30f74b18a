/* tls/certificate_chain.h - the certificates that a server presented, its own first. What stands
 * behind that is only what it chose to send: nothing says that one has signed another. Immutable;
 * belongs to one owner. */
#pragma once
#include "base/reader.h"

struct certificate_chain;
struct certificate_fingerprint;
struct certificate_memory;

enum {
    PRESENTED_CERTIFICATES_MAX = 16,
    CERTIFICATE_LIST_BYTES_MAX = 64 * 1024, /* with the lengths of its certificates */
};

/* Reads a certificate_list (RFC 5246 7.4.2), without its own length. What `memory` knows is not
 * parsed again; it is borrowed for the call, and NULL where there is none. NULL where the list is
 * malformed, empty or too long, or when out of memory. */
struct certificate_chain *certificate_chain_read(struct reader list,
                                                 struct certificate_memory *memory);
/* NULL is fine. */
void certificate_chain_free(struct certificate_chain *chain);

/* Of the server's own certificate; borrowed. */
const struct certificate_fingerprint *certificate_chain_fingerprint(
    const struct certificate_chain *chain);
