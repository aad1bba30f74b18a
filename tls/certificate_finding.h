/* tls/certificate_finding.h - what was found when a server's certificate was checked. Immutable and
 * counted: verdicts and connections of many threads share one. */
#pragma once
#include "base/spki_pin.h"

#include <stdatomic.h>

/* Zero is the worst that can be said of a certificate that was shown. */
enum certificate_status {
    CERTIFICATE_UNTRUSTED = 0, /* no chain to a trusted root, or a chain with a fault */
    CERTIFICATE_EXPIRED,
    CERTIFICATE_NOT_YET_VALID,
    CERTIFICATE_WRONG_NAME,
    CERTIFICATE_PIN_MISMATCH, /* all else is well */
    CERTIFICATE_ABSENT,       /* none was shown */
    CERTIFICATE_GOOD,
};

enum { CERTIFICATE_CHAIN_MAX = 8, CERTIFICATE_NAME_BYTES = 192 };

struct certificate_summary {
    struct spki_pin spki;
    int64_t not_before_s, not_after_s;                                    /* Unix seconds */
    char subject[CERTIFICATE_NAME_BYTES], issuer[CERTIFICATE_NAME_BYTES]; /* RFC 4514, printable
                                                                             ASCII, cut */
};

/* SHA-256 of a certificate as it was sent. */
struct certificate_fingerprint {
    uint8_t sha256[32];
};

struct certificate_finding {
    atomic_uint references;
    struct certificate_fingerprint fingerprint; /* of the server's own; zeros: there was none */
    enum certificate_status status;
    bool is_validated; /* `chain` was built from the leaf to its trust anchor, and every signature
                          in it holds; else it is what the server presented */
    int64_t
        not_after_s; /* the earliest of the chain; Unix seconds. INT64_MAX where dates do not
                        count: a pin names the server's own certificate, and `chain` is it alone */
    uint32_t count;
    struct certificate_summary chain[CERTIFICATE_CHAIN_MAX]; /* the server's own first */
    char detail[CERTIFICATE_NAME_BYTES]; /* what the library says is wrong; "" where all is well */
};

/* Takes one more reference; returns its argument. NULL is fine. */
struct certificate_finding *certificate_finding_ref(struct certificate_finding *finding);
/* Gives one back; the last one frees. NULL is fine. Returns NULL. */
struct certificate_finding *certificate_finding_unref(struct certificate_finding *finding);
