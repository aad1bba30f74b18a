/* tests/unit/sni-gate/server_flight_test.c - what a server's first bytes are, however they are cut:
 * openings and what is against the rules. */
#include "sni-gate/server_flight.h"

#include "client_hellos.h"
#include "sni-gate/client_hello.h"
#include "unit.h"

#define RETRY_RANDOM                                                                               \
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                             \
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define OTHER_RANDOM "0123456789abcdef0123456789abcdef"
#define CHANGE       "\x14\3\3\0\1\1"
#define WARNING      "\x15\3\3\0\2\1\x70"
/* 42 bytes of handshake: header, version, random, session id, suite, compression */
#define HELLO(random)      "\2\0\0\x26\3\3" random "\0\x13\1\0"
#define RECORD(hello)      "\x16\3\3\0\x2a" hello
#define OLD_HELLO(suite)   "\2\0\0\x26\3\3" OTHER_RANDOM "\0" suite "\0"
#define OLD(suite)         RECORD(OLD_HELLO(suite))
#define ECHOING(id, suite) "\x16\3\3\0\x2e\2\0\0\x2a\3\3" OTHER_RANDOM "\4" id suite "\0"
#define NEWER(random, version)                                                                     \
    "\x16\3\3\0\x32\2\0\0\x2e\3\3" random "\0\x13\1\0\0\6\0\x2b\0\2" version
#define MESSAGE(type) "\x16\3\3\0\4" type "\0\0\0"

/* RSA, ECDHE_RSA, ECDHE_ECDSA, anonymous, with a shared key, of TLS 1.3 */
#define SUITES "\0\x2f\xc0\x2f\xc0\x2b\0\x34\0\x8c\x13\1"

