/* sni-gate/server_opening.h - what a server's first bytes are: above all, whether they ask for a
 * second ClientHello (HelloRetryRequest, RFC 8446 4.1.4), which may then name another server than
 * the first. Pure. */
#pragma once
#include "base/reader.h"

/* A HelloRetryRequest is larger only if its cookie is absurd. */
enum { SERVER_OPENING_MAX = 8 * 1024 };

/* Zero ends the connection. */
enum server_opening {
    SERVER_OPENING_MALFORMED = 0, /* a TLS server that can't be understood */
    SERVER_OPENING_INCOMPLETE,    /* look again with more */
    SERVER_OPENING_ANSWER,        /* no second hello can follow: a ServerHello, an alert, no TLS */
    SERVER_OPENING_RETRY,         /* a whole HelloRetryRequest */
};

/* Judges all that the server has sent so far since the ClientHello, from the start of a record. */
enum server_opening server_opening_judge(struct reader bytes);

/* How many of the bytes are whole records. */
size_t server_opening_whole_records(struct reader bytes);
