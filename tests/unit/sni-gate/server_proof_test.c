/* tests/unit/sni-gate/server_proof_test.c - what the first flights of real servers prove, and that
 * they prove it no more once a bit is another. */
#include "base/writer.h"
#include "sni-gate/client_hello.h"
#include "sni-gate/hello_assembler.h"
#include "sni-gate/server_flight.h"
#include "tls/certificate_chain.h"
#include "tls_talks.h"

enum { RECORDS_MAX = 6 * TALK_MAX };

/* A hello and its answer. */
struct exchange {
    struct hello_assembler assembler;
    struct client_hello hello;
    uint8_t answer[TALK_MAX];
    size_t size;
};

static void take_exchange(struct talk *talk, struct exchange *ret_exchange)
{
    uint8_t bytes[TALK_MAX];
    size_t size = talk_turn(talk->client, talk->server, bytes);
    hello_assembler_init(&ret_exchange->assembler);
    assert_int_equal(hello_assembler_feed(&ret_exchange->assembler, bytes, size), HELLO_COMPLETE);
    assert_int_equal(
        client_hello_parse(hello_assembler_message(&ret_exchange->assembler), &ret_exchange->hello),
        CLIENT_HELLO_OK);
    ret_exchange->size = talk_turn(talk->server, talk->client, ret_exchange->answer);
    assert_true(ret_exchange->size > 0);
}

static enum server_flight_status read_answer(const struct client_hello *hello, const void *bytes,
                                             size_t size)
{
    struct server_flight flight;
    server_flight_init(&flight, hello, NULL);
    enum server_flight_status status = server_flight_read(&flight, reader_over(bytes, size));
    server_flight_release(&flight);
    return status;
}

/* A byte more each time: incomplete up to one of them, and then the same for good. */
static void assert_any_cut(const struct exchange *exchange, enum server_flight_status expected)
{
    struct server_flight flight;
    server_flight_init(&flight, &exchange->hello, NULL);
    size_t size = 0;
    while (size < exchange->size &&
           server_flight_read(&flight, reader_over(exchange->answer, size)) ==
               SERVER_FLIGHT_INCOMPLETE)
        size++;
    assert_int_equal(server_flight_read(&flight, reader_over(exchange->answer, size)), expected);
    assert_int_equal(server_flight_size(&flight), size);
    assert_int_equal(read_answer(&exchange->hello, exchange->answer, size - 1),
                     SERVER_FLIGHT_INCOMPLETE);
    server_flight_release(&flight);
}

/* The same with the handshake in records of one byte each. */
static void assert_any_records(const struct exchange *exchange, enum server_flight_status expected)
{
    uint8_t *split = test_malloc(RECORDS_MAX);
    struct writer writer = writer_over(split, RECORDS_MAX);
    struct reader records = reader_over(exchange->answer, exchange->size);
    while (reader_left(&records) > 0) {
        const uint8_t *start = reader_take(&records, RECORD_HEADER_BYTES - 2);
        struct reader body = reader_vector(&records, 2);
        size_t step = start[0] == RECORD_HANDSHAKE ? 1 : reader_left(&body);
        while (reader_left(&body) > 0) {
            writer_bytes(&writer, start, RECORD_HEADER_BYTES - 2);
            writer_uint(&writer, (uint32_t)step, 2);
            writer_bytes(&writer, reader_take(&body, step), step);
        }
    }
    assert_false(writer.failed || records.failed);
    assert_int_equal(read_answer(&exchange->hello, split, writer_size(&writer)), expected);
    test_free(split);
}

static unsigned int use_shared_key(SSL *ssl, const char *identity, unsigned char *key,
                                   unsigned int capacity)
{
    (void)ssl, (void)identity, (void)capacity;
    memset(key, 1, 16);
    return 16;
}

