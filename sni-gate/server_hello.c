/* sni-gate/server_hello.c - reads a ServerHello. */
#include "sni-gate/server_hello.h"
#include "sni-gate/tls_record.h"

#include <string.h>

/* RFC 8446 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static const uint8_t RETRY_RANDOM[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* RFC 8446 4.2.1: no version before TLS 1.3 stands in here. */
static bool parse_version(struct reader extension, struct server_hello *hello)
{
    bool is_first = hello->version == VERSION_TLS12;
    hello->version = reader_uint(&extension, 2);
    return is_first && hello->version == VERSION_TLS13 && reader_done(&extension);
}

static bool parse_extensions(struct reader *body, struct server_hello *hello)
{
    struct reader extensions = reader_vector(body, 2);
    while (reader_left(&extensions) > 0) {
        uint32_t type = reader_uint(&extensions, 2);
        struct reader extension = reader_vector(&extensions, 2);
        if (extensions.failed)
            return false;
        if (type == EXTENSION_SUPPORTED_VERSIONS && !parse_version(extension, hello))
            return false;
    }
    return reader_done(&extensions);
}

bool server_hello_parse(struct reader message, struct server_hello *ret_hello)
{
    uint32_t type = reader_uint(&message, 1);
    struct reader body = reader_vector(&message, 3);
    struct server_hello hello = { .version = reader_uint(&body, 2) };
    hello.random = reader_take(&body, RANDOM_BYTES);
    hello.session_id = reader_vector(&body, 1);
    hello.cipher_suite = reader_uint(&body, 2);
    reader_take(&body, 1); /* compression, which begins with the encryption */
    if (type != HANDSHAKE_SERVER_HELLO || body.failed || !reader_done(&message) ||
        hello.version >> 8 != RECORD_MAJOR_VERSION || hello.version > VERSION_TLS12 ||
        reader_left(&hello.session_id) > SESSION_ID_MAX)
        return false;
    if (reader_left(&body) > 0 && !parse_extensions(&body, &hello))
        return false;
    hello.is_retry = memcmp(hello.random, RETRY_RANDOM, RANDOM_BYTES) == 0;
    if (!reader_done(&body))
        return false;
    *ret_hello = hello;
    return true;
}
