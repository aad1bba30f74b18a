/* tests/unit/sni-gate/hello_class_test.c - what of a ClientHello makes its class, and what the
 * cipher suites in it are. */
#include "sni-gate/hello_class.h"

#include "client_hellos.h"
#include "sni-gate/cipher_suite.h"
#include "sni-gate/client_hello.h"
#include "unit.h"

#include <openssl/ssl.h>

#define BOTH_SUITES "\x13\1\xc0\x2b\xc0\x2f" /* TLS 1.3, ECDHE_ECDSA, ECDHE_RSA */
#define ECDSA_SUITE "\xc0\x2b\0\xff"
#define RSA_SUITES  "\xc0\x2f\0\x9e\0\x2f"
#define NO_SUITES   "\x0a\x0a\0\x34\0\x8c" /* GREASE, anonymous, with a shared key */
#define VERSIONS_13 "\0\x2b\0\7\6\x0a\x0a\3\4\3\3"
#define RSA_SCHEMES "\0\x0d\0\6\0\4\4\1\x08\4"
#define ALL_SCHEMES "\0\x0d\0\6\0\4\4\3\4\1"

enum { UP_TO_TLS12 = HELLO_BEFORE_TLS12 | HELLO_TLS12, BOTH = HELLO_RSA | HELLO_ECDSA };
enum { TLS12_AND_13 = HELLO_TLS12 | HELLO_TLS13 };

static const struct row {
    const char *name;
    struct hello_parts parts;
    uint8_t versions, keys;
} rows[] = {
    { "before TLS 1.2", { 0x0302, BYTES(BOTH_SUITES), BYTES("") }, HELLO_BEFORE_TLS12, BOTH },
    { "TLS 1.2 without extensions", { 0x0303, BYTES(BOTH_SUITES), NULL, 0 }, UP_TO_TLS12, BOTH },
    { "SSL 3", { 0x0300, BYTES(BOTH_SUITES), BYTES("") }, 0, BOTH },
    { "a version that is not there yet",
      { 0x0309, BYTES(BOTH_SUITES), BYTES("") },
      UP_TO_TLS12,
      BOTH },
    { "TLS 1.2 and 1.3",
      { 0x0303, BYTES(BOTH_SUITES), BYTES(VERSIONS_13 ALL_SCHEMES) },
      TLS12_AND_13,
      BOTH },
    { "TLS 1.3 alone",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x2b\0\3\2\3\4" ALL_SCHEMES) },
      HELLO_TLS13,
      BOTH },
    { "a list of versions without TLS 1.3",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x2b\0\5\4\3\3\3\1" ALL_SCHEMES) },
      UP_TO_TLS12,
      BOTH },
    { "unknown versions alone",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x2b\0\3\2\x1a\x1a" ALL_SCHEMES) },
      0,
      BOTH },
    { "schemes with RSA alone",
      { 0x0303, BYTES(BOTH_SUITES), BYTES(RSA_SCHEMES) },
      UP_TO_TLS12,
      HELLO_RSA },
    { "suites with ECDSA alone",
      { 0x0303, BYTES(ECDSA_SUITE), BYTES(ALL_SCHEMES) },
      UP_TO_TLS12,
      HELLO_ECDSA },
    { "suites with RSA alone, one of them without a signature",
      { 0x0303, BYTES(RSA_SUITES), BYTES(ALL_SCHEMES) },
      UP_TO_TLS12,
      HELLO_RSA },
    { "schemes and suites that do not meet",
      { 0x0303, BYTES(ECDSA_SUITE), BYTES(RSA_SCHEMES) },
      UP_TO_TLS12,
      0 },
    { "with TLS 1.3, suites bind nobody",
      { 0x0303, BYTES(ECDSA_SUITE), BYTES(VERSIONS_13 ALL_SCHEMES) },
      TLS12_AND_13,
      BOTH },
    { "TLS 1.3 without schemes",
      { 0x0303, BYTES(ECDSA_SUITE), BYTES(VERSIONS_13) },
      TLS12_AND_13,
      HELLO_ECDSA },
    { "before TLS 1.2 nobody reads schemes",
      { 0x0302, BYTES(BOTH_SUITES), BYTES(RSA_SCHEMES) },
      HELLO_BEFORE_TLS12,
      BOTH },
    { "suites without certificates", { 0x0303, BYTES(NO_SUITES), BYTES("") }, UP_TO_TLS12, 0 },
    { "rsa_pss_pss",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x0d\0\4\0\2\x08\x09") },
      UP_TO_TLS12,
      HELLO_RSA },
    { "RSA with SHA-1",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x0d\0\4\0\2\2\1") },
      UP_TO_TLS12,
      HELLO_RSA },
    { "Ed25519",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x0d\0\4\0\2\x08\7") },
      UP_TO_TLS12,
      HELLO_ECDSA },
    { "DSA and what nobody knows",
      { 0x0303, BYTES(BOTH_SUITES), BYTES("\0\x0d\0\6\0\4\4\2\x2a\x2a") },
      UP_TO_TLS12,
      0 },
};

static struct hello_class class_of(const struct hello_parts *parts)
{
    uint8_t bytes[1024];
    struct writer message = writer_over(bytes, sizeof(bytes));
    struct client_hello hello;
    put_hello_of(&message, parts);
    assert_false(message.failed);
    assert_int_equal(client_hello_parse(reader_over(bytes, writer_size(&message)), &hello),
                     CLIENT_HELLO_OK);
    return hello_class_of(&hello);
}

static void classes(void **state)
{
    const struct row *row = *state;
    struct hello_class class = class_of(&row->parts);
    assert_int_equal(class.versions, row->versions);
    assert_int_equal(class.keys, row->keys);
}

