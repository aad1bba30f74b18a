/* sni-gate/client_hello.c - reads a ClientHello and the one host name in it. */
#include "sni-gate/client_hello.h"
#include "policy/host_name.h"
#include "sni-gate/tls_record.h"

enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SIGNATURE_ALGORITHMS = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_SESSION_TICKET = 35,
    EXTENSION_PRE_SHARED_KEY = 41,
    EXTENSION_ECH = 0xfe0d,
    NAME_TYPE_HOST = 0,
    PSK_AGE_BYTES = 4,
    PSK_BINDER_MIN = 32,
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

/* A list of values of two bytes each behind its length, which is all there is. */
static bool parse_list(struct reader extension, size_t length_width, struct reader *ret_list)
{
    struct reader list = reader_vector(&extension, length_width);
    if (!reader_done(&extension) || reader_left(&list) == 0 || reader_left(&list) % 2 != 0)
        return false;
    *ret_list = list;
    return true;
}

/* RFC 7301 3.1 */
static bool parse_alpn(struct reader extension, struct client_hello *hello)
{
    struct reader list = reader_vector(&extension, 2);
    if (!reader_done(&extension) || reader_left(&list) == 0)
        return false;
    hello->alpn = list;
    while (reader_left(&list) > 0) {
        struct reader name = reader_vector(&list, 1);
        if (reader_left(&name) == 0)
            return false;
    }
    return reader_done(&list);
}

/* RFC 8446 4.2.11: as many binders as identities. */
static bool parse_pre_shared_key(struct reader extension, struct client_hello *hello)
{
    struct reader identities = reader_vector(&extension, 2);
    struct reader binders = reader_vector(&extension, 2);
    if (!reader_done(&extension) || reader_left(&identities) == 0)
        return false;
    while (reader_left(&identities) > 0) {
        struct reader identity = reader_vector(&identities, 2);
        reader_take(&identities, PSK_AGE_BYTES);
        struct reader binder = reader_vector(&binders, 1);
        if (reader_left(&identity) == 0 || reader_left(&binder) < PSK_BINDER_MIN)
            return false;
    }
    hello->offers_psk = true;
    return reader_done(&identities) && reader_done(&binders);
}

static bool parse_extension(uint32_t type, struct reader extension, struct client_hello *hello)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        return parse_server_name(extension, hello);
    case EXTENSION_SIGNATURE_ALGORITHMS:
        return parse_list(extension, 2, &hello->schemes);
    case EXTENSION_ALPN:
        return parse_alpn(extension, hello);
    case EXTENSION_PRE_SHARED_KEY:
        return parse_pre_shared_key(extension, hello);
    case EXTENSION_SUPPORTED_VERSIONS:
        return parse_list(extension, 1, &hello->versions);
    case EXTENSION_SESSION_TICKET:
        hello->offers_ticket = reader_left(&extension) > 0;
        return true;
    case EXTENSION_ECH:
        hello->has_ech = true;
        return true;
    default:
        return true;
    }
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
        if (hello->offers_psk || !parse_extension(type, extension, hello)) /* 4.2.11: the last */
            return false;
    }
    hello->offers_tls13 = client_hello_list_holds(hello->versions, VERSION_TLS13);
    return reader_done(&extensions);
}

/* What stands before the extensions. */
static bool parse_legacy_fields(struct reader *body, struct client_hello *hello)
{
    hello->legacy_version = reader_uint(body, 2);
    hello->random = reader_take(body, RANDOM_BYTES);
    hello->session_id = reader_vector(body, 1);
    hello->cipher_suites = reader_vector(body, 2);
    struct reader compression_methods = reader_vector(body, 1);
    return !body->failed && hello->legacy_version >> 8 == RECORD_MAJOR_VERSION &&
           reader_left(&hello->session_id) <= SESSION_ID_MAX &&
           reader_left(&hello->cipher_suites) > 0 && reader_left(&hello->cipher_suites) % 2 == 0 &&
           reader_left(&compression_methods) > 0;
}

enum client_hello_status client_hello_parse(struct reader message, struct client_hello *ret_hello)
{
    struct client_hello hello = { 0 };
    uint32_t type = reader_uint(&message, 1);
    struct reader body = reader_vector(&message, 3);
    if (type != HANDSHAKE_CLIENT_HELLO || !reader_done(&message) ||
        !parse_legacy_fields(&body, &hello))
        return CLIENT_HELLO_MALFORMED;
    /* RFC 5246 7.4.1.2: no extensions at all is well-formed */
    if (reader_left(&body) > 0 && !parse_extensions(&body, &hello))
        return CLIENT_HELLO_MALFORMED;
    if (!reader_done(&body))
        return CLIENT_HELLO_MALFORMED;
    *ret_hello = hello;
    return CLIENT_HELLO_OK;
}

bool client_hello_list_holds(struct reader list, uint32_t value)
{
    while (reader_left(&list) > 0) {
        if (reader_uint(&list, 2) == value)
            return true;
    }
    return false;
}

bool client_hello_offers_version(const struct client_hello *hello, uint32_t version)
{
    if (reader_left(&hello->versions) > 0)
        return client_hello_list_holds(hello->versions, version);
    return version <= VERSION_TLS12 && version <= hello->legacy_version;
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
