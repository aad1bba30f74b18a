/* tests/fuzz/padding_fuzz.c - any bytes as a query that may want padding, and as an answer to be
 * padded: it stays as it is, or ends on a block and has the option. */
#include "resolver/padding.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool was_wanted = padding_is_wanted(reader_over(data, size));
    uint8_t *answer = malloc(ROOM);
    if (size <= ROOM && answer != NULL) {
        memcpy(answer, data, size);
        size_t padded = padding_add(answer, size, ROOM);
        bool is_same = padded == size && memcmp(answer, data, size) == 0;
        if (!is_same && (padded % PADDING_BLOCK_BYTES != 0 || padded > ROOM || padded < size + 4))
            abort();
        if (is_same && was_wanted != padding_is_wanted(reader_over(answer, padded)))
            abort();
    }
    free(answer);
    return 0;
}