static const struct row {
    const char *name;
    const char *bytes;
    size_t size;
    size_t decided_after; /* bytes; before them it is incomplete */
    enum server_flight_status expected;
} opening_rows[] = {
    { "ServerHello", BYTES(RECORD(HELLO(OTHER_RANDOM))), 47, SERVER_FLIGHT_HELLO },
    { "ServerHello in one record with more", BYTES("\x16\3\3\0\x2b" HELLO(OTHER_RANDOM) "\x0b"), 47,
      SERVER_FLIGHT_HELLO },
    { "HelloRetryRequest", BYTES(RECORD(HELLO(RETRY_RANDOM))), 47, SERVER_FLIGHT_RETRY },
    { "HelloRetryRequest and change cipher spec", BYTES(RECORD(HELLO(RETRY_RANDOM)) CHANGE), 47,
      SERVER_FLIGHT_RETRY },
    { "change cipher spec, then ServerHello", BYTES(CHANGE RECORD(HELLO(OTHER_RANDOM))), 53,
      SERVER_FLIGHT_HELLO },
    { "HelloRetryRequest in two records",
      BYTES("\x16\3\3\0\6\2\0\0\x26\3\3\x16\3\3\0\x24" RETRY_RANDOM "\0\x13\1\0"), 52,
      SERVER_FLIGHT_RETRY },
    { "a message header in four records",
      BYTES("\x16\3\3\0\1\2\x16\3\3\0\1\0\x16\3\3\0\1\0\x16\3\3\0\1\x26\x16\3\3\0\x26\3\3"
            OTHER_RANDOM "\0\x13\1\0"), 67, SERVER_FLIGHT_HELLO },
    { "more handshake behind a HelloRetryRequest", BYTES("\x16\3\3\0\x2b" HELLO(RETRY_RANDOM) "z"),
      47, SERVER_FLIGHT_MALFORMED },
    { "a fatal alert", BYTES("\x15\3\3\0\2\2\x28"), 7, SERVER_FLIGHT_ALERT },
    { "close_notify", BYTES("\x15\3\3\0\2\1\0"), 7, SERVER_FLIGHT_ALERT },
    { "a warning, then ServerHello", BYTES(WARNING RECORD(HELLO(OTHER_RANDOM))), 54,
      SERVER_FLIGHT_HELLO },
    { "an alert of no level", BYTES("\x15\3\3\0\2\3\x28"), 7, SERVER_FLIGHT_MALFORMED },
    { "half an alert", BYTES("\x15\3\3\0\1\2"), 5, SERVER_FLIGHT_MALFORMED },
    { "two alerts in one record", BYTES("\x15\3\3\0\4\2\x28\2\x28"), 5, SERVER_FLIGHT_MALFORMED },
    { "plain HTTP", BYTES("HTTP/1.1 400"), 1, SERVER_FLIGHT_NOT_TLS },
    { "application data", BYTES("\x17\3\3\0\1a"), 1, SERVER_FLIGHT_NOT_TLS },
    { "another protocol's 22", BYTES("\x16\1\1\0\2"), 2, SERVER_FLIGHT_NOT_TLS },
    { "an echoed ClientHello", BYTES("\x16\3\1\0\5\1\0\0\1x"), 6, SERVER_FLIGHT_NOT_TLS },
    { "a message of no type, too large", BYTES("\x16\3\1\0\5\1\xff\xff\xffx"), 6, SERVER_FLIGHT_NOT_TLS },
    { "an empty record", BYTES("\x16\3\3\0\0"), 5, SERVER_FLIGHT_MALFORMED },
    { "a record too large", BYTES("\x16\3\3\x40\1"), 5, SERVER_FLIGHT_MALFORMED },
    { "a ServerHello too large", BYTES("\x16\3\3\0\x05\2\0\x1f\xfd\3"), 9, SERVER_FLIGHT_MALFORMED },
    { "a record between the parts of a message", BYTES("\x16\3\3\0\1\2" CHANGE), 11,
      SERVER_FLIGHT_MALFORMED },
    { "an alert between the parts of a message", BYTES("\x16\3\3\0\1\2\x15\3\3\0\2\2\x28"), 11,
      SERVER_FLIGHT_MALFORMED },
    { "another change of cipher", BYTES("\x14\3\3\0\1\2"), 6, SERVER_FLIGHT_MALFORMED },
    { "a long change of cipher", BYTES("\x14\3\3\0\2\1\1"), 5, SERVER_FLIGHT_MALFORMED },
}, offered_rows[] = {
    { "TLS 1.3", BYTES(NEWER(OTHER_RANDOM, "\3\4")), 55, SERVER_FLIGHT_TLS13 },
    { "a HelloRetryRequest of TLS 1.3", BYTES(NEWER(RETRY_RANDOM, "\3\4")), 55,
      SERVER_FLIGHT_RETRY },
    { "a HelloRetryRequest of TLS 1.2", BYTES(RECORD(HELLO(RETRY_RANDOM))), 47,
      SERVER_FLIGHT_MALFORMED },
    { "a draft of TLS 1.3", BYTES(NEWER(OTHER_RANDOM, "\x7f\x1c")), 55, SERVER_FLIGHT_MALFORMED },
    { "TLS 1.2 in supported_versions", BYTES(NEWER(OTHER_RANDOM, "\3\3")), 55,
      SERVER_FLIGHT_MALFORMED },
    { "TLS 1.3 in legacy_version", BYTES("\x16\3\3\0\x2a\2\0\0\x26\3\4" OTHER_RANDOM "\0\x13\1\0"),
      47, SERVER_FLIGHT_MALFORMED },
    { "supported_versions twice",
      BYTES("\x16\3\3\0\x38\2\0\0\x34\3\3" OTHER_RANDOM "\0\x13\1\0\0\x0c\0\x2b\0\2\3\4\0\x2b\0\2\3\4"),
      61, SERVER_FLIGHT_MALFORMED },
    { "an extension past the message",
      BYTES("\x16\3\3\0\x30\2\0\0\x2c\3\3" OTHER_RANDOM "\0\xc0\x2f\0\0\4\0\x17\0\1"), 53,
      SERVER_FLIGHT_MALFORMED },
    { "a byte behind the extensions",
      BYTES("\x16\3\3\0\x2d\2\0\0\x29\3\3" OTHER_RANDOM "\0\xc0\x2f\0\0\0x"), 50,
      SERVER_FLIGHT_MALFORMED },
    { "a session id too long",
      BYTES("\x16\3\3\0\x4b\2\0\0\x47\3\3" OTHER_RANDOM "\x21" OTHER_RANDOM "s\xc0\x2f\0"), 80,
      SERVER_FLIGHT_MALFORMED },
    { "a suite that nobody offered", BYTES(OLD("\xc0\x30")), 47, SERVER_FLIGHT_MALFORMED },
    { "a version that nobody offered",
      BYTES("\x16\3\3\0\x2a\2\0\0\x26\3\1" OTHER_RANDOM "\0\xc0\x2f\0"), 47,
      SERVER_FLIGHT_MALFORMED },
    { "SSL 3", BYTES("\x16\3\3\0\x2a\2\0\0\x26\3\0" OTHER_RANDOM "\0\xc0\x2f\0"), 47,
      SERVER_FLIGHT_MALFORMED },
    { "an anonymous suite", BYTES(OLD("\0\x34")), 47, SERVER_FLIGHT_NO_CERTIFICATE },
    { "a suite with a shared key", BYTES(OLD("\0\x8c")), 47, SERVER_FLIGHT_NO_CERTIFICATE },
    { "an empty list of certificates", BYTES(OLD("\xc0\x2f") "\x16\3\3\0\7\x0b\0\0\3\0\0\0"), 59,
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "a list of certificates past its message",
      BYTES(OLD("\xc0\x2f") "\x16\3\3\0\7\x0b\0\0\3\0\0\1"), 59, SERVER_FLIGHT_MALFORMED },
    { "a byte behind the certificates", BYTES(OLD("\xc0\x2f") "\x16\3\3\0\x8\x0b\0\0\4\0\0\0x"), 60,
      SERVER_FLIGHT_MALFORMED },
    { "a certificate that is none",
      BYTES(OLD("\xc0\x2f") "\x16\3\3\0\x0b\x0b\0\0\7\0\0\4\0\0\1x"), 63, SERVER_FLIGHT_MALFORMED },
    { "a message too large", BYTES(OLD("\xc0\x2f") "\x16\3\3\0\4\x0b\1\xff\xfd"), 56,
      SERVER_FLIGHT_MALFORMED },
    { "no certificate, but ServerHelloDone", BYTES(OLD("\xc0\x2f") MESSAGE("\x0e")), 56,
      SERVER_FLIGHT_MALFORMED },
    { "no certificate, but ServerKeyExchange", BYTES(OLD("\xc0\x2f") MESSAGE("\x0c")), 56,
      SERVER_FLIGHT_MALFORMED },
    { "a second ServerHello", BYTES(OLD("\xc0\x2f") OLD("\xc0\x2f")), 94, SERVER_FLIGHT_MALFORMED },
    { "an alert behind ServerHello", BYTES(OLD("\xc0\x2f") "\x15\3\3\0\2\2\x28"), 54,
      SERVER_FLIGHT_UNPROVEN },
    { "no TLS behind ServerHello", BYTES(OLD("\xc0\x2f") "x"), 48, SERVER_FLIGHT_MALFORMED },
    { "a session of before", BYTES(ECHOING("sess", "\xc0\x2f") CHANGE), 57, SERVER_FLIGHT_RESUMED },
    { "a session of before with a new ticket",
      BYTES(ECHOING("sess", "\xc0\x2f") MESSAGE("\4") CHANGE), 60, SERVER_FLIGHT_RESUMED },
    { "a session of before without a certificate", BYTES(ECHOING("sess", "\0\x34") CHANGE), 51,
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "a session that nobody offered", BYTES(ECHOING("mine", "\xc0\x2f") CHANGE), 57,
      SERVER_FLIGHT_MALFORMED },
    { "a ticket for a session that nobody offered", BYTES(ECHOING("mine", "\xc0\x2f") MESSAGE("\4")),
      60, SERVER_FLIGHT_MALFORMED },
    { "encryption without a session id", BYTES(OLD("\xc0\x2f") CHANGE), 53,
      SERVER_FLIGHT_MALFORMED },
}, ticket_rows[] = {
    { "a session by its ticket, without id", BYTES(OLD("\xc0\x2f") CHANGE), 53,
      SERVER_FLIGHT_RESUMED },
    { "a session by its ticket, with a new one", BYTES(OLD("\xc0\x2f") MESSAGE("\4")), 56,
      SERVER_FLIGHT_RESUMED },
};