static unsigned int offer_shared_key(SSL *ssl, const char *hint, char *identity, unsigned int size,
                                     unsigned char *key, unsigned int capacity)
{
    memcpy(identity, "me", size > 3 ? 3 : size);
    return use_shared_key(ssl, hint, key, capacity);
}

static void share_key(struct talk *talk)
{
    SSL_CTX_set_psk_client_callback(talk->client_context, offer_shared_key);
    SSL_CTX_set_psk_server_callback(talk->server_context, use_shared_key);
}

static int warn_of_name(SSL *ssl, int *alert, void *argument)
{
    (void)ssl, (void)argument;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_WARNING;
}

static void have_server_warn(struct talk *talk)
{
    SSL_CTX_set_tlsext_servername_callback(talk->server_context, warn_of_name);
}

static int staple(SSL *ssl, void *argument)
{
    (void)argument;
    unsigned char *status = OPENSSL_zalloc(100);
    SSL_set_tlsext_status_ocsp_resp(ssl, status, 100); /* takes it over */
    return SSL_TLSEXT_ERR_OK;
}

static void have_status_stapled(struct talk *talk)
{
    SSL_CTX_set_tlsext_status_type(talk->client_context, TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(talk->server_context, staple);
}

static void ask_for_client_certificate(struct talk *talk)
{
    SSL_CTX_set_verify(talk->server_context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
}

static const struct row {
    const char *name;
    struct talk_parts parts;
    enum server_flight_status expected;
} rows[] = {
    { "TLS 1.3 with RSA", { TLS1_3_VERSION, .keys = { KEY_RSA } }, SERVER_FLIGHT_TLS13 },
    { "TLS 1.3 with ECDSA", { TLS1_3_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_TLS13 },
    { "a HelloRetryRequest",
      { TLS1_3_VERSION, .groups = "P-384", .keys = { KEY_P256 } },
      SERVER_FLIGHT_RETRY },
    { "RSA", { TLS1_2_VERSION, .keys = { KEY_RSA } }, SERVER_FLIGHT_PROVEN },
    { "ECDSA", { TLS1_2_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_PROVEN },
    { "RSA and ECDSA", { TLS1_2_VERSION, .keys = { KEY_RSA, KEY_P384 } }, SERVER_FLIGHT_PROVEN },
    { "RSA-PSS", { TLS1_2_VERSION, .keys = { KEY_RSA_PSS } }, SERVER_FLIGHT_PROVEN },
    { "Ed25519", { TLS1_2_VERSION, .keys = { KEY_ED25519 } }, SERVER_FLIGHT_PROVEN },
    { "Ed448", { TLS1_2_VERSION, .keys = { KEY_ED448 } }, SERVER_FLIGHT_PROVEN },
    { "PKCS 1",
      { TLS1_2_VERSION, .schemes = "RSA+SHA256", .keys = { KEY_RSA } },
      SERVER_FLIGHT_PROVEN },
    { "DHE", { TLS1_2_VERSION, .suites = "kDHE", .keys = { KEY_RSA } }, SERVER_FLIGHT_PROVEN },
    { "a stapled status",
      { TLS1_2_VERSION, .keys = { KEY_P256 }, .prepare = have_status_stapled },
      SERVER_FLIGHT_PROVEN },
    { "a certificate that is asked for",
      { TLS1_2_VERSION, .keys = { KEY_P256 }, .prepare = ask_for_client_certificate },
      SERVER_FLIGHT_PROVEN },
    { "a warning first",
      { TLS1_2_VERSION, .keys = { KEY_P256 }, .prepare = have_server_warn },
      SERVER_FLIGHT_PROVEN },
    { "TLS 1.1 with RSA", { TLS1_1_VERSION, .keys = { KEY_RSA } }, SERVER_FLIGHT_PROVEN },
    { "TLS 1.1 with ECDSA", { TLS1_1_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_PROVEN },
    { "TLS 1.0 with DHE",
      { TLS1_VERSION, .suites = "kDHE", .keys = { KEY_RSA } },
      SERVER_FLIGHT_PROVEN },
    { "SHA-1",
      { TLS1_2_VERSION, .schemes = "RSA+SHA1", .keys = { KEY_RSA } },
      SERVER_FLIGHT_UNPROVEN },
    { "RSA key exchange",
      { TLS1_2_VERSION, .suites = "kRSA", .keys = { KEY_RSA } },
      SERVER_FLIGHT_UNPROVEN },
    { "RSA and a shared key",
      { TLS1_2_VERSION, .suites = "kRSAPSK", .keys = { KEY_RSA }, .prepare = share_key },
      SERVER_FLIGHT_UNPROVEN },
    { "anonymous",
      { TLS1_2_VERSION, .suites = "ADH", .keys = { NO_KEY } },
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "anonymous with ECDH",
      { TLS1_2_VERSION, .suites = "AECDH", .keys = { NO_KEY } },
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "a shared key",
      { TLS1_2_VERSION, .suites = "kPSK", .keys = { NO_KEY }, .prepare = share_key },
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "a shared key and ECDHE",
      { TLS1_2_VERSION, .suites = "kECDHEPSK", .keys = { NO_KEY }, .prepare = share_key },
      SERVER_FLIGHT_NO_CERTIFICATE },
    { "no suite in common",
      { TLS1_2_VERSION, .suites = "aECDSA", .keys = { KEY_RSA } },
      SERVER_FLIGHT_ALERT },
};

static void proves_as_expected(void **state)
{
    const struct row *row = *state;
    struct exchange exchange;
    struct talk talk = talk_open(&row->parts);
    take_exchange(&talk, &exchange);
    assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size), row->expected);
    assert_any_cut(&exchange, row->expected);
    assert_any_records(&exchange, row->expected);
    hello_assembler_release(&exchange.assembler);
    talk_close(&talk);
}

static void switch_tickets_off(struct talk *talk)
{
    (void)SSL_CTX_set_options(talk->server_context, SSL_OP_NO_TICKET);
    assert_int_equal(SSL_CTX_set_session_id_context(talk->server_context, (const uint8_t *)"t", 1),
                     1);
}

static void forget_sessions(struct talk *talk)
{
    switch_tickets_off(talk);
    (void)SSL_CTX_set_session_cache_mode(talk->server_context, SSL_SESS_CACHE_OFF);
}

static const struct row resumption_rows[] = {
    { "by ticket", { TLS1_2_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_RESUMED },
    { "by id",
      { TLS1_2_VERSION, .keys = { KEY_P256 }, .prepare = switch_tickets_off },
      SERVER_FLIGHT_RESUMED },
    { "by id in TLS 1.1",
      { TLS1_1_VERSION, .keys = { KEY_RSA }, .prepare = switch_tickets_off },
      SERVER_FLIGHT_RESUMED },
    { "not at all",
      { TLS1_2_VERSION, .keys = { KEY_P256 }, .prepare = forget_sessions },
      SERVER_FLIGHT_PROVEN },
    { "TLS 1.3 says nothing of it", { TLS1_3_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_TLS13 },
};

static void resumes_as_expected(void **state)
{
    const struct row *row = *state;
    struct exchange exchange;
    struct talk talk = talk_open(&row->parts);
    SSL_SESSION *session = talk_finish(&talk);
    talk_connect(&talk, session);
    take_exchange(&talk, &exchange);
    assert_int_equal(exchange.hello.offers_psk, row->expected == SERVER_FLIGHT_TLS13);
    assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size), row->expected);
    assert_any_cut(&exchange, row->expected);
    assert_any_records(&exchange, row->expected);

    if (row->expected == SERVER_FLIGHT_RESUMED) { /* what the client never offered */
        exchange.hello.offers_ticket = false;
        exchange.hello.session_id = reader_over("", 0);
        assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size),
                         SERVER_FLIGHT_MALFORMED);
    }
    hello_assembler_release(&exchange.assembler);
    SSL_SESSION_free(session);
    talk_close(&talk);
}

/* Where a message of the answer begins, which is in one record with its like or alone. */
static uint8_t *find_message(struct exchange *exchange, uint32_t type, size_t *ret_size)
{
    struct reader records = reader_over(exchange->answer, exchange->size);
    while (reader_left(&records) > 0) {
        reader_take(&records, RECORD_HEADER_BYTES - 2);
        struct reader body = reader_vector(&records, 2);
        while (reader_left(&body) > 0) {
            const uint8_t *start = body.at;
            uint32_t found = reader_uint(&body, 1);
            (void)reader_vector(&body, 3);
            *ret_size = (size_t)(body.at - start);
            if (found == type)
                return exchange->answer + (start - exchange->answer);
        }
    }
    fail_msg("there is no message %u", type);
    return NULL;
}

static void assert_flips(struct exchange *exchange, uint8_t *bytes, size_t size,
                         bool may_be_malformed)
{
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum server_flight_status status =
            read_answer(&exchange->hello, exchange->answer, exchange->size);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(status == SERVER_FLIGHT_UNPROVEN ||
                    (may_be_malformed &&
                     (status == SERVER_FLIGHT_MALFORMED || status == SERVER_FLIGHT_INCOMPLETE)));
    }
}

