/* sni-gate/server_flight.c - a server's first flight, message by message. */
#include "sni-gate/server_flight.h"

#include "sni-gate/client_hello.h"
#include "sni-gate/server_hello.h"
#include "tls/certificate_chain.h"
#include "tls/server_signature.h"

#include <assert.h>
#include <string.h>

enum { ALERT_WARNING = 1, ALERT_FATAL = 2, ALERT_CLOSE_NOTIFY = 0, CURVE_TYPE_NAMED = 3 };

void server_flight_init(struct server_flight *flight, const struct client_hello *hello,
                        struct certificate_memory *certificates)
{
    *flight = (struct server_flight){ .hello = hello,
                                      .certificates = certificates,
                                      .records = { .limit = SERVER_OPENING_MAX,
                                                   .expected = HANDSHAKE_SERVER_HELLO },
                                      .status = SERVER_FLIGHT_INCOMPLETE };
}

/* ServerHello */

/* RFC 5077 3.4: with a ticket, a session id that does not come back says nothing. */
static bool may_resume(const struct client_hello *offer, const struct server_hello *hello)
{
    size_t size = reader_left(&offer->session_id);
    bool is_echoed = size > 0 && size == reader_left(&hello->session_id) &&
                     memcmp(offer->session_id.at, hello->session_id.at, size) == 0;
    return is_echoed || offer->offers_ticket;
}

static enum server_flight_status take_old_hello(struct server_flight *flight,
                                                const struct server_hello *hello)
{
    const struct client_hello *offer = flight->hello;
    if (flight->has_retried || hello->version < VERSION_TLS10 ||
        !client_hello_offers_version(offer, hello->version))
        return SERVER_FLIGHT_MALFORMED;
    flight->version = hello->version;
    flight->suite = cipher_suite_of(hello->cipher_suite);
    flight->may_resume = may_resume(offer, hello);
    memcpy(flight->random, hello->random, RANDOM_BYTES);
    if (flight->suite.proof == SUITE_NO_CERTIFICATE)
        return SERVER_FLIGHT_NO_CERTIFICATE;
    flight->step = FLIGHT_CERTIFICATE;
    flight->records.limit = SERVER_FLIGHT_MAX;
    flight->records.expected = 0;
    return SERVER_FLIGHT_INCOMPLETE;
}

static enum server_flight_status take_hello(struct server_flight *flight, struct reader message)
{
    struct server_hello hello;
    const struct client_hello *offer = flight->hello;
    if (!server_hello_parse(message, &hello))
        return SERVER_FLIGHT_MALFORMED;
    if (offer != NULL && !client_hello_list_holds(offer->cipher_suites, hello.cipher_suite))
        return SERVER_FLIGHT_MALFORMED;
    bool is_tls13 = hello.version == VERSION_TLS13;
    if (offer != NULL && (is_tls13 || hello.is_retry) && !(is_tls13 && offer->offers_tls13))
        return SERVER_FLIGHT_MALFORMED;
    if (hello.is_retry) /* RFC 8446 4.1.4: once, and nothing before the second hello */
        return flight->has_retried || !server_records_at_boundary(&flight->records)
                   ? SERVER_FLIGHT_MALFORMED
                   : SERVER_FLIGHT_RETRY;
    if (offer == NULL)
        return SERVER_FLIGHT_HELLO;
    return is_tls13 ? SERVER_FLIGHT_TLS13 : take_old_hello(flight, &hello);
}

/* Certificate */

/* RFC 5246 7.4.2 */
static enum server_flight_status take_certificate(struct server_flight *flight,
                                                  struct reader message)
{
    reader_take(&message, HANDSHAKE_HEADER_BYTES);
    struct reader list = reader_vector(&message, 3);
    if (!reader_done(&message))
        return SERVER_FLIGHT_MALFORMED;
    if (reader_left(&list) == 0)
        return SERVER_FLIGHT_NO_CERTIFICATE;
    flight->chain = certificate_chain_read(list, flight->certificates);
    if (flight->chain == NULL)
        return SERVER_FLIGHT_MALFORMED;
    flight->step = FLIGHT_STATUS_OR_KEY_EXCHANGE;
    switch (flight->suite.proof) {
    case SUITE_DHE:
    case SUITE_ECDHE:
        return SERVER_FLIGHT_INCOMPLETE;
    case SUITE_UNPROVEN:
    case SUITE_STATIC:
    case SUITE_NO_CERTIFICATE:
        break;
    }
    return SERVER_FLIGHT_UNPROVEN;
}

/* ServerKeyExchange */

/* RFC 8422 5.4: a named curve and a point. */
static bool pass_ecdhe_params(struct reader *body)
{
    uint32_t curve_type = reader_uint(body, 1);
    reader_take(body, 2);
    struct reader point = reader_vector(body, 1);
    return curve_type == CURVE_TYPE_NAMED && reader_left(&point) > 0;
}

/* RFC 5246 7.4.3: prime, generator and public value. */
static bool pass_dhe_params(struct reader *body)
{
    bool is_well = true;
    for (int i = 0; i < 3; i++) {
        struct reader number = reader_vector(body, 2);
        is_well = is_well && reader_left(&number) > 0;
    }
    return is_well;
}

