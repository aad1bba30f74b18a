/* sni-gate/record_filter.c - which of a client's bytes may go to the server before it answered. */
#include "sni-gate/record_filter.h"

/* After one more byte of the header. */
static void judge_header(struct record_filter *filter)
{
    const uint8_t *header = filter->header;
    if (header[0] == RECORD_HANDSHAKE && filter->header_size == 1) {
        filter->at_handshake = true;
        filter->header_size = 0;
    } else if (header[0] < RECORD_CHANGE_CIPHER_SPEC || header[0] > RECORD_APPLICATION_DATA ||
               (filter->header_size > 1 && header[1] != RECORD_MAJOR_VERSION)) {
        filter->is_not_tls = true;
    } else if (filter->header_size == RECORD_HEADER_BYTES) {
        filter->body_left = (size_t)header[3] << 8 | header[4];
        filter->header_size = 0;
    }
}

size_t record_filter_pass(struct record_filter *filter, const uint8_t *bytes, size_t size)
{
    size_t at = 0;
    while (at < size && !filter->is_not_tls && !filter->at_handshake) {
        if (filter->body_left > 0) {
            size_t part = size - at < filter->body_left ? size - at : filter->body_left;
            filter->body_left -= part;
            at += part;
        } else {
            filter->header[filter->header_size++] = bytes[at];
            judge_header(filter);
            at += !filter->at_handshake;
        }
    }
    return filter->is_not_tls ? size : at;
}
