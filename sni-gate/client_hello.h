/* sni-gate/client_hello.h - reads a ClientHello (RFC 8446 4.1.2) and the one host name in it.
 * Pure. The server reads the very same bytes, so whatever could be read in two ways is refused. */
#pragma once
#include "base/reader.h"
#include "policy/verdict.h"

struct host_name;

enum client_hello_status { CLIENT_HELLO_MALFORMED = 0, CLIENT_HELLO_OK };

struct client_hello {
    bool has_server_name;
    struct reader server_name; /* the bytes as sent, at least one; borrows from the message */
    bool offers_tls13;         /* supported_versions holds 0x0304 (RFC 8446 4.2.1) */
    bool has_ech;              /* encrypted_client_hello; the outer name is what we read */
};

/* Reads one whole handshake message. `*ret_hello` is set on CLIENT_HELLO_OK alone. */
enum client_hello_status client_hello_parse(struct reader message, struct client_hello *ret_hello);

/* Judges the server name. REASON_ALLOWED sets `*ret_name`, and means no more than that a name was
 * read; otherwise why no rule can allow this hello. */
enum reason client_hello_read_name(const struct client_hello *hello, struct host_name *ret_name);
