/* sni-gate/server_records.h - the messages in a server's first TLS records, put together as bytes
 * arrive, split anyhow. Pure but for memory, which follows what arrived, up to the limit. Strict
 * where two readers could differ: no empty record, nothing between the parts of a message, alerts
 * and changes of cipher alone in their records (RFC 8446 5, 5.1). */
#pragma once
#include "base/reader.h"
#include "sni-gate/tls_record.h"

enum { RECORD_SHORT_MAX = 2 };

/* Zero ends it; so does each before SERVER_RECORDS_INCOMPLETE. */
enum server_records_event {
    SERVER_RECORDS_MALFORMED = 0, /* or larger than the limit */
    SERVER_RECORDS_NOT_TLS,       /* no record that can be read here, or not the expected type */
    SERVER_RECORDS_OUT_OF_MEMORY,
    SERVER_RECORDS_INCOMPLETE, /* go on with more bytes */
    SERVER_RECORDS_MESSAGE,    /* a whole one of the handshake */
    SERVER_RECORDS_ALERT,      /* `small` has level and description (RFC 8446 6) */
    SERVER_RECORDS_CHANGE_CIPHER_SPEC,
};

/* All zero but for `limit` and `expected` at the start of a record. */
struct server_records {
    size_t limit;     /* bytes: a message may have, and the records before the next one */
    size_t read_size; /* bytes so far */
    uint8_t expected; /* type of the next message; 0: any */
    uint8_t header[RECORD_HEADER_BYTES];
    size_t header_size; /* of the next record's header so far */
    size_t body_left;   /* of the record that is being read */
    uint8_t small[RECORD_SHORT_MAX];
    uint8_t *message; /* owned: the message that is being read, with its header */
    size_t message_size, message_capacity;
    bool is_taken; /* the message was whole, and the next begins with the next byte */
};

/* Reads on to the next event. What was read once is not looked at again, so the cost is linear in
 * the bytes however they are split. */
enum server_records_event server_records_next(struct server_records *records, struct reader *bytes);

/* The message of SERVER_RECORDS_MESSAGE, with its header; borrows from the records until the next
 * call. */
struct reader server_records_message(const struct server_records *records);

/* Is nothing behind it in its record? */
bool server_records_at_boundary(const struct server_records *records);

/* Frees, and is all zero again. */
void server_records_release(struct server_records *records);
