/* sni-gate/client_hello.h - reads a ClientHello (RFC 8446 4.1.2) and the one host name in it.
 * Pure. The server reads the very same bytes, so whatever could be read in two ways is refused. */
#pragma once
#include "base/reader.h"
#include "policy/verdict.h"

struct host_name;

enum client_hello_status { CLIENT_HELLO_MALFORMED = 0, CLIENT_HELLO_OK };

/* All readers borrow from the message. Lists of values of two bytes each hold whole values. */
struct client_hello {
    bool has_server_name;
    struct reader server_name; /* the bytes as sent, at least one */
    bool offers_tls13;         /* supported_versions holds 0x0304 (RFC 8446 4.2.1) */
    bool has_ech;              /* encrypted_client_hello; the outer name is what we read */
    uint32_t legacy_version;   /* the highest that it offers where there is no list of versions */
    const uint8_t *random;     /* RANDOM_BYTES */
    struct reader session_id;  /* legacy_session_id; it may be empty */
    struct reader cipher_suites;
    struct reader versions; /* supported_versions; empty: without it */
    struct reader schemes;  /* signature_algorithms (RFC 8446 4.2.3); empty: without it */
    struct reader alpn; /* protocol names (RFC 7301 3.1), each behind its length; may be empty */
    bool offers_ticket; /* session_ticket with a ticket in it (RFC 5077 3.2) */
    bool offers_psk;    /* pre_shared_key (RFC 8446 4.2.11) */
};

/* Reads one whole handshake message. `*ret_hello` is set on CLIENT_HELLO_OK alone. */
enum client_hello_status client_hello_parse(struct reader message, struct client_hello *ret_hello);

/* Does one of these lists of values of two bytes each hold this one? */
bool client_hello_list_holds(struct reader list, uint32_t value);

/* May a server answer with this version of TLS, one before 1.3? */
bool client_hello_offers_version(const struct client_hello *hello, uint32_t version);

/* Judges the server name. REASON_ALLOWED sets `*ret_name`, and means no more than that a name was
 * read; otherwise why no rule can allow this hello. */
enum reason client_hello_read_name(const struct client_hello *hello, struct host_name *ret_name);
