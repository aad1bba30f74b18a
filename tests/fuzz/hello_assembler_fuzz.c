/* tests/fuzz/hello_assembler_fuzz.c - records in pieces: the status is the same however they are
 * cut. */
#include "sni-gate/hello_assembler.h"

#include <stdlib.h>

/* Feeds `step` bytes at a time until the status is final. */
static void feed(struct hello_assembler *assembler, const uint8_t *bytes, size_t size, size_t step)
{
    hello_assembler_init(assembler);
    for (size_t at = 0; at < size && assembler->status == HELLO_INCOMPLETE;) {
        size_t part = size - at < step ? size - at : step;
        if (part > hello_assembler_room(assembler))
            part = hello_assembler_room(assembler);
        (void)hello_assembler_feed(assembler, bytes + at, part);
        at += part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct hello_assembler whole, pieces;
    feed(&whole, bytes, size, SIZE_MAX);
    feed(&pieces, bytes, size, size > 0 ? 1u + bytes[size - 1] % 16u : 1);
    if (whole.status != pieces.status)
        abort();
    hello_assembler_release(&whole);
    hello_assembler_release(&pieces);
    return 0;
}
