/* sni-gate/hello_class.h - to which class a ClientHello belongs. Pure. */
#pragma once
#include "tls/hello_class.h"

struct client_hello;

/* Certificates of a kind count as accepted where the hello offers a signature by such a key and, if
 * it goes no further than TLS 1.2, a cipher suite with one; without signature_algorithms the cipher
 * suites alone say it (RFC 5246 7.4.1.4.1). Names of ALPN and versions that are made up at random
 * (GREASE, RFC 8701) are left out, and so are names from the first on that does not fit. Either set
 * may come out empty: then there is nothing that a server could answer with. */
struct hello_class hello_class_of(const struct client_hello *hello);
