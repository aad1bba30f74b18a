/* tests/fuzz/proxy_header_fuzz.c - a PROXY protocol header of any bytes: what was judged stays so
 * whatever follows, no cut before is judged otherwise, and a whole one is within its bounds. */
#include "sni-gate/proxy_header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum proxy_header_status known = PROXY_HEADER_INCOMPLETE;
    struct proxy_header header = { 0 };
    for (size_t cut = 0; cut <= size && cut <= PROXY_HEADER_MAX; cut++) {
        struct proxy_header now = { 0 };
        enum proxy_header_status status = proxy_header_parse(bytes, cut, &now);
        if (known != PROXY_HEADER_INCOMPLETE && (status != known || now.size != header.size))
            abort();
        if (known == PROXY_HEADER_INCOMPLETE && status == PROXY_HEADER_COMPLETE && now.size != cut)
            abort();
        known = status;
        header = now;
    }
    if (known == PROXY_HEADER_COMPLETE &&
        (header.source.address.family == 0 || header.destination.address.family == 0))
        abort();
    if (size >= PROXY_HEADER_MAX && known == PROXY_HEADER_INCOMPLETE)
        abort();
    return 0;
}
