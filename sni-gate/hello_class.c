/* sni-gate/hello_class.c - what of a ClientHello a server chooses its certificate by. */
#include "sni-gate/hello_class.h"

#include "base/writer.h"
#include "sni-gate/cipher_suite.h"
#include "sni-gate/client_hello.h"
#include "sni-gate/tls_record.h"
#include "tls/server_signature.h"

enum { ALL_KEYS = HELLO_RSA | HELLO_ECDSA }; /* nothing behind them can add to it */

static uint8_t versions_of(const struct client_hello *hello)
{
    uint8_t versions = hello->offers_tls13 ? HELLO_TLS13 : 0;
    if (client_hello_offers_version(hello, VERSION_TLS12))
        versions |= HELLO_TLS12;
    for (uint32_t version = VERSION_TLS10; version < VERSION_TLS12; version++) {
        if (client_hello_offers_version(hello, version))
            versions |= HELLO_BEFORE_TLS12;
    }
    return versions;
}

static uint8_t keys_of_schemes(struct reader schemes)
{
    uint8_t keys = 0;
    while (reader_left(&schemes) > 0 && keys != ALL_KEYS)
        keys |= signature_scheme_keys(reader_uint(&schemes, 2));
    return keys;
}

static uint8_t keys_of_suites(struct reader suites)
{
    uint8_t keys = 0;
    while (reader_left(&suites) > 0 && keys != ALL_KEYS)
        keys |= cipher_suite_of(reader_uint(&suites, 2)).keys;
    return keys;
}

/* A server that goes no further than TLS 1.2 may be bound by the suites where one of TLS 1.3 is
 * not; the class has one set for both, the larger. */
static uint8_t keys_of(const struct client_hello *hello, uint8_t versions)
{
    uint8_t by_scheme = keys_of_schemes(hello->schemes);
    if ((versions & HELLO_TLS13) != 0 && reader_left(&hello->schemes) > 0)
        return by_scheme;
    uint8_t by_suite = keys_of_suites(hello->cipher_suites);
    bool has_schemes = (versions & HELLO_TLS12) != 0 && reader_left(&hello->schemes) > 0;
    return has_schemes ? by_scheme & by_suite : by_suite;
}

/* RFC 8701 2: two equal bytes, each with 0xa at its end. */
static bool is_grease(const struct reader *name)
{
    return reader_left(name) == 2 && name->at[0] == name->at[1] && (name->at[0] & 0x0f) == 0x0a;
}

static void add_alpn(struct hello_class *class, struct reader alpn)
{
    struct writer names = writer_over(class->alpn, sizeof(class->alpn));
    while (reader_left(&alpn) > 0 && !names.failed) {
        struct reader name = reader_vector(&alpn, 1);
        if (is_grease(&name))
            continue;
        uint8_t *to = writer_reserve(&names, 1 + reader_left(&name));
        if (to == NULL)
            break;
        store_uint(to, (uint32_t)reader_left(&name), 1);
        memcpy(to + 1, name.at, reader_left(&name));
    }
    class->alpn_size = (uint8_t)writer_size(&names);
}

struct hello_class hello_class_of(const struct client_hello *hello)
{
    struct hello_class class = { .versions = versions_of(hello) };
    class.keys = keys_of(hello, class.versions);
    add_alpn(&class, hello->alpn);
    return class;
}