static bool parse_key_exchange(const struct server_flight *flight, struct reader message,
                               struct server_signature *ret_claim)
{
    struct server_signature claim = { .version = flight->version,
                                      .keys = flight->suite.keys,
                                      .client_random = flight->hello->random,
                                      .server_random = flight->random };
    reader_take(&message, HANDSHAKE_HEADER_BYTES);
    const uint8_t *start = message.at;
    bool is_well = flight->suite.proof == SUITE_ECDHE ? pass_ecdhe_params(&message)
                                                      : pass_dhe_params(&message);
    if (!is_well || message.failed)
        return false;
    claim.params = reader_over(start, (size_t)(message.at - start));
    if (flight->version == VERSION_TLS12)
        claim.scheme = reader_uint(&message, 2);
    claim.signature = reader_vector(&message, 2);
    if (!reader_done(&message))
        return false;
    *ret_claim = claim;
    return true;
}

/* Without a list of schemes a server would have to sign with SHA-1, which proves nothing. */
static enum server_flight_status take_key_exchange(struct server_flight *flight,
                                                   struct reader message)
{
    struct server_signature claim;
    if (!parse_key_exchange(flight, message, &claim))
        return SERVER_FLIGHT_MALFORMED;
    bool is_offered = claim.version < VERSION_TLS12 ||
                      client_hello_list_holds(flight->hello->schemes, claim.scheme);
    return is_offered && server_signature_holds(&claim, flight->chain) ? SERVER_FLIGHT_PROVEN
                                                                       : SERVER_FLIGHT_UNPROVEN;
}

/* What comes when */

static enum server_flight_status take_message(struct server_flight *flight)
{
    struct reader message = server_records_message(&flight->records), header = message;
    uint32_t type = reader_uint(&header, 1);
    switch (flight->step) {
    case FLIGHT_HELLO:
        return take_hello(flight, message);
    case FLIGHT_CERTIFICATE:
        if (type == HANDSHAKE_NEW_SESSION_TICKET && flight->may_resume)
            return SERVER_FLIGHT_RESUMED;
        return type == HANDSHAKE_CERTIFICATE ? take_certificate(flight, message)
                                             : SERVER_FLIGHT_MALFORMED;
    case FLIGHT_STATUS_OR_KEY_EXCHANGE:
        flight->step = FLIGHT_KEY_EXCHANGE;
        if (type == HANDSHAKE_CERTIFICATE_STATUS) /* RFC 6066 8 */
            return SERVER_FLIGHT_INCOMPLETE;
        break;
    case FLIGHT_KEY_EXCHANGE:
        break;
    }
    return type == HANDSHAKE_SERVER_KEY_EXCHANGE ? take_key_exchange(flight, message)
                                                 : SERVER_FLIGHT_MALFORMED;
}

/* Some servers warn that they do not know the name (RFC 6066 3), and go on. Once a ServerHello has
 * passed, an alert could only pass behind it. */
static enum server_flight_status take_alert(const struct server_flight *flight)
{
    uint8_t level = flight->records.small[0], description = flight->records.small[1];
    if (flight->step != FLIGHT_HELLO)
        return SERVER_FLIGHT_UNPROVEN;
    if (level == ALERT_FATAL || (level == ALERT_WARNING && description == ALERT_CLOSE_NOTIFY))
        return SERVER_FLIGHT_ALERT;
    return level == ALERT_WARNING ? SERVER_FLIGHT_INCOMPLETE : SERVER_FLIGHT_MALFORMED;
}

/* RFC 8446 D.4: it may follow a HelloRetryRequest, and means nothing there. */
static enum server_flight_status take_change_cipher_spec(const struct server_flight *flight)
{
    if (flight->step == FLIGHT_HELLO)
        return SERVER_FLIGHT_INCOMPLETE;
    return flight->step == FLIGHT_CERTIFICATE && flight->may_resume ? SERVER_FLIGHT_RESUMED
                                                                    : SERVER_FLIGHT_MALFORMED;
}

static enum server_flight_status take_event(struct server_flight *flight,
                                            enum server_records_event event)
{
    switch (event) {
    case SERVER_RECORDS_MALFORMED:
        break;
    case SERVER_RECORDS_NOT_TLS:
        return flight->step == FLIGHT_HELLO ? SERVER_FLIGHT_NOT_TLS : SERVER_FLIGHT_MALFORMED;
    case SERVER_RECORDS_OUT_OF_MEMORY:
        return SERVER_FLIGHT_OUT_OF_MEMORY;
    case SERVER_RECORDS_INCOMPLETE:
        return SERVER_FLIGHT_INCOMPLETE;
    case SERVER_RECORDS_MESSAGE:
        return take_message(flight);
    case SERVER_RECORDS_ALERT:
        return take_alert(flight);
    case SERVER_RECORDS_CHANGE_CIPHER_SPEC:
        return take_change_cipher_spec(flight);
    }
    return SERVER_FLIGHT_MALFORMED;
}

enum server_flight_status server_flight_read(struct server_flight *flight, struct reader bytes)
{
    reader_take(&bytes, flight->records.read_size);
    assert(!bytes.failed);
    while (flight->status == SERVER_FLIGHT_INCOMPLETE && reader_left(&bytes) > 0)
        flight->status = take_event(flight, server_records_next(&flight->records, &bytes));
    return flight->status;
}

size_t server_flight_size(const struct server_flight *flight)
{
    return flight->records.read_size;
}

void server_flight_restart(struct server_flight *flight)
{
    const struct server_flight before = *flight;
    assert(flight->status == SERVER_FLIGHT_RETRY);
    server_flight_release(flight);
    server_flight_init(flight, before.hello, before.certificates);
    flight->has_retried = true;
}

struct certificate_chain *server_flight_take_chain(struct server_flight *flight)
{
    struct certificate_chain *chain = flight->chain;
    flight->chain = NULL;
    return chain;
}

void server_flight_release(struct server_flight *flight)
{
    certificate_chain_free(flight->chain);
    server_records_release(&flight->records);
    *flight = (struct server_flight){ 0 };
}
