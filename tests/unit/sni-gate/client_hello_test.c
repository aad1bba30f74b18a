/* tests/unit/sni-gate/client_hello_test.c - which hellos are read, which names are taken from them.
 */
#include "sni-gate/client_hello.h"

#include "client_hellos.h"
#include "policy/host_name.h"
#include "unit.h"

#define NAME(bytes) "\0\0\0\x08\0\6\0\0\3" bytes /* server_name with a name of three bytes */
#define BINDER      "0123456789abcdef0123456789abcdef"
/* pre_shared_key with one identity and its age, and one binder */
#define PSK                                                                                        \
    "\0\x29\0\x2c\0\7\0\1i"                                                                        \
    "1234"                                                                                         \
    "\0\x21\x20" BINDER

static const struct row {
    const char *name;
    const char *extensions;
    size_t extensions_size;
    enum client_hello_status expected;
    const char *server_name;
} rows[] = {
    { "one host name", BYTES(NAME("a.b")), CLIENT_HELLO_OK, "a.b" },
    { "no extensions at all", NULL, 0, CLIENT_HELLO_OK, NULL },
    { "an empty list of extensions", BYTES(""), CLIENT_HELLO_OK, NULL },
    { "other extensions only", BYTES("\0\x17\0\0\0\x23\0\1x"), CLIENT_HELLO_OK, NULL },
    { "a name behind other extensions", BYTES("\0\x17\0\0" NAME("a.b")), CLIENT_HELLO_OK, "a.b" },
    { "an empty server_name", BYTES("\0\0\0\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "an empty list of names", BYTES("\0\0\0\2\0\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "an empty host name", BYTES("\0\0\0\5\0\3\0\0\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "a name of another type", BYTES("\0\0\0\x08\0\6\1\0\3a.b"), CLIENT_HELLO_MALFORMED, NULL },
    { "two host names", BYTES("\0\0\0\x0a\0\x08\0\0\1a\0\0\1b"), CLIENT_HELLO_MALFORMED, NULL },
    { "a name of another type behind", BYTES("\0\0\0\x0a\0\x08\0\0\1a\1\0\1b"),
      CLIENT_HELLO_MALFORMED, NULL },
    { "name longer than its list",
      BYTES("\0\0\0\6\0\4\0\0\x09"
            "a"),
      CLIENT_HELLO_MALFORMED, NULL },
    { "name shorter than its list", BYTES("\0\0\0\x08\0\6\0\0\2a.b"), CLIENT_HELLO_MALFORMED,
      NULL },
    { "list shorter than its extension", BYTES("\0\0\0\x09\0\6\0\0\3a.bx"), CLIENT_HELLO_MALFORMED,
      NULL },
    { "server_name twice", BYTES(NAME("a.b") NAME("a.b")), CLIENT_HELLO_MALFORMED, NULL },
    { "another extension twice", BYTES("\xab\xcd\0\0" NAME("a.b") "\xab\xcd\0\0"),
      CLIENT_HELLO_MALFORMED, NULL },
    { "a byte behind the last extension", BYTES(NAME("a.b") "\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "extension longer than the list", BYTES("\0\x17\0\1"), CLIENT_HELLO_MALFORMED, NULL },
    { "empty supported_versions", BYTES("\0\x2b\0\1\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "odd supported_versions", BYTES("\0\x2b\0\4\3\3\4\3"), CLIENT_HELLO_MALFORMED, NULL },
    { "a byte behind supported_versions", BYTES("\0\x2b\0\4\2\3\4\0"), CLIENT_HELLO_MALFORMED,
      NULL },
    { "signature_algorithms", BYTES("\0\x0d\0\4\0\2\4\3"), CLIENT_HELLO_OK, NULL },
    { "empty signature_algorithms", BYTES("\0\x0d\0\2\0\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "odd signature_algorithms", BYTES("\0\x0d\0\5\0\3\4\3\4"), CLIENT_HELLO_MALFORMED, NULL },
    { "a byte behind signature_algorithms", BYTES("\0\x0d\0\5\0\2\4\3\4"), CLIENT_HELLO_MALFORMED,
      NULL },
    { "two protocols", BYTES("\0\x10\0\6\0\4\1a\1b"), CLIENT_HELLO_OK, NULL },
    { "no protocol", BYTES("\0\x10\0\2\0\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "an empty protocol", BYTES("\0\x10\0\5\0\3\1a\0"), CLIENT_HELLO_MALFORMED, NULL },
    { "a protocol past its list", BYTES("\0\x10\0\5\0\3\1a\1"), CLIENT_HELLO_MALFORMED, NULL },
    { "a byte behind the protocols", BYTES("\0\x10\0\5\0\2\1a\1"), CLIENT_HELLO_MALFORMED, NULL },
    { "a pre-shared key", BYTES(PSK), CLIENT_HELLO_OK, NULL },
    { "a pre-shared key that is not the last", BYTES(PSK "\0\x17\0\0"), CLIENT_HELLO_MALFORMED,
      NULL },
    { "a pre-shared key without identity", BYTES("\0\x29\0\x25\0\0\0\x21\x20" BINDER),
      CLIENT_HELLO_MALFORMED, NULL },
    { "an empty identity",
      BYTES("\0\x29\0\x2b\0\6\0\0"
            "1234"
            "\0\x21\x20" BINDER),
      CLIENT_HELLO_MALFORMED, NULL },
    { "an identity without its age",
      BYTES("\0\x29\0\x2a\0\5\0\1i"
            "12"
            "\0\x21\x20" BINDER),
      CLIENT_HELLO_MALFORMED, NULL },
    { "an identity without binder",
      BYTES("\0\x29\0\x0b\0\7\0\1i"
            "1234"
            "\0\0"),
      CLIENT_HELLO_MALFORMED, NULL },
    { "a short binder",
      BYTES("\0\x29\0\x0e\0\7\0\1i"
            "1234"
            "\0\3\2bb"),
      CLIENT_HELLO_MALFORMED, NULL },
    { "a binder without identity",
      BYTES("\0\x29\0\x4d\0\7\0\1i"
            "1234"
            "\0\x42\x20" BINDER "\x20" BINDER),
      CLIENT_HELLO_MALFORMED, NULL },
};

static size_t make_hello(const char *extensions, size_t extensions_size, uint8_t *ret_bytes,
                         size_t capacity)
{
    struct writer message = writer_over(ret_bytes, capacity);
    put_hello(&message, extensions, extensions_size);
    assert_false(message.failed);
    return writer_size(&message);
}

static void parses_as_expected(void **state)
{
    const struct row *row = *state;
    struct client_hello hello = { 0 };
    uint8_t bytes[512];
    size_t size = make_hello(row->extensions, row->extensions_size, bytes, sizeof(bytes));
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), row->expected);
    assert_int_equal(hello.has_server_name, row->server_name != NULL);
    if (row->server_name != NULL) {
        assert_int_equal(reader_left(&hello.server_name), strlen(row->server_name));
        assert_memory_equal(hello.server_name.at, row->server_name, strlen(row->server_name));
    }
    for (size_t cut = 0; cut < size; cut++) /* property: no prefix of any hello is ever accepted */
        assert_int_equal(client_hello_parse(reader_over(bytes, cut), &hello),
                         CLIENT_HELLO_MALFORMED);
}

/* A hello for "a.b" in which one byte is another. */
static const struct altered_row {
    const char *name;
    size_t at;
    uint8_t value;
} altered_rows[] = {
    { "message of another type", 0, 2 },
    { "message longer than its bytes", 3, 0xff },
    { "message shorter than its bytes", 3, 10 },
    { "major version 2", 4, 2 },
    { "session id past the end", 38, 0xff },
    { "no cipher suites", 44, 0 },
    { "odd cipher suites", 44, 3 },
    { "no compression method", 49, 0 },
    { "extensions shorter than the message", 52, 0 },
    { "extensions longer than the message", 52, 13 },
};

static void refuses_altered(void **state)
{
    const struct altered_row *row = *state;
    struct client_hello hello;
    uint8_t bytes[512];
    size_t size = make_hello(BYTES(NAME("a.b")), bytes, sizeof(bytes));
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_OK);
    assert_int_not_equal(bytes[row->at], row->value);
    bytes[row->at] = row->value;
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_MALFORMED);
}

static const struct flags_row {
    const char *name;
    const char *extensions;
    size_t extensions_size;
    bool offers_tls13, has_ech, offers_ticket, offers_psk;
} flags_rows[] = {
    { "TLS 1.3 among the versions", BYTES("\0\x2b\0\5\4\3\3\3\4"), .offers_tls13 = true },
    { "TLS 1.2 alone", BYTES("\0\x2b\0\3\2\3\3"), .offers_tls13 = false },
    { "no versions", BYTES("\0\x17\0\0"), .offers_tls13 = false },
    { "encrypted_client_hello", BYTES("\xfe\x0d\0\1\1"), .has_ech = true },
    { "a ticket", BYTES("\0\x23\0\1t"), .offers_ticket = true },
    { "no ticket yet", BYTES("\0\x23\0\0"), .offers_ticket = false },
    { "the offer of a pre-shared key", BYTES(PSK), .offers_psk = true },
};

static void reads_flags(void **state)
{
    const struct flags_row *row = *state;
    struct client_hello hello;
    uint8_t bytes[512];
    size_t size = make_hello(row->extensions, row->extensions_size, bytes, sizeof(bytes));
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_OK);
    assert_int_equal(hello.offers_tls13, row->offers_tls13);
    assert_int_equal(hello.has_ech, row->has_ech);
    assert_int_equal(hello.offers_ticket, row->offers_ticket);
    assert_int_equal(hello.offers_psk, row->offers_psk);
}

static void assert_bytes(const struct reader *reader, const char *bytes, size_t size)
{
    assert_int_equal(reader_left(reader), size);
    assert_memory_equal(reader->at, bytes, size);
}

static void reads_what_a_server_chooses_by(void **state)
{
    (void)state;
    static const char extensions[] = "\0\x0d\0\6\0\4\4\3\4\1\0\x10\0\5\0\3\2h2\0\x2b\0\3\2\3\4";
    struct client_hello hello;
    uint8_t bytes[512];
    size_t size = make_hello(BYTES(extensions), bytes, sizeof(bytes));
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_OK);
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_ptr_equal(hello.random, bytes + 6);
    assert_bytes(&hello.session_id, BYTES("sess"));
    assert_bytes(&hello.cipher_suites, BYTES("\x13\1\x13\2"));
    assert_bytes(&hello.schemes, BYTES("\4\3\4\1"));
    assert_bytes(&hello.alpn, BYTES("\2h2"));
    assert_bytes(&hello.versions, BYTES("\3\4"));
    assert_false(client_hello_offers_version(&hello, 0x0303));
    assert_true(client_hello_list_holds(hello.schemes, 0x0401));
    assert_false(client_hello_list_holds(hello.schemes, 0x0304)); /* across two of them */
}

/* RFC 8446 4.1.2: legacy_session_id<0..32>. */
static void session_id_has_32_bytes_at_most(void **state)
{
    (void)state;
    struct client_hello hello;
    for (uint32_t size = 30; size < 36; size++) {
        uint8_t bytes[256];
        struct writer message = writer_over(bytes, sizeof(bytes));
        writer_uint(&message, 1, 1);
        uint8_t *length = open_vector(&message, 3);
        writer_uint(&message, 0x0303, 2);
        memset(writer_reserve(&message, 32), 0, 32);
        writer_uint(&message, size, 1);
        memset(writer_reserve(&message, size), 0, size);
        writer_bytes(&message, "\0\2\x13\1\1\0", 6);
        close_vector(&message, length, 3);
        assert_int_equal(client_hello_parse(reader_over(bytes, writer_size(&message)), &hello),
                         size <= 32 ? CLIENT_HELLO_OK : CLIENT_HELLO_MALFORMED);
    }
}

/* As many extensions as 64 KiB hold, all different; then the last one's type once more. */
static void takes_many_extensions_and_finds_the_duplicate(void **state)
{
    (void)state;
    enum { MANY = 16000 };
    uint8_t *extensions = test_malloc(4 * MANY), *bytes = test_malloc(HELLO_TEST_MAX);
    struct writer list = writer_over(extensions, 4 * MANY);
    struct client_hello hello;
    for (uint32_t i = 0; i < MANY; i++)
        writer_uint(&list, (0x1000 + i) << 16, 4);
    size_t size = make_hello((char *)extensions, 4 * MANY, bytes, HELLO_TEST_MAX);
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_OK);
    store_uint(extensions, 0x1000 + MANY - 1, 2);
    size = make_hello((char *)extensions, 4 * MANY, bytes, HELLO_TEST_MAX);
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_MALFORMED);
    test_free(extensions);
    test_free(bytes);
}

static const struct name_row {
    const char *name;
    const char *bytes;
    size_t size;
    enum reason expected;
} name_rows[] = {
    { "a plain name", BYTES("api.example.com"), REASON_ALLOWED },
    { "upper case", BYTES("API.Example.COM"), REASON_ALLOWED },
    { "a final dot", BYTES("api.example.com."), REASON_BAD_SERVER_NAME },
    { "a dot alone", BYTES("."), REASON_BAD_SERVER_NAME },
    { "an empty label", BYTES("api..com"), REASON_BAD_SERVER_NAME },
    { "a NUL inside", BYTES("api.example.com\0.evil.test"), REASON_BAD_SERVER_NAME },
    { "a NUL at the end", BYTES("api.example.com\0"), REASON_BAD_SERVER_NAME },
    { "a space", BYTES("api example.com"), REASON_BAD_SERVER_NAME },
    { "a port", BYTES("api.example.com:443"), REASON_BAD_SERVER_NAME },
    { "a wildcard", BYTES("*.example.com"), REASON_BAD_SERVER_NAME },
    { "UTF-8",
      BYTES("b\xc3\xbc"
            "cher.example"),
      REASON_BAD_SERVER_NAME },
    { "a label of 64 bytes",
      BYTES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com"),
      REASON_BAD_SERVER_NAME },
    { "an IPv4 address", BYTES("192.0.2.1"), REASON_ADDRESS_AS_SERVER_NAME },
    { "an IPv4 address in short", BYTES("127.1"), REASON_ADDRESS_AS_SERVER_NAME },
};

static void judges_name(void **state)
{
    const struct name_row *row = *state;
    uint8_t extensions[512], bytes[1024];
    struct writer list = writer_over(extensions, sizeof(extensions));
    struct client_hello hello;
    struct host_name name;
    put_server_name(&list, row->bytes, row->size);
    size_t size = make_hello((char *)extensions, writer_size(&list), bytes, sizeof(bytes));
    assert_int_equal(client_hello_parse(reader_over(bytes, size), &hello), CLIENT_HELLO_OK);
    assert_string_equal(reason_word(client_hello_read_name(&hello, &name)),
                        reason_word(row->expected));
}

static void no_name_is_its_own_reason(void **state)
{
    (void)state;
    const struct client_hello hello = { 0 };
    struct host_name name;
    assert_int_equal(client_hello_read_name(&hello, &name), REASON_NO_SERVER_NAME);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, parses_as_expected);
    TESTS_ADD_TABLE(&tests, altered_rows, refuses_altered);
    TESTS_ADD_TABLE(&tests, flags_rows, reads_flags);
    TESTS_ADD_TABLE(&tests, name_rows, judges_name);
    tests_add_row(&tests, "what a server chooses by", NULL, reads_what_a_server_chooses_by);
    tests_add_row(&tests, "no server name", NULL, no_name_is_its_own_reason);
    tests_add_row(&tests, "session id of 32 bytes at most", NULL, session_id_has_32_bytes_at_most);
    tests_add_row(&tests, "16,000 extensions, one of them twice", NULL,
                  takes_many_extensions_and_finds_the_duplicate);
    return tests_run(&tests, "client_hello");
}