static const struct row flip_rows[] = {
    { "any bit with RSA", { TLS1_2_VERSION, .keys = { KEY_RSA } }, SERVER_FLIGHT_PROVEN },
    { "any bit with ECDSA", { TLS1_2_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_PROVEN },
    { "any bit with Ed25519", { TLS1_2_VERSION, .keys = { KEY_ED25519 } }, SERVER_FLIGHT_PROVEN },
    { "any bit in TLS 1.1", { TLS1_1_VERSION, .keys = { KEY_P256 } }, SERVER_FLIGHT_PROVEN },
};

static void no_flipped_bit_proves(void **state)
{
    const struct row *row = *state;
    struct exchange exchange;
    uint8_t client_random[RANDOM_BYTES];
    size_t size;
    struct talk talk = talk_open(&row->parts);
    take_exchange(&talk, &exchange);
    memcpy(client_random, exchange.hello.random, RANDOM_BYTES);
    exchange.hello.random = client_random;
    assert_flips(&exchange, client_random, RANDOM_BYTES, false);
    uint8_t *hello = find_message(&exchange, HANDSHAKE_SERVER_HELLO, &size);
    assert_flips(&exchange, hello + HANDSHAKE_HEADER_BYTES + 2, RANDOM_BYTES, false);
    uint8_t *exchanged = find_message(&exchange, HANDSHAKE_SERVER_KEY_EXCHANGE, &size);
    assert_flips(&exchange, exchanged, size, true);
    assert_flips(&exchange, exchanged + size - 16, 16, false); /* of the signature */
    assert_flips(&exchange, exchanged + HANDSHAKE_HEADER_BYTES + 1, 2, false);
    assert_flips(&exchange, exchanged + HANDSHAKE_HEADER_BYTES + 4, 32, false); /* of the point */
    assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size),
                     SERVER_FLIGHT_PROVEN);
    hello_assembler_release(&exchange.assembler);
    talk_close(&talk);
}

