/* tests/fuzz/record_filter_fuzz.c - a client's bytes while a handshake is watched: what may pass is
 * the same however they are cut. */
#include "sni-gate/record_filter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct record_filter whole = { 0 }, pieces = { 0 };
    size_t step = size > 0 ? 1u + bytes[size - 1] % 16u : 1, passed = 0;
    for (size_t at = 0; at < size && !pieces.at_handshake; at += step)
        passed += record_filter_pass(&pieces, bytes + at, size - at < step ? size - at : step);
    if (record_filter_pass(&whole, bytes, size) != passed ||
        whole.at_handshake != pieces.at_handshake || (passed < size && !whole.at_handshake))
        abort();
    return 0;
}
