/* upstream/certificate_judgement.h - what a rule's demands make of the certificates that a server
 * showed. Pure, but for memory; any thread. */
#pragma once
#include "policy/verdict.h"
#include "tls/certificate_finding.h"

struct certificate_chain;
struct host_name;
struct requirement;
struct trust_store;

/* What is to be judged; borrowed for the call. */
struct certificate_claim {
    const struct trust_store *trust_store;
    const struct host_name *name;
    const struct requirement *requirement; /* never one of VERIFY_NONE */
    int64_t now_s;                         /* Unix seconds */
};

struct certificate_judgement {
    enum reason reason;                  /* REASON_ALLOWED, or why not */
    struct certificate_finding *finding; /* a reference of the receiver's; NULL: out of memory, or
                                            nothing was looked at, since all pins have expired */
    bool misses_report_pin; /* pins that only report are in force, and the chain has none of them */
    bool dates_count;       /* false: a pin on the server's own key is all that does */
};

/* How a finding reads as a reason: REASON_ALLOWED for a good one. */
enum reason certificate_status_reason(enum certificate_status status);

/* Is a pin of one mode that has not expired in the chain? What was merely presented does not count
 * but for the server's own certificate, whose key it has proved. */
bool certificate_finding_has_pin(const struct certificate_finding *finding,
                                 const struct requirement *requirement, bool is_enforced,
                                 int64_t now_s);

/* `chain` is NULL where none was shown. */
struct certificate_judgement certificate_judge(const struct certificate_claim *claim,
                                               const struct certificate_chain *chain);