/* The flight of one server with the Certificate of another, in records of a message each. */
static size_t put_certificate(struct exchange *own, struct exchange *other,
                              uint8_t ret_bytes[TALK_MAX])
{
    static const uint32_t types[] = { HANDSHAKE_SERVER_HELLO, HANDSHAKE_CERTIFICATE,
                                      HANDSHAKE_SERVER_KEY_EXCHANGE };
    struct writer writer = writer_over(ret_bytes, TALK_MAX);
    for (size_t i = 0; i < COUNT(types); i++) {
        size_t size;
        const uint8_t *message =
            find_message(types[i] == HANDSHAKE_CERTIFICATE ? other : own, types[i], &size);
        writer_bytes(&writer, "\x16\3\3", 3);
        writer_uint(&writer, (uint32_t)size, 2);
        writer_bytes(&writer, message, size);
    }
    assert_false(writer.failed);
    return writer_size(&writer);
}

static const struct row replay_rows[] = {
    { "another's RSA certificate", { TLS1_2_VERSION, .keys = { KEY_RSA } }, SERVER_FLIGHT_PROVEN },
    { "another's ECDSA certificate",
      { TLS1_2_VERSION, .keys = { KEY_P256 } },
      SERVER_FLIGHT_PROVEN },
};

static void replayed_certificate_is_unproven(void **state)
{
    const struct row *row = *state;
    struct exchange own, other;
    uint8_t mixed[TALK_MAX];
    struct talk first = talk_open(&row->parts), second = talk_open(&row->parts);
    take_exchange(&first, &own);
    take_exchange(&second, &other);
    size_t size = put_certificate(&own, &own, mixed);
    assert_int_equal(read_answer(&own.hello, mixed, size), SERVER_FLIGHT_PROVEN);
    size = put_certificate(&own, &other, mixed);
    assert_int_equal(read_answer(&own.hello, mixed, size), SERVER_FLIGHT_UNPROVEN);
    /* the whole flight, as an answer to another hello */
    assert_int_equal(read_answer(&own.hello, other.answer, other.size), SERVER_FLIGHT_UNPROVEN);
    hello_assembler_release(&own.assembler);
    hello_assembler_release(&other.assembler);
    talk_close(&first);
    talk_close(&second);
}

