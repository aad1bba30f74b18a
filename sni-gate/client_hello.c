/* sni-gate/client_hello.c - reads a ClientHello and the one host name in it. */
#include "sni-gate/client_hello.h"
#include "policy/host_name.h"

enum {
    HANDSHAKE_CLIENT_HELLO = 1,
    LEGACY_MAJOR_VERSION = 3,
    RANDOM_BYTES = 32,
    SESSION_ID_MAX = 32,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    EXTENSION_ECH = 0xfe0d,
    NAME_TYPE_HOST = 0,
    VERSION_TLS13 = 0x0304,
};

/* One bit for each extension type there can be. */
struct type_set {
    uint8_t bits[65536 / 8];
};

/* False if `type` is in the set already. */
static bool type_set_add(struct type_set *set, uint32_t type)
{
    uint8_t mask = (uint8_t)(1u << type % 8);
    if ((set->bits[type / 8] & mask) != 0)
        return false;
    set->bits[type / 8] |= mask;
    return true;
}

/* RFC 6066 3. Stricter than the RFC on purpose: one host_name and nothing after it, because a
 * second name could be read by the server and not by us. */
static bool parse_server_name(struct reader extension, struct client_hello *hello)
{
    struct reader list = reader_vector(&extension, 2);
    uint32_t type = reader_uint(&list, 1);
    struct reader name = reader_vector(&list, 2);
    if (type != NAME_TYPE_HOST || reader_left(&name) == 0 || !reader_done(&list) ||
        !reader_done(&extension))
        return false;
    hello->has_server_name = true;
    hello->server_name = name;
    return true;
}

/* RFC 8446 4.2.1 */
static bool parse_supported_versions(struct reader extension, struct client_hello *hello)
{
    struct reader versions = reader_vector(&extension, 1);
    if (!reader_done(&extension) || reader_left(&versions) == 0)
        return false;
    while (reader_left(&versions) > 0)
        hello->offers_tls13 |= reader_uint(&versions, 2) == VERSION_TLS13;
    return reader_done(&versions);
}

static bool parse_extension(uint32_t type, struct reader extension, struct client_hello *hello)
{
    if (type == EXTENSION_SERVER_NAME)
        return parse_server_name(extension, hello);
    if (type == EXTENSION_SUPPORTED_VERSIONS)
        return parse_supported_versions(extension, hello);
    hello->has_ech |= type == EXTENSION_ECH;
    return true;
}

static bool parse_extensions(struct reader *body, struct client_hello *hello)
{
    struct type_set seen = { { 0 } };
    struct reader extensions = reader_vector(body, 2);
    while (reader_left(&extensions) > 0) {
        uint32_t type = reader_uint(&extensions, 2);
        struct reader extension = reader_vector(&extensions, 2);
        if (extensions.failed || !type_set_add(&seen, type)) /* RFC 8446 4.2: no type twice */
            return false;
        if (!parse_extension(type, extension, hello))
            return false;
    }
    return reader_done(&extensions);
}

/* What stands before the extensions. */
static bool parse_legacy_fields(struct reader *body)
{
    uint32_t major = reader_uint(body, 1);
    reader_take(body, 1 + RANDOM_BYTES);
    struct reader session_id = reader_vector(body, 1);
    struct reader cipher_suites = reader_vector(body, 2);
    struct reader compression_methods = reader_vector(body, 1);
    return !body->failed && major == LEGACY_MAJOR_VERSION &&
           reader_left(&session_id) <= SESSION_ID_MAX && reader_left(&cipher_suites) > 0 &&
           reader_left(&cipher_suites) % 2 == 0 && reader_left(&compression_methods) > 0;
}

enum client_hello_status client_hello_parse(struct reader message, struct client_hello *ret_hello)
{
    struct client_hello hello = { 0 };
    uint32_t type = reader_uint(&message, 1);
    struct reader body = reader_vector(&message, 3);
    if (type != HANDSHAKE_CLIENT_HELLO || !reader_done(&message) || !parse_legacy_fields(&body))
        return CLIENT_HELLO_MALFORMED;
    /* RFC 5246 7.4.1.2: no extensions at all is well-formed */
    if (reader_left(&body) > 0 && !parse_extensions(&body, &hello))
        return CLIENT_HELLO_MALFORMED;
    if (!reader_done(&body))
        return CLIENT_HELLO_MALFORMED;
    *ret_hello = hello;
    return CLIENT_HELLO_OK;
}

enum reason client_hello_read_name(const struct client_hello *hello, struct host_name *ret_name)
{
    if (!hello->has_server_name)
        return REASON_NO_SERVER_NAME;
    switch (host_name_parse((const char *)hello->server_name.at, reader_left(&hello->server_name),
                            ret_name)) {
    case HOST_NAME_OK:
        return REASON_ALLOWED;
    case HOST_NAME_IS_ADDRESS:
        return REASON_ADDRESS_AS_SERVER_NAME;
    case HOST_NAME_EMPTY:
    case HOST_NAME_TOO_LONG:
    case HOST_NAME_LABEL_TOO_LONG:
    case HOST_NAME_EMPTY_LABEL:
    case HOST_NAME_BAD_BYTE:
    case HOST_NAME_NOT_ASCII:
    case HOST_NAME_BAD_HYPHEN:
        break;
    }
    return REASON_BAD_SERVER_NAME;
}
