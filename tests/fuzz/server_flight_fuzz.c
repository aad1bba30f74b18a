/* tests/fuzz/server_flight_fuzz.c - a ClientHello behind its length, then a server's bytes: what
 * they are is the same however they are cut. Without a sound hello the opening alone is read. */
#include "sni-gate/client_hello.h"
#include "sni-gate/server_flight.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct reader input = reader_over(bytes, size);
    struct reader message = reader_vector(&input, 2);
    struct client_hello hello;
    struct server_flight whole, pieces;
    bool has_hello = client_hello_parse(message, &hello) == CLIENT_HELLO_OK;
    server_flight_init(&whole, has_hello ? &hello : NULL, NULL);
    server_flight_init(&pieces, has_hello ? &hello : NULL, NULL);
    (void)server_flight_read(&whole, reader_over(input.at, reader_left(&input)));
    for (size_t at = 0; at <= reader_left(&input); at++)
        (void)server_flight_read(&pieces, reader_over(input.at, at));
    if (whole.status != pieces.status || server_flight_size(&whole) > reader_left(&input) ||
        server_flight_size(&whole) != server_flight_size(&pieces))
        abort();
    server_flight_release(&whole);
    server_flight_release(&pieces);
    return 0;
}
