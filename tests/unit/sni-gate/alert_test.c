/* tests/unit/sni-gate/alert_test.c - the alert for each reason. */
#include "sni-gate/alert.h"

#include "unit.h"

enum { NONE = -1 };

static const struct row {
    const char *name;
    enum reason reason;
    int before_tls13, tls13;
} rows[] = {
    { "no rule: unrecognized_name", REASON_NO_RULE, 112, 112 },
    { "another port: unrecognized_name", REASON_OTHER_PORT, 112, 112 },
    { "no listener: unrecognized_name", REASON_NO_LISTENER, 112, 112 },
    { "a deny rule: unrecognized_name", REASON_DENY_RULE, 112, 112 },
    { "a parent: unrecognized_name", REASON_PARENT, 112, 112 },
    { "another name's address: unrecognized_name", REASON_ADDRESS_MISMATCH, 112, 112 },
    { "refused by the server: its own alert", REASON_UPSTREAM_REFUSED, NONE, NONE },
    { "a stranger at a proxy's listener: none", REASON_PROXY_UNTRUSTED, NONE, NONE },
    { "no PROXY header: none", REASON_PROXY_HEADER_MISSING, NONE, NONE },
    { "no sound PROXY header: none", REASON_PROXY_HEADER_MALFORMED, NONE, NONE },
    { "a proxy for itself: none", REASON_PROXY_WITHOUT_CLIENT, NONE, NONE },
    { "no SNI: handshake_failure, missing_extension", REASON_NO_SERVER_NAME, 40, 109 },
    { "bad name: illegal_parameter", REASON_BAD_SERVER_NAME, 47, 47 },
    { "address: illegal_parameter", REASON_ADDRESS_AS_SERVER_NAME, 47, 47 },
    { "malformed: decode_error", REASON_MALFORMED_HELLO, 50, 50 },
    { "too large: decode_error", REASON_HELLO_TOO_LARGE, 50, 50 },
    { "too late: decode_error", REASON_HELLO_TIMEOUT, 50, 50 },
    { "cut short: decode_error", REASON_HELLO_CUT_SHORT, 50, 50 },
    { "not TLS: none", REASON_NOT_TLS, NONE, NONE },
    { "not found: internal_error", REASON_UPSTREAM_NOT_FOUND, 80, 80 },
    { "DNS failed: internal_error", REASON_UPSTREAM_DNS_FAILED, 80, 80 },
    { "address refused: internal_error", REASON_UPSTREAM_ADDRESS_REFUSED, 80, 80 },
    { "connect failed: internal_error", REASON_UPSTREAM_CONNECT_FAILED, 80, 80 },
    { "server closed: internal_error", REASON_UPSTREAM_CLOSED, 80, 80 },
    { "server silent: internal_error", REASON_UPSTREAM_SILENT, 80, 80 },
    { "server malformed: internal_error", REASON_UPSTREAM_MALFORMED, 80, 80 },
    { "certificate untrusted: access_denied", REASON_CERTIFICATE_UNTRUSTED, 49, 49 },
    { "certificate expired: access_denied", REASON_CERTIFICATE_EXPIRED, 49, 49 },
    { "certificate not yet valid: access_denied", REASON_CERTIFICATE_NOT_YET_VALID, 49, 49 },
    { "certificate wrong name: access_denied", REASON_CERTIFICATE_WRONG_NAME, 49, 49 },
    { "certificate absent: access_denied", REASON_CERTIFICATE_ABSENT, 49, 49 },
    { "certificate unproven: access_denied", REASON_CERTIFICATE_UNPROVEN, 49, 49 },
    { "pin mismatch: access_denied", REASON_PIN_MISMATCH, 49, 49 },
    { "pins expired: access_denied", REASON_PINS_EXPIRED, 49, 49 },
    { "resumption denied: access_denied", REASON_RESUMPTION_DENIED, 49, 49 },
    { "probe unreachable: internal_error", REASON_PROBE_UNREACHABLE, 80, 80 },
    { "probe failed: internal_error", REASON_PROBE_FAILED, 80, 80 },
    { "probe limit: internal_error", REASON_PROBE_LIMIT, 80, 80 },
    { "another name in the second hello: illegal_parameter", REASON_NAME_CHANGED, 47, 47 },
    { "too many connections: internal_error", REASON_TOO_MANY_CONNECTIONS, 80, 80 },
    { "too many of a client: internal_error", REASON_TOO_MANY_OF_CLIENT, 80, 80 },
    { "too many handshakes: internal_error", REASON_TOO_MANY_HANDSHAKES, 80, 80 },
    { "ECH denied: unsupported_extension", REASON_ECH_DENIED, 110, 110 },
    { "revoked: none", REASON_REVOKED, NONE, NONE },
    { "out of resources: internal_error", REASON_OUT_OF_RESOURCES, 80, 80 },
    { "observed: none", REASON_OBSERVED, NONE, NONE },
    { "allowed: none", REASON_ALLOWED, NONE, NONE },
};

static void writes(enum reason reason, bool offers_tls13, int expected)
{
    uint8_t record[ALERT_RECORD_BYTES];
    const uint8_t fatal[ALERT_RECORD_BYTES] = { 21, 3, 3, 0, 2, 2, (uint8_t)expected };
    size_t size = alert_write(reason, offers_tls13, record);
    assert_int_equal(size, expected == NONE ? 0 : sizeof(record));
    if (size > 0)
        assert_memory_equal(record, fatal, sizeof(fatal));
}

static void writes_alert(void **state)
{
    const struct row *row = *state;
    writes(row->reason, false, row->before_tls13);
    writes(row->reason, true, row->tls13);
}

static void every_reason_has_a_row(void **state)
{
    (void)state;
    assert_int_equal(COUNT(rows), REASON_COUNT);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, writes_alert);
    tests_add_row(&tests, "every reason has a row", NULL, every_reason_has_a_row);
    return tests_run(&tests, "alert");
}