/* A hello that offers TLS 1.2 and 1.3; with a ticket, if asked for. */
static struct client_hello make_offer(bool has_ticket, uint8_t ret_bytes[512])
{
#define VERSIONS "\0\x2b\0\5\4\3\4\3\3\0\x0d\0\4\0\2\4\1"
    const struct hello_parts parts[] = {
        { 0x0303, BYTES(SUITES), BYTES(VERSIONS) },
        { 0x0303, BYTES(SUITES), BYTES(VERSIONS "\0\x23\0\1t") },
    };
    struct writer message = writer_over(ret_bytes, 512);
    struct client_hello offer;
    put_hello_of(&message, &parts[has_ticket]);
    assert_int_equal(client_hello_parse(reader_over(ret_bytes, writer_size(&message)), &offer),
                     CLIENT_HELLO_OK);
    return offer;
}

/* The first `size` bytes, at once. */
static enum server_flight_status read_prefix(const struct client_hello *offer, const void *bytes,
                                             size_t size)
{
    struct server_flight flight;
    uint8_t *copy = test_malloc(size + 1); /* so that a read past the end is found */
    memcpy(copy + 1, bytes, size);
    server_flight_init(&flight, offer, NULL);
    enum server_flight_status status = server_flight_read(&flight, reader_over(copy + 1, size));
    assert_true(server_flight_size(&flight) <= size);
    server_flight_release(&flight);
    test_free(copy);
    return status;
}

