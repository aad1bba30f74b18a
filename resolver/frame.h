/* resolver/frame.h - DNS messages in a stream, each behind its length in two bytes (RFC 1035 4.2.2,
 * RFC 7766 8). Pure. */
#pragma once
#include "base/reader.h"

enum {
    FRAME_LENGTH_BYTES = 2,
    FRAME_QUERY_MAX = 4096,    /* a longer message is no query */
    FRAME_ANSWER_MAX = 0xffff, /* what two bytes can say */
};

enum frame_status {
    FRAME_BROKEN = 0, /* no DNS client sends this: shorter than a header, or too long */
    FRAME_INCOMPLETE,
    FRAME_WHOLE,
};

/* Takes the message at the start of `input`, however its bytes came. On FRAME_WHOLE alone `input`
 * moves behind it and `*ret_message` is over it; a length that is no query's is FRAME_BROKEN before
 * the message is there. */
enum frame_status frame_take(struct reader *input, struct reader *ret_message);
