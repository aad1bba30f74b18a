/* sni-gate/hello_assembler.h - puts a ClientHello together from TLS records as they arrive, split
 * anyhow. Keeps the bytes as they came, for the server to read the very same. Invariants: what was
 * judged once is not looked at again, so the cost is linear in the bytes however they are split;
 * memory follows what arrived, up to HELLO_RAW_MAX. Strict where two readers could differ: no empty
 * fragment, no other record before the hello is complete, nothing behind it in its last record (RFC
 * 8446 5.1). */
#pragma once
#include "base/reader.h"
#include "sni-gate/tls_record.h"

enum { HELLO_RAW_MAX = 64 * 1024 };

/* Zero refuses. Each but HELLO_INCOMPLETE is final. */
enum hello_assembly {
    HELLO_MALFORMED = 0,
    HELLO_NOT_TLS, /* not even the first record's header */
    HELLO_TOO_LARGE,
    HELLO_OUT_OF_MEMORY,
    HELLO_INCOMPLETE,
    HELLO_COMPLETE,
};

/* All zero but for `status`: hello_assembler_init(). */
struct hello_assembler {
    uint8_t *raw; /* owned: every byte so far */
    size_t raw_size, raw_capacity;
    size_t judged_size; /* of the records at the front that are complete and sound */
    uint8_t header[HANDSHAKE_HEADER_BYTES];
    size_t message_seen; /* handshake bytes in those records */
    size_t message_size; /* with its header; 0: not yet known */
    uint8_t *joined;     /* owned: the message, where it came in several records; else NULL */
    enum hello_assembly status;
};

void hello_assembler_init(struct hello_assembler *assembler);

/* How many more bytes it takes; not 0 while incomplete. */
size_t hello_assembler_room(const struct hello_assembler *assembler);

/* Appends `size` (at most the room) bytes and judges what is there now. Once the status is final,
 * nothing may be fed any more. */
enum hello_assembly hello_assembler_feed(struct hello_assembler *assembler, const void *bytes,
                                         size_t size);

/* The whole handshake message, once complete; borrows from the assembler. */
struct reader hello_assembler_message(const struct hello_assembler *assembler);

/* Hands over all bytes that came; the caller frees them. NULL when there were none. */
uint8_t *hello_assembler_take_raw(struct hello_assembler *assembler, size_t *ret_size);

/* Frees; safe to call twice. */
void hello_assembler_release(struct hello_assembler *assembler);