static void assert_judges(const struct client_hello *offer, const struct row *row)
{
    struct server_flight flight;
    server_flight_init(&flight, offer, NULL);
    assert_true(row->decided_after <= row->size);
    for (size_t size = 0; size <= row->size; size++) {
        enum server_flight_status expected =
            size < row->decided_after ? SERVER_FLIGHT_INCOMPLETE : row->expected;
        assert_int_equal(read_prefix(offer, row->bytes, size), expected);
        assert_int_equal(server_flight_read(&flight, reader_over(row->bytes, size)), expected);
    }
    assert_int_equal(server_flight_size(&flight), row->decided_after);
    server_flight_release(&flight);
}

static void judges_opening(void **state)
{
    assert_judges(NULL, *state);
}

static void judges_answer(void **state)
{
    uint8_t bytes[512];
    struct client_hello offer = make_offer(false, bytes);
    assert_judges(&offer, *state);
}

static void judges_answer_to_ticket(void **state)
{
    uint8_t bytes[512];
    struct client_hello offer = make_offer(true, bytes);
    assert_judges(&offer, *state);
}

#define OF_VERSION(version) "\x16\3\3\0\x2a\2\0\0\x26" version OTHER_RANDOM "\0\xc0\x2f\0"

/* Without a list of versions all from TLS 1.0 on, up to legacy_version, may be the answer. */
static void version_must_be_offered(void **state)
{
    (void)state;
    static const struct hello_parts parts = { 0x0303, BYTES(SUITES), BYTES("\0\x17\0\0") };
    uint8_t bytes[512];
    struct writer message = writer_over(bytes, sizeof(bytes));
    struct client_hello offer;
    put_hello_of(&message, &parts);
    assert_int_equal(client_hello_parse(reader_over(bytes, writer_size(&message)), &offer),
                     CLIENT_HELLO_OK);
    assert_int_equal(read_prefix(&offer, BYTES(NEWER(OTHER_RANDOM, "\3\4"))),
                     SERVER_FLIGHT_MALFORMED);
    assert_int_equal(read_prefix(&offer, BYTES(NEWER(RETRY_RANDOM, "\3\4"))),
                     SERVER_FLIGHT_MALFORMED);
    assert_int_equal(read_prefix(&offer, BYTES(OF_VERSION("\3\3"))), SERVER_FLIGHT_INCOMPLETE);
    assert_int_equal(read_prefix(&offer, BYTES(OF_VERSION("\3\1"))), SERVER_FLIGHT_INCOMPLETE);
    assert_int_equal(read_prefix(&offer, BYTES(OF_VERSION("\3\0"))), SERVER_FLIGHT_MALFORMED);
}

