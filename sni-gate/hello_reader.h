/* sni-gate/hello_reader.h - from a client's socket to the name that its ClientHello asks for.
 * Keeps the bytes for the server; what follows the hello may stay in the socket. */
#pragma once
#include "policy/host_name.h"
#include "policy/verdict.h"
#include "sni-gate/client_hello.h"
#include "sni-gate/hello_assembler.h"

/* Zero refuses. */
enum hello_outcome {
    HELLO_REFUSED = 0,
    HELLO_WANTS_MORE, /* call again when there is more to read */
    HELLO_CLIENT_LOST,
    HELLO_NAMED,
};

struct hello_reader {
    struct hello_assembler assembler;
    enum reason reason; /* of HELLO_REFUSED */
    bool may_have_more; /* the socket may hold what follows the hello */
    bool has_name;
    struct host_name name;
    struct client_hello hello; /* as far as it was read; borrows from the assembler */
};

void hello_reader_init(struct hello_reader *reader);

/* Reads what the non-blocking `descriptor` has, until the hello is judged. All outcomes but
 * HELLO_WANTS_MORE are final. */
enum hello_outcome hello_reader_read(struct hello_reader *reader, int descriptor);
