/* app/acceptance.c - the SQL that would accept what was refused. */
#include "app/acceptance.h"
#include "base/text.h"
#include "tls/certificate_finding.h"

static void add_pin(int64_t rule_id, const struct certificate_summary *certificate,
                    struct text *text)
{
    text_add_format(text, "INSERT INTO pin (rule_id, spki_sha256) VALUES (%lld, '",
                    (long long)rule_id);
    spki_pin_add_to(&certificate->spki, text);
    text_add(text, "');");
}

static void add_verify(int64_t rule_id, const char *mode, struct text *text)
{
    text_add_format(text, "UPDATE rule SET verify = '%s' WHERE id = %lld;", mode,
                    (long long)rule_id);
}

/* A rule without a check can't have pins. */
static void add_no_check(const struct refusal *refusal, struct text *text)
{
    uint32_t count;
    (void)requirement_pins(refusal->requirement, &count);
    if (count > 0)
        text_add_format(text, "DELETE FROM pin WHERE rule_id = %lld; ",
                        (long long)refusal->rule_id);
    add_verify(refusal->rule_id, "none", text);
}

/* In a validated chain its root, which changes last; else the server's own, as nothing is known of
 * the others. */
static const struct certificate_summary *choose_pinned(const struct certificate_finding *finding)
{
    return &finding->chain[finding->is_validated ? finding->count - 1 : 0];
}

/* What no trust store vouches for can be accepted by its key alone. */
static void add_pin_only(const struct refusal *refusal, struct text *text)
{
    add_pin(refusal->rule_id, &refusal->finding->chain[0], text);
    if (requirement_mode(refusal->requirement) == VERIFY_PIN_ONLY)
        return;
    text_add(text, " ");
    add_verify(refusal->rule_id, "pin-only", text);
}

static void add_for_certificate(const struct refusal *refusal, struct text *text)
{
    if (refusal->finding == NULL || refusal->finding->count == 0)
        return;
    if (refusal->reason == REASON_PIN_MISMATCH)
        add_pin(refusal->rule_id, choose_pinned(refusal->finding), text);
    else
        add_pin_only(refusal, text);
}

void refusal_add_acceptance(const struct refusal *refusal, struct text *text)
{
    enum reason reason = refusal->reason;
    if (refusal->rule_id == 0)
        return;
    if (reason == REASON_PIN_MISMATCH || reason == REASON_CERTIFICATE_UNTRUSTED ||
        reason == REASON_CERTIFICATE_EXPIRED || reason == REASON_CERTIFICATE_NOT_YET_VALID ||
        reason == REASON_CERTIFICATE_WRONG_NAME)
        add_for_certificate(refusal, text);
    else if (reason == REASON_PINS_EXPIRED)
        text_add_format(text, "UPDATE pin SET expires_at = NULL WHERE rule_id = %lld;",
                        (long long)refusal->rule_id);
    else if (reason == REASON_CERTIFICATE_ABSENT || reason == REASON_CERTIFICATE_UNPROVEN ||
             reason == REASON_PROBE_FAILED)
        add_no_check(refusal, text);
    else if (reason == REASON_RESUMPTION_DENIED)
        text_add(text, "UPDATE setting SET value = 'allow' WHERE name = 'resumption';");
}
