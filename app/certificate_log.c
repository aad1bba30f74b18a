/* app/certificate_log.c - servers' certificates as log lines. */
#include "app/certificate_log.h"
#include "app/acceptance.h"
#include "base/clock.h"
#include "base/siphash.h"
#include "base/text.h"
#include "policy/host_name.h"
#include "sni-gate/gate_event.h"
#include "upstream/certificate_checks.h"

enum { DAY_S = 86400 };
enum expiry_kind { CHAIN_EXPIRES = 0, PINS_EXPIRE, EXPIRY_KINDS };

static void add_pins(struct log_record *record, const struct certificate_finding *finding)
{
    char buffer[CERTIFICATE_CHAIN_MAX * (SPKI_PIN_TEXT + 1) + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    for (uint32_t i = 0; i < finding->count; i++) {
        text_add(&text, i > 0 ? "," : "");
        spki_pin_add_to(&finding->chain[i].spki, &text);
    }
    log_record_bytes(record, "certificate_pins", text.at, text.size);
}

/* What the server showed. */
static void add_finding(struct log_record *record, const struct certificate_finding *finding)
{
    if (finding->count > 0) {
        log_record_text(record, "certificate_subject", finding->chain[0].subject);
        log_record_text(record, "certificate_issuer", finding->chain[0].issuer);
        add_pins(record, finding);
    }
    if (finding->detail[0] != '\0')
        log_record_text(record, "certificate_problem", finding->detail);
}

static void add_acceptance(struct log_record *record, const struct refusal *refusal)
{
    char buffer[512];
    struct text text = text_in(buffer, sizeof(buffer));
    refusal_add_acceptance(refusal, &text);
    if (text.size > 0)
        log_record_bytes(record, "accept", text.at, text.size);
}

void certificate_log_add_connection(struct log_record *record, const struct gate_event *event)
{
    const struct refusal refusal = { event->verdict.reason, event->verdict.rule_id,
                                     event->requirement, event->finding };
    log_record_text(record, "verify", verify_mode_word(requirement_mode(event->requirement)));
    if (requirement_mode(event->requirement) == VERIFY_NONE)
        return;
    log_record_text(record, "proof", gate_proof_word(event->proof));
    if (event->verdict.decision == DECISION_ALLOW)
        return;
    if (event->finding != NULL && event->proof == GATE_PROOF_NONE)
        add_finding(record, event->finding);
    add_acceptance(record, &refusal);
}

static struct log_record *begin(struct event_log *log, const struct certificate_event *event,
                                const char *reason)
{
    char buffer[4 * HOST_NAME_WIRE_MAX];
    struct text text = text_in(buffer, sizeof(buffer));
    if (!rate_limit_pass(&log->certificates, clock_monotonic_ms(), EVENT_LOG_DENIALS_PER_SECOND))
        return NULL;
    struct log_record *record = event_log_start(log, "certificate");
    if (record == NULL)
        return NULL;
    log_record_text(record, "reason", reason);
    host_name_add_to(event->name, &text);
    log_record_bytes(record, "name", text.at, text.size);
    text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(&event->endpoint, &text);
    log_record_bytes(record, "upstream", text.at, text.size);
    log_record_number(record, "duration_ms", event->duration_ms);
    return record;
}

static void tell(struct event_log *log, const struct certificate_event *event, const char *reason)
{
    struct log_record *record = begin(log, event, reason);
    if (record == NULL)
        return;
    if (event->has_overturned)
        log_record_text(record, "was", "good");
    if (event->finding != NULL)
        add_finding(record, event->finding);
    event_log_send(log);
}

static void tell_expiry(struct event_log *log, const struct certificate_event *event,
                        enum expiry_kind kind, int64_t days)
{
    static const char *const reasons[] = {
        [CHAIN_EXPIRES] = "certificate_expires", [PINS_EXPIRE] = "pins_expire"
    };
    struct log_record *record = begin(log, event, reasons[kind]);
    if (record == NULL)
        return;
    log_record_number(record, "days_left", days);
    add_finding(record, event->finding);
    event_log_send(log);
}

/* INT64_MAX: it never ends. */
static int64_t days_left(const struct certificate_event *event, enum expiry_kind kind,
                         int64_t now_s)
{
    int64_t end_s = kind == CHAIN_EXPIRES ? event->finding->not_after_s
                                          : requirement_last_expiry(event->requirement);
    return end_s == INT64_MAX ? INT64_MAX : (end_s - now_s) / DAY_S;
}

/* True the first time of a day. */
static bool note_day(struct expiry_notes *notes, enum expiry_kind kind,
                     const struct host_name *name, int64_t day)
{
    const struct siphash_key no_secret = { { kind, 0 } }; /* a clash costs a line, no more */
    uint64_t hash = siphash(&no_secret, name->wire, name->size);
    bool is_new = notes->note[hash % EXPIRY_NOTES].name != hash ||
                  notes->note[hash % EXPIRY_NOTES].day != day;
    notes->note[hash % EXPIRY_NOTES].name = hash;
    notes->note[hash % EXPIRY_NOTES].day = day;
    return is_new;
}

void certificate_log_checked(struct event_log *log, const struct certificate_event *event,
                             uint32_t warning_days, struct expiry_notes *notes)
{
    int64_t now_s = clock_realtime_s();
    if (event->reason != REASON_ALLOWED) {
        tell(log, event, reason_word(event->reason));
        return;
    }
    if (event->misses_report_pin)
        tell(log, event, reason_word(REASON_PIN_MISMATCH));
    for (int kind = 0; event->finding != NULL && kind < EXPIRY_KINDS; kind++) {
        int64_t days = days_left(event, (enum expiry_kind)kind, now_s);
        if (days < (int64_t)warning_days &&
            note_day(notes, (enum expiry_kind)kind, event->name, now_s / DAY_S))
            tell_expiry(log, event, (enum expiry_kind)kind, days);
    }
}
