/* sni-gate/server_flight.h - what a server's first flight proves of it.
 * A HelloRetryRequest (RFC 8446 4.1.4) asks for a second ClientHello, which could name another
 * server. Under TLS 1.3 there is no more to see than the ServerHello. Under TLS 1.2 and lower the
 * server's certificate passes for all to read, and in its ServerKeyExchange the server signs both
 * randoms: this proves that the key of the very certificate that passes is at the other end.
 * Whether the certificate is a good one is for certificate_check() to say. Belongs to one thread.
 */
#pragma once
#include "sni-gate/cipher_suite.h"
#include "sni-gate/server_records.h"

struct certificate_chain;
struct certificate_memory;
struct client_hello;

enum {
    SERVER_OPENING_MAX = 8 * 1024,  /* to the end of ServerHello; a HelloRetryRequest is larger only
                                       if its cookie is absurd */
    SERVER_FLIGHT_MAX = 128 * 1024, /* of one message, and of all records before the last */
};

/* Zero ends the connection. Each but SERVER_FLIGHT_INCOMPLETE is final; after SERVER_FLIGHT_RETRY
 * see server_flight_restart(). */
enum server_flight_status {
    SERVER_FLIGHT_MALFORMED = 0, /* a TLS server that can't be understood, or no answer to what
                                    the client offered */
    SERVER_FLIGHT_OUT_OF_MEMORY,
    SERVER_FLIGHT_NOT_TLS,        /* nothing that a server's answer begins with */
    SERVER_FLIGHT_NO_CERTIFICATE, /* the cipher suite has none, or the list is empty */
    SERVER_FLIGHT_UNPROVEN,       /* a certificate without a signature that holds */
    SERVER_FLIGHT_INCOMPLETE,     /* look again with more */
    SERVER_FLIGHT_ALERT,          /* the server gives up; nothing behind it may pass */
    SERVER_FLIGHT_RETRY,          /* a whole HelloRetryRequest */
    SERVER_FLIGHT_HELLO,          /* a ServerHello, where no more was asked for */
    SERVER_FLIGHT_TLS13,          /* a ServerHello of TLS 1.3 */
    SERVER_FLIGHT_RESUMED,        /* of TLS 1.2 or lower: a session of before that the client
                                     offered; neither certificate nor signature */
    SERVER_FLIGHT_PROVEN,         /* of TLS 1.2 or lower: the signature holds */
};

enum server_flight_step {
    FLIGHT_HELLO = 0,
    FLIGHT_CERTIFICATE,
    FLIGHT_STATUS_OR_KEY_EXCHANGE,
    FLIGHT_KEY_EXCHANGE,
};

/* All zero, it may be released. */
struct server_flight {
    const struct client_hello *hello;        /* borrowed; NULL: only the opening is read */
    struct certificate_memory *certificates; /* borrowed; NULL: none is remembered */
    struct server_records records;
    enum server_flight_status status;
    enum server_flight_step step;
    bool has_retried;
    bool may_resume; /* a session that the client offered, as far as ServerHello says */
    uint32_t version;
    struct cipher_suite suite;
    uint8_t random[RANDOM_BYTES];
    struct certificate_chain *chain; /* owned */
};

/* `hello` is what the flight answers, and must outlive it together with its message. NULL: a
 * ServerHello is all that is asked for, unless it is a HelloRetryRequest. `certificates` outlives
 * it too; NULL where there is none. */
void server_flight_init(struct server_flight *flight, const struct client_hello *hello,
                        struct certificate_memory *certificates);

/* Judges all that the server has sent since the start of a record; the bytes that it had the last
 * time come first again, and are not looked at again. */
enum server_flight_status server_flight_read(struct server_flight *flight, struct reader bytes);

/* How many of the bytes were needed for what was said last; with SERVER_FLIGHT_RETRY and
 * SERVER_FLIGHT_ALERT they end where its record ends. */
size_t server_flight_size(const struct server_flight *flight);

/* After SERVER_FLIGHT_RETRY: reads on from what stands behind it, for the answer to the second
 * hello, which must differ from the first as RFC 8446 4.1.2 has it. */
void server_flight_restart(struct server_flight *flight);

/* The chain of SERVER_FLIGHT_PROVEN; of SERVER_FLIGHT_UNPROVEN what was shown, as far as it was
 * read. The caller owns it; NULL: there is none, or it was taken. */
struct certificate_chain *server_flight_take_chain(struct server_flight *flight);

/* Frees, and is all zero again. */
void server_flight_release(struct server_flight *flight);