static void endless_opening_is_malformed(void **state)
{
    static uint8_t bytes[2 * SERVER_OPENING_MAX];
    (void)state;
    for (size_t at = 0; at < sizeof(bytes); at++)
        bytes[at] = (uint8_t)CHANGE[at % 6];
    assert_int_equal(read_prefix(NULL, bytes, SERVER_OPENING_MAX), SERVER_FLIGHT_INCOMPLETE);
    assert_int_equal(read_prefix(NULL, bytes, SERVER_OPENING_MAX + 6), SERVER_FLIGHT_MALFORMED);
}

/* A certificate of the largest size, a byte a record. */
static void endless_records_are_malformed(void **state)
{
    (void)state;
    enum { HELLO_SIZE = sizeof(OLD("\xc0\x2f")) - 1, SIZE = HELLO_SIZE + 6 * SERVER_FLIGHT_MAX };
    uint8_t hello[512], *bytes = test_malloc(SIZE);
    struct client_hello offer = make_offer(false, hello);
    memcpy(bytes, OLD("\xc0\x2f"), HELLO_SIZE);
    for (size_t at = HELLO_SIZE; at < SIZE; at += 6)
        memcpy(bytes + at, "\x16\3\3\0\1", 6);
    bytes[HELLO_SIZE + 5] = HANDSHAKE_CERTIFICATE;
    bytes[HELLO_SIZE + 11] = 1;
    assert_int_equal(read_prefix(&offer, bytes, SERVER_FLIGHT_MAX), SERVER_FLIGHT_INCOMPLETE);
    assert_int_equal(read_prefix(&offer, bytes, SIZE), SERVER_FLIGHT_MALFORMED);
    test_free(bytes);
}

/* What stands behind the HelloRetryRequest is the start of what is judged next. */
static enum server_flight_status read_after_retry(const struct client_hello *offer,
                                                  const char *second, size_t size)
{
    static const char retry[] = NEWER(RETRY_RANDOM, "\3\4");
    uint8_t bytes[512];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct server_flight flight;
    server_flight_init(&flight, offer, NULL);
    writer_bytes(&writer, retry, sizeof(retry) - 1);
    writer_bytes(&writer, second, size);
    assert_int_equal(server_flight_read(&flight, reader_over(bytes, writer_size(&writer))),
                     SERVER_FLIGHT_RETRY);
    assert_int_equal(server_flight_size(&flight), sizeof(retry) - 1);
    server_flight_restart(&flight);
    enum server_flight_status status = server_flight_read(&flight, reader_over(second, size));
    server_flight_release(&flight);
    return status;
}

static void retry_is_followed_by_tls13_alone(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct client_hello offer = make_offer(false, bytes);
    assert_int_equal(read_after_retry(&offer, BYTES(CHANGE NEWER(OTHER_RANDOM, "\3\4"))),
                     SERVER_FLIGHT_TLS13);
    assert_int_equal(read_after_retry(&offer, BYTES("\x15\3\3\0\2\2\x28")), SERVER_FLIGHT_ALERT);
    assert_int_equal(read_after_retry(&offer, BYTES(OLD("\xc0\x2f"))), SERVER_FLIGHT_MALFORMED);
    assert_int_equal(read_after_retry(&offer, BYTES(NEWER(RETRY_RANDOM, "\3\4"))),
                     SERVER_FLIGHT_MALFORMED);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, opening_rows, judges_opening);
    TESTS_ADD_TABLE(&tests, offered_rows, judges_answer);
    TESTS_ADD_TABLE(&tests, ticket_rows, judges_answer_to_ticket);
    tests_add_row(&tests, "versions that nobody offered", NULL, version_must_be_offered);
    tests_add_row(&tests, "an endless opening", NULL, endless_opening_is_malformed);
    tests_add_row(&tests, "endless records", NULL, endless_records_are_malformed);
    tests_add_row(&tests, "after a retry", NULL, retry_is_followed_by_tls13_alone);
    return tests_run(&tests, "server_flight");
}
