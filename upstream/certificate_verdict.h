/* upstream/certificate_verdict.h - what is known of a server's certificate, and for how long.
 * Lifetimes are of the monotonic clock; the dates of a chain, and the pins that still count, are
 * looked at with the real-time clock whenever a verdict is used. Pure: who has one guards it. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"
#include "policy/requirement.h"
#include "policy/verdict.h"
#include "tls/certificate_finding.h"
#include "tls/hello_class.h"

enum {
    /* Certificates change rarely, and an address that is given to somebody else is wrong for so
       long at most. */
    VERDICT_GOOD_MS = 600 * 1000,
    /* Soon enough after somebody mended the server, and rare enough while nobody does. */
    VERDICT_BAD_MS = 10 * 1000,
    /* It tells nothing of the certificate: spares the server a flood, no more. */
    VERDICT_UNREACHABLE_MS = 2 * 1000,
    /* A renewal that told nothing is made again after so long, while the good verdict lasts. */
    VERDICT_RENEWAL_RETRY_MS = 15 * 1000,
    /* When a good verdict is renewed, in hundredths of its life: at random between these. */
    VERDICT_RENEW_FROM_PERCENT = 60,
    VERDICT_RENEW_SPREAD_PERCENT = 25,
};

/* What a verdict is on. */
struct check_target {
    struct endpoint endpoint;
    struct host_name name;
    struct requirement *requirement; /* NULL: the default; never one of VERIFY_NONE */
    struct hello_class class;
    bool is_typed; /* the address stands in the rule (upstream/address_rule.h) */
};

/* The moment of a question. */
struct check_moment {
    int64_t monotonic_ms, realtime_s;
    uint64_t policy_version;
};

/* The answer to one. */
struct check_outcome {
    enum reason reason;                  /* REASON_ALLOWED: the certificate is good */
    struct certificate_finding *finding; /* a reference of the receiver's; NULL: none was seen */
    bool was_known;                      /* answered from memory */
    bool misses_report_pin; /* pins that only report are in force, and the chain has none of them */
};

/* What a probe found out. */
struct probe_result {
    enum reason reason;                  /* REASON_ALLOWED, or why not */
    struct certificate_finding *finding; /* a reference of the receiver's; NULL: none was seen */
    bool misses_report_pin;
    bool is_wrong; /* the server is another than it should be: that overturns a good verdict. If it
                      is neither wrong nor good, nothing was learnt */
    int64_t checked_s;                 /* when dates and pins were looked at */
    int64_t not_before_s, not_after_s; /* of a good one: of all that was shown, where dates count */
};

/* All zero: nothing is known. */
struct certificate_verdict {
    bool is_made;
    enum reason reason;
    struct certificate_finding *finding; /* owns a reference */
    bool misses_report_pin;
    int64_t expires_ms, renew_ms;
    int64_t not_before_s, not_after_s, pins_until_s; /* of a good one */
};

bool certificate_verdict_is_good(const struct certificate_verdict *verdict);
/* Does it hold at this moment? */
bool certificate_verdict_holds(const struct certificate_verdict *verdict,
                               const struct check_moment *now);
struct check_outcome certificate_verdict_outcome(const struct certificate_verdict *verdict);

/* What a result does to a verdict. */
enum verdict_change { VERDICT_STAYS = 0, VERDICT_CHANGES, VERDICT_OVERTURNED /* it was good */ };

/* Keeps a result, on what `requirement` demands. `dice` is any number: renewals of many verdicts
 * are spread by it. */
enum verdict_change certificate_verdict_take(struct certificate_verdict *verdict,
                                             const struct probe_result *result,
                                             const struct requirement *requirement,
                                             const struct check_moment *now, uint64_t dice);
/* Forgets it. */
void certificate_verdict_release(struct certificate_verdict *verdict);