static void scheme_must_be_offered(void **state)
{
    (void)state;
    static const struct talk_parts parts = { TLS1_2_VERSION, .keys = { KEY_P256 } };
    struct exchange exchange;
    struct talk talk = talk_open(&parts);
    take_exchange(&talk, &exchange);
    exchange.hello.schemes = reader_over("\5\3\4\1", 4);
    assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size),
                     SERVER_FLIGHT_UNPROVEN);
    exchange.hello.schemes = reader_over("", 0);
    assert_int_equal(read_answer(&exchange.hello, exchange.answer, exchange.size),
                     SERVER_FLIGHT_UNPROVEN);
    hello_assembler_release(&exchange.assembler);
    talk_close(&talk);
}

/* Proven or not, what was shown can be had once. */
static void gives_chain_once(void **state)
{
    (void)state;
    static const struct talk_parts parts = { TLS1_2_VERSION, .keys = { KEY_P256 } };
    struct exchange exchange;
    struct server_flight flight;
    struct talk talk = talk_open(&parts);
    take_exchange(&talk, &exchange);
    server_flight_init(&flight, &exchange.hello, NULL);
    assert_null(server_flight_take_chain(&flight));
    assert_int_equal(server_flight_read(&flight, reader_over(exchange.answer, exchange.size)),
                     SERVER_FLIGHT_PROVEN);
    struct certificate_chain *chain = server_flight_take_chain(&flight);
    assert_non_null(chain);
    assert_null(server_flight_take_chain(&flight));
    certificate_chain_free(chain);
    server_flight_release(&flight);
    hello_assembler_release(&exchange.assembler);
    talk_close(&talk);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, proves_as_expected);
    TESTS_ADD_TABLE(&tests, resumption_rows, resumes_as_expected);
    TESTS_ADD_TABLE(&tests, flip_rows, no_flipped_bit_proves);
    TESTS_ADD_TABLE(&tests, replay_rows, replayed_certificate_is_unproven);
    tests_add_row(&tests, "a scheme that nobody offered", NULL, scheme_must_be_offered);
    tests_add_row(&tests, "the chain, once", NULL, gives_chain_once);
    return tests_run(&tests, "server_proof");
}
