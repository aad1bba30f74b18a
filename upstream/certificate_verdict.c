/* upstream/certificate_verdict.c - what is known of a server's certificate, and for how long. */
#include "upstream/certificate_verdict.h"

bool certificate_verdict_is_good(const struct certificate_verdict *verdict)
{
    return verdict->is_made && verdict->reason == REASON_ALLOWED;
}

bool certificate_verdict_holds(const struct certificate_verdict *verdict,
                               const struct check_moment *now)
{
    if (!verdict->is_made || now->monotonic_ms >= verdict->expires_ms)
        return false;
    return verdict->reason != REASON_ALLOWED ||
           (now->realtime_s >= verdict->not_before_s && now->realtime_s <= verdict->not_after_s &&
            now->realtime_s < verdict->pins_until_s);
}

struct check_outcome certificate_verdict_outcome(const struct certificate_verdict *verdict)
{
    return (struct check_outcome){ .reason = verdict->reason,
                                   .finding = certificate_finding_ref(verdict->finding),
                                   .was_known = true,
                                   .misses_report_pin = verdict->misses_report_pin };
}

void certificate_verdict_release(struct certificate_verdict *verdict)
{
    certificate_finding_unref(verdict->finding);
    *verdict = (struct certificate_verdict){ 0 };
}

/* Until the chain, or a pin, is over; at least a second, or it would be renewed without end. */
static int64_t good_life_ms(const struct certificate_verdict *verdict,
                            const struct check_moment *now)
{
    int64_t end_s =
        verdict->not_after_s < verdict->pins_until_s ? verdict->not_after_s : verdict->pins_until_s;
    int64_t left_s = end_s > now->realtime_s ? end_s - now->realtime_s : 0;
    if (left_s >= VERDICT_GOOD_MS / 1000)
        return VERDICT_GOOD_MS;
    return 1000 * (left_s > 1 ? left_s : 1);
}

static void set_lifetime(struct certificate_verdict *verdict, bool is_wrong,
                         const struct check_moment *now, uint64_t dice)
{
    int64_t life_ms = is_wrong ? VERDICT_BAD_MS : VERDICT_UNREACHABLE_MS;
    if (verdict->reason == REASON_ALLOWED) {
        int64_t percent =
            VERDICT_RENEW_FROM_PERCENT + (int64_t)(dice % VERDICT_RENEW_SPREAD_PERCENT);
        life_ms = good_life_ms(verdict, now);
        verdict->renew_ms = now->monotonic_ms + life_ms * percent / 100;
    }
    verdict->expires_ms = now->monotonic_ms + life_ms;
}

/* Who had no descriptor, or was not let, has not tried: nothing is kept of that. */
static bool is_lasting(const struct probe_result *result)
{
    return result->reason == REASON_ALLOWED || result->is_wrong ||
           result->reason == REASON_PROBE_UNREACHABLE || result->reason == REASON_PROBE_FAILED;
}

enum verdict_change certificate_verdict_take(struct certificate_verdict *verdict,
                                             const struct probe_result *result,
                                             const struct requirement *requirement,
                                             const struct check_moment *now, uint64_t dice)
{
    bool was_good = certificate_verdict_is_good(verdict);
    if (was_good && certificate_verdict_holds(verdict, now) && result->reason != REASON_ALLOWED &&
        !result->is_wrong) {
        verdict->renew_ms = now->monotonic_ms + VERDICT_RENEWAL_RETRY_MS;
        return VERDICT_STAYS;
    }
    certificate_verdict_release(verdict);
    if (!is_lasting(result))
        return VERDICT_CHANGES;
    *verdict = (struct certificate_verdict){
        .is_made = true,
        .reason = result->reason,
        .finding = certificate_finding_ref(result->finding),
        .misses_report_pin = result->misses_report_pin,
        .not_before_s = result->not_before_s,
        .not_after_s = result->not_after_s,
        .pins_until_s = requirement_next_expiry(requirement, result->checked_s),
    };
    set_lifetime(verdict, result->is_wrong, now, dice);
    return was_good && result->is_wrong ? VERDICT_OVERTURNED : VERDICT_CHANGES;
}
