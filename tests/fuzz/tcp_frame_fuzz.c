/* tests/fuzz/tcp_frame_fuzz.c - a stream of messages: the same ones come out of it however it is
 * cut, and a buffer of one message's size always has room. */
#include "resolver/frame.h"

#include <stdlib.h>
#include <string.h>

/* Feeds `step` bytes at a time, as a connection does. Returns a sum over messages and end. */
static size_t feed(struct reader stream, size_t step)
{
    static uint8_t buffer[FRAME_LENGTH_BYTES + FRAME_QUERY_MAX];
    enum frame_status status = FRAME_INCOMPLETE;
    size_t kept = 0, part, sum = 0;
    while (status != FRAME_BROKEN && (part = reader_left(&stream)) > 0) {
        size_t room = sizeof(buffer) - kept;
        part = part > step ? step : part;
        part = part > room ? room : part;
        if (part == 0)
            abort();
        memcpy(buffer + kept, reader_take(&stream, part), part);
        struct reader input = reader_over(buffer, kept + part), message;
        while ((status = frame_take(&input, &message)) == FRAME_WHOLE)
            sum = sum * 31 + reader_left(&message) + reader_uint(&message, 2);
        kept = reader_left(&input);
        memmove(buffer, input.at, kept);
    }
    return sum * 2 + (status == FRAME_BROKEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size > 0 ? 1u + data[size - 1] % 64u : 1;
    if (feed(reader_over(data, size), SIZE_MAX) != feed(reader_over(data, size), step))
        abort();
    return 0;
}
