/* upstream/certificate_judgement.c - what a rule's demands make of a server's certificates. */
#include "upstream/certificate_judgement.h"
#include "base/text.h"
#include "policy/host_name.h"
#include "policy/requirement.h"
#include "tls/certificate_check.h"

enum reason certificate_status_reason(enum certificate_status status)
{
    switch (status) {
    case CERTIFICATE_EXPIRED:
        return REASON_CERTIFICATE_EXPIRED;
    case CERTIFICATE_NOT_YET_VALID:
        return REASON_CERTIFICATE_NOT_YET_VALID;
    case CERTIFICATE_WRONG_NAME:
        return REASON_CERTIFICATE_WRONG_NAME;
    case CERTIFICATE_PIN_MISMATCH:
        return REASON_PIN_MISMATCH;
    case CERTIFICATE_ABSENT:
        return REASON_CERTIFICATE_ABSENT;
    case CERTIFICATE_GOOD:
        return REASON_ALLOWED;
    case CERTIFICATE_UNTRUSTED:
        break;
    }
    return REASON_CERTIFICATE_UNTRUSTED;
}

/* The pins of one mode that have not expired. */
static uint32_t live_pins(const struct requirement *requirement, bool is_enforced, int64_t now_s,
                          struct spki_pin ret_pins[REQUIRED_PINS_MAX])
{
    uint32_t count, live = 0;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pins[i].is_enforced == is_enforced && pins[i].expires_at > now_s)
            ret_pins[live++] = pins[i].spki;
    return live;
}

static bool has_pin(const struct spki_pin *pins, uint32_t count, const struct spki_pin *wanted)
{
    for (uint32_t i = 0; i < count; i++)
        if (spki_pin_equal(&pins[i], wanted))
            return true;
    return false;
}

bool certificate_finding_has_pin(const struct certificate_finding *finding,
                                 const struct requirement *requirement, bool is_enforced,
                                 int64_t now_s)
{
    struct spki_pin pins[REQUIRED_PINS_MAX];
    uint32_t pin_count = live_pins(requirement, is_enforced, now_s, pins);
    uint32_t chain_count = finding->is_validated || finding->count == 0 ? finding->count : 1;
    for (uint32_t i = 0; i < chain_count; i++)
        if (has_pin(pins, pin_count, &finding->chain[i].spki))
            return true;
    return false;
}

static bool misses_report_pin(const struct certificate_finding *finding,
                              const struct requirement *requirement, int64_t now_s)
{
    struct spki_pin pins[REQUIRED_PINS_MAX];
    return live_pins(requirement, false, now_s, pins) > 0 &&
           !certificate_finding_has_pin(finding, requirement, false, now_s);
}

struct certificate_judgement certificate_judge(const struct certificate_claim *claim,
                                               const struct certificate_chain *chain)
{
    char host[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(host, sizeof(host));
    struct spki_pin pins[REQUIRED_PINS_MAX];
    struct certificate_demand demand = {
        .host = host,
        .is_pin_only = requirement_mode(claim->requirement) == VERIFY_PIN_ONLY,
        .pins = pins,
        .now_s = claim->now_s,
    };
    host_name_add_to(claim->name, &text);
    demand.pin_count = live_pins(claim->requirement, true, demand.now_s, pins);
    if (demand.pin_count == 0 && requirement_has_enforcing_pin(claim->requirement))
        return (struct certificate_judgement){ .reason = REASON_PINS_EXPIRED };
    struct certificate_finding *finding = certificate_check(claim->trust_store, chain, &demand);
    if (finding == NULL)
        return (struct certificate_judgement){ .reason = REASON_OUT_OF_RESOURCES };
    bool is_by_own_key = demand.is_pin_only && finding->count > 0 &&
                         has_pin(pins, demand.pin_count, &finding->chain[0].spki);
    return (struct certificate_judgement){
        .reason = certificate_status_reason(finding->status),
        .finding = finding,
        .misses_report_pin = misses_report_pin(finding, claim->requirement, demand.now_s),
        .dates_count = !is_by_own_key,
    };
}
