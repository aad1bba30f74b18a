/* tests/fuzz/client_hello_fuzz.c - one handshake message: what is read lies inside it, and a prefix
 * never passes. */
#include "policy/host_name.h"
#include "sni-gate/client_hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct client_hello hello, shorter;
    struct host_name name;
    if (client_hello_parse(reader_over(bytes, size), &hello) != CLIENT_HELLO_OK)
        return 0;
    const struct reader *found = &hello.server_name;
    if (hello.has_server_name &&
        (found->at < bytes || found->end > bytes + size || found->at >= found->end))
        abort();
    if (client_hello_read_name(&hello, &name) == REASON_ALLOWED && name.size > HOST_NAME_WIRE_MAX)
        abort();
    if (client_hello_parse(reader_over(bytes, size - 1), &shorter) == CLIENT_HELLO_OK)
        abort();
    return 0;
}
