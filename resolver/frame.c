/* resolver/frame.c - DNS messages in a stream. */
#include "resolver/frame.h"

#include "resolver/dns.h"

enum frame_status frame_take(struct reader *input, struct reader *ret_message)
{
    struct reader rest = *input;
    size_t size = reader_uint(&rest, FRAME_LENGTH_BYTES);
    if (rest.failed)
        return FRAME_INCOMPLETE;
    if (size < DNS_HEADER_BYTES || size > FRAME_QUERY_MAX)
        return FRAME_BROKEN;
    const uint8_t *bytes = reader_take(&rest, size);
    if (bytes == NULL)
        return FRAME_INCOMPLETE;
    *input = rest;
    *ret_message = reader_over(bytes, size);
    return FRAME_WHOLE;
}
