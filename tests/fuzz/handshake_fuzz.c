/* tests/fuzz/handshake_fuzz.c - both sides' bytes while a handshake is watched: what is decided is
 * the same however they are cut. */
#include "sni-gate/record_filter.h"
#include "sni-gate/server_opening.h"

#include <stdlib.h>

static void check_filter(const uint8_t *bytes, size_t size, size_t step)
{
    struct record_filter whole = { 0 }, pieces = { 0 };
    size_t passed = 0;
    for (size_t at = 0; at < size && !pieces.at_handshake; at += step)
        passed += record_filter_pass(&pieces, bytes + at, size - at < step ? size - at : step);
    if (record_filter_pass(&whole, bytes, size) != passed ||
        whole.at_handshake != pieces.at_handshake || (passed < size && !whole.at_handshake))
        abort();
}

/* What was decided with fewer bytes stays so with more, until a retry has had its record. */
static void check_opening(const uint8_t *bytes, size_t size)
{
    enum server_opening first = SERVER_OPENING_INCOMPLETE;
    for (size_t at = 0; at <= size && first == SERVER_OPENING_INCOMPLETE; at++)
        first = server_opening_judge(reader_over(bytes, at));
    if (first == SERVER_OPENING_ANSWER &&
        server_opening_judge(reader_over(bytes, size)) != SERVER_OPENING_ANSWER)
        abort();
    if (server_opening_whole_records(reader_over(bytes, size)) > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size > 16 * 1024)
        return 0;
    check_filter(bytes, size, size > 0 ? 1u + bytes[size - 1] % 16u : 1);
    check_opening(bytes, size < 2048 ? size : 2048);
    return 0;
}
