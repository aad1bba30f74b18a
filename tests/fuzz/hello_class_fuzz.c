/* tests/fuzz/hello_class_fuzz.c - one ClientHello: its class holds whole protocol names, and zeros
 * behind them. */
#include "sni-gate/client_hello.h"
#include "sni-gate/hello_class.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct client_hello hello;
    if (client_hello_parse(reader_over(bytes, size), &hello) != CLIENT_HELLO_OK)
        return 0;
    const struct hello_class class = hello_class_of(&hello);
    if (class.alpn_size > HELLO_CLASS_ALPN_MAX || (class.keys & ~(HELLO_RSA | HELLO_ECDSA)) != 0)
        abort();
    struct reader names = reader_over(class.alpn, class.alpn_size);
    while (reader_left(&names) > 0) {
        struct reader name = reader_vector(&names, 1);
        if (names.failed || reader_left(&name) == 0)
            abort();
    }
    for (size_t at = class.alpn_size; at < HELLO_CLASS_ALPN_MAX; at++) {
        if (class.alpn[at] != 0)
            abort();
    }
    return 0;
}
