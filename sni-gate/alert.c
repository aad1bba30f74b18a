/* sni-gate/alert.c - what a refused client is told. */
#include "sni-gate/alert.h"

#include <string.h>

/* RFC 8446 6, and RFC 6066 3 */
enum alert_description {
    ALERT_NONE = -1,
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_ACCESS_DENIED = 49,
    ALERT_DECODE_ERROR = 50,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_MISSING_EXTENSION = 109,
    ALERT_UNSUPPORTED_EXTENSION = 110,
    ALERT_UNRECOGNIZED_NAME = 112,
};

enum { RECORD_ALERT = 21, LEGACY_VERSION = 0x0303, ALERT_LEVEL_FATAL = 2, ALERT_BYTES = 2 };

static enum alert_description describe(enum reason reason, bool offers_tls13)
{
    switch (reason) {
    case REASON_NO_RULE:
    case REASON_OTHER_PORT:
    case REASON_NO_LISTENER:
    case REASON_DENY_RULE:
    case REASON_PARENT:
    case REASON_ADDRESS_MISMATCH:
        return ALERT_UNRECOGNIZED_NAME;
    case REASON_NO_SERVER_NAME: /* RFC 8446 9.2; before TLS 1.3 there was no better word */
        return offers_tls13 ? ALERT_MISSING_EXTENSION : ALERT_HANDSHAKE_FAILURE;
    case REASON_BAD_SERVER_NAME:
    case REASON_ADDRESS_AS_SERVER_NAME:
    case REASON_NAME_CHANGED:
        return ALERT_ILLEGAL_PARAMETER;
    case REASON_MALFORMED_HELLO:
    case REASON_HELLO_TOO_LARGE:
    case REASON_HELLO_TIMEOUT:
    case REASON_HELLO_CUT_SHORT:
        return ALERT_DECODE_ERROR;
    case REASON_UPSTREAM_NOT_FOUND:
    case REASON_UPSTREAM_DNS_FAILED:
    case REASON_UPSTREAM_ADDRESS_REFUSED:
    case REASON_UPSTREAM_CONNECT_FAILED:
    case REASON_UPSTREAM_CLOSED:
    case REASON_UPSTREAM_SILENT:
    case REASON_UPSTREAM_MALFORMED:
    case REASON_PROBE_UNREACHABLE:
    case REASON_PROBE_FAILED:
    case REASON_PROBE_LIMIT:
    case REASON_TOO_MANY_CONNECTIONS:
    case REASON_TOO_MANY_OF_CLIENT:
    case REASON_TOO_MANY_HANDSHAKES:
    case REASON_OUT_OF_RESOURCES:
        return ALERT_INTERNAL_ERROR;
    case REASON_CERTIFICATE_UNTRUSTED:
    case REASON_CERTIFICATE_EXPIRED:
    case REASON_CERTIFICATE_NOT_YET_VALID:
    case REASON_CERTIFICATE_WRONG_NAME:
    case REASON_CERTIFICATE_ABSENT:
    case REASON_CERTIFICATE_UNPROVEN:
    case REASON_PIN_MISMATCH:
    case REASON_PINS_EXPIRED:
    case REASON_RESUMPTION_DENIED:
        return ALERT_ACCESS_DENIED;
    case REASON_ECH_DENIED:
        return ALERT_UNSUPPORTED_EXTENSION;
    case REASON_UPSTREAM_REFUSED: /* the client has the server's own */
    case REASON_PROXY_UNTRUSTED:  /* no client has said a word yet */
    case REASON_PROXY_HEADER_MISSING:
    case REASON_PROXY_HEADER_MALFORMED:
    case REASON_PROXY_WITHOUT_CLIENT:
    case REASON_NOT_TLS:
    case REASON_REVOKED: /* the server has spoken already, or is about to */
    case REASON_OBSERVED:
    case REASON_ALLOWED:
    case REASON_COUNT:
        break;
    }
    return ALERT_NONE;
}

size_t alert_write(enum reason reason, bool offers_tls13, uint8_t ret_record[ALERT_RECORD_BYTES])
{
    enum alert_description description = describe(reason, offers_tls13);
    if (description == ALERT_NONE)
        return 0;
    const uint8_t record[ALERT_RECORD_BYTES] = { RECORD_ALERT,          LEGACY_VERSION >> 8,
                                                 LEGACY_VERSION & 0xff, 0,
                                                 ALERT_BYTES,           ALERT_LEVEL_FATAL,
                                                 (uint8_t)description };
    memcpy(ret_record, record, sizeof(record));
    return sizeof(record);
}