#define SIXTY                                                                                      \
    "\x3b"                                                                                         \
    "12345678901234567890123456789012345678901234567890123456789"

static const struct alpn_row {
    const char *name;
    const char *offered;
    size_t offered_size;
    const char *kept;
    size_t kept_size;
} alpn_rows[] = {
    { "none", BYTES(""), BYTES("") },
    { "two in their order", BYTES("\2h2\x08http/1.1"), BYTES("\2h2\x08http/1.1") },
    { "GREASE", BYTES("\2\x0a\x0a\2h2\2\xfa\xfa"), BYTES("\2h2") },
    { "what only looks like GREASE", BYTES("\2\x0a\x1a\3\x0a\x0a\x0a\2\x0b\x0b"),
      BYTES("\2\x0a\x1a\3\x0a\x0a\x0a\2\x0b\x0b") },
    { "as many as fit to the byte",
      BYTES("\0013"
            "\x3a"
            "1234567890123456789012345678901234567890123456789012345678"),
      BYTES("\0013"
            "\x3a"
            "1234567890123456789012345678901234567890123456789012345678") },
    { "one that does not fit, and those behind", BYTES("\2h2" SIXTY "\1a"), BYTES("\2h2") },
};

static void keeps_protocols(void **state)
{
    const struct alpn_row *row = *state;
    uint8_t extensions[512];
    struct writer extension = writer_over(extensions, sizeof(extensions));
    if (row->offered_size > 0) {
        writer_uint(&extension, 16, 2);
        writer_uint(&extension, (uint32_t)row->offered_size + 2, 2);
        writer_uint(&extension, (uint32_t)row->offered_size, 2);
        writer_bytes(&extension, row->offered, row->offered_size);
    }
    const struct hello_parts parts = { 0x0303, BYTES(BOTH_SUITES), extensions,
                                       writer_size(&extension) };
    struct hello_class class = class_of(&parts);
    struct hello_class expected = { UP_TO_TLS12, BOTH, (uint8_t)row->kept_size, { 0 } };
    memcpy(expected.alpn, row->kept, row->kept_size);
    assert_memory_equal(&class, &expected, sizeof(class));
}

/* What OpenSSL has of a suite, in our words. */
static struct cipher_suite suite_of_openssl(const SSL_CIPHER *cipher)
{
    int exchange = SSL_CIPHER_get_kx_nid(cipher), proof = SSL_CIPHER_get_auth_nid(cipher);
    uint8_t keys = proof == NID_auth_rsa ? HELLO_RSA : HELLO_ECDSA;
    if (proof == NID_auth_null || proof == NID_auth_psk || exchange == NID_kx_psk ||
        (exchange == NID_kx_srp && proof == NID_auth_srp))
        return (struct cipher_suite){ SUITE_NO_CERTIFICATE, 0 };
    if (proof != NID_auth_rsa && proof != NID_auth_ecdsa)
        return (struct cipher_suite){ SUITE_UNPROVEN, 0 };
    if (exchange == NID_kx_rsa)
        return (struct cipher_suite){ SUITE_STATIC, keys };
    if (exchange == NID_kx_dhe || exchange == NID_kx_ecdhe)
        return (struct cipher_suite){ exchange == NID_kx_dhe ? SUITE_DHE : SUITE_ECDHE, keys };
    return (struct cipher_suite){ SUITE_UNPROVEN, 0 };
}

static void agrees_with_openssl(void **state)
{
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_set_cipher_list(context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), 1);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    assert_true(sk_SSL_CIPHER_num(ciphers) > 100);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        struct cipher_suite expected = suite_of_openssl(cipher);
        struct cipher_suite suite = cipher_suite_of(SSL_CIPHER_get_protocol_id(cipher));
        if (suite.proof != expected.proof || suite.keys != expected.keys)
            fail_msg("%s: %d %d, expected %d %d", SSL_CIPHER_get_name(cipher), (int)suite.proof,
                     suite.keys, (int)expected.proof, expected.keys);
    }
    SSL_CTX_free(context);
}

static const struct suite_row {
    const char *name;
    uint32_t number;
    enum suite_proof proof;
} suite_rows[] = {
    { "none at all", 0x0000, SUITE_UNPROVEN },
    { "the first", 0x0001, SUITE_STATIC },
    { "the last", 0xd005, SUITE_NO_CERTIFICATE },
    { "one past the last", 0xd006, SUITE_UNPROVEN },
    { "fixed DH", 0x0031, SUITE_STATIC },
    { "fixed ECDH", 0xc02d, SUITE_STATIC },
    { "Kerberos", 0x001e, SUITE_NO_CERTIFICATE },
    { "DSS", 0x0032, SUITE_UNPROVEN },
    { "a shared key with RSA", 0x0092, SUITE_UNPROVEN },
    { "the renegotiation signal", 0x00ff, SUITE_UNPROVEN },
    { "TLS 1.3", 0x1301, SUITE_UNPROVEN },
    { "GREASE", 0xcaca, SUITE_UNPROVEN },
    { "ChaCha20", 0xcca8, SUITE_ECDHE },
    { "a hole", 0xd004, SUITE_UNPROVEN },
};

static void knows_suite(void **state)
{
    const struct suite_row *row = *state;
    assert_int_equal(cipher_suite_of(row->number).proof, row->proof);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, classes);
    TESTS_ADD_TABLE(&tests, alpn_rows, keeps_protocols);
    TESTS_ADD_TABLE(&tests, suite_rows, knows_suite);
    tests_add_row(&tests, "suites as OpenSSL has them", NULL, agrees_with_openssl);
    return tests_run(&tests, "hello_class");
}
