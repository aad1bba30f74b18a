/* sni-gate/record_filter.h - which of a client's bytes after its ClientHello may go to the server
 * before that has answered.
 * Early data (RFC 8446 4.2.10) may, and so may whatever else is no handshake message. A handshake
 * record may not: if the server asks for a second ClientHello, that must be read first. Pure. */
#pragma once
#include "sni-gate/tls_record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at the start of a record. */
struct record_filter {
    uint8_t header[RECORD_HEADER_BYTES];
    size_t header_size; /* bytes of the next record's header so far */
    size_t body_left;   /* of the record that is passing */
    bool at_handshake;  /* the next byte begins a handshake record: nothing passes any more */
    bool is_not_tls;    /* a server that speaks TLS has given up by now: all passes */
};

/* Looks at the next `size` bytes; returns how many of them may pass. Fewer than all only with
 * `at_handshake` set; then the first that may not is the first of that record. */
size_t record_filter_pass(struct record_filter *filter, const uint8_t *bytes, size_t size);
