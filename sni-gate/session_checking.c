/* sni-gate/session_checking.c - what a connection has to do with the check of its server's
 * certificate. */
#include "base/clock.h"
#include "policy/requirement.h"
#include "sni-gate/session_layout.h"

bool session_demands_check(const struct session *session)
{
    return requirement_mode(session->requirement) != VERIFY_NONE;
}

bool session_ask_for_verdict(struct session *session, check_fn on_outcome,
                             struct check_outcome *ret_outcome)
{
    struct session_opening *opening = session->opening;
    const struct check_question question = {
        .endpoint = opening->request.endpoint,
        .name = &opening->hello.name,
        .requirement = session->requirement,
        .class = opening->hello.class,
        .client = session->arrival.client.address,
    };
    opening->check.on_outcome = on_outcome;
    bool is_known =
        certificate_checker_ask(session->context->checker, &question, &opening->check, ret_outcome);
    opening->is_checking = !is_known;
    return is_known;
}

void session_keep_outcome(struct session *session, const struct check_outcome *outcome)
{
    certificate_finding_unref(session->finding);
    session->finding = outcome->finding;
    session->proof = outcome->reason == REASON_ALLOWED ? GATE_PROOF_CHECK : GATE_PROOF_NONE;
    session->opening->is_checking = false;
}

void session_stop_checking(struct session *session)
{
    check_wait_cancel(&session->opening->check);
    session->opening->is_checking = false;
}

/* What any address of the name would fail by is not tried again. */
static bool is_of_address(enum reason reason)
{
    return reason != REASON_PINS_EXPIRED && reason != REASON_PROBE_LIMIT &&
           reason != REASON_OUT_OF_RESOURCES;
}

bool session_may_leave_server(const struct session *session, enum reason reason)
{
    const struct handshake_watch *watch = &session->opening->watch;
    return is_of_address(reason) &&
           (session->state == CHECKING || handshake_watch_can_leave_server(watch));
}

static bool has_live_pin_in(const struct requirement *demanded, const struct spki_pin *spki,
                            int64_t now_s)
{
    uint32_t count;
    const struct required_pin *pins = requirement_pins(demanded, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pins[i].is_enforced && pins[i].expires_at > now_s &&
            spki_pin_equal(&pins[i].spki, spki))
            return true;
    return false;
}

static bool has_pinned_chain(const struct requirement *demanded,
                             const struct certificate_finding *finding, int64_t now_s)
{
    if (finding->count > 0 && has_live_pin_in(demanded, &finding->chain[0].spki, now_s))
        return true;
    for (uint32_t i = 1; i < finding->count && finding->is_validated; i++)
        if (has_live_pin_in(demanded, &finding->chain[i].spki, now_s))
            return true;
    return false;
}

bool session_meets(const struct session *session, const struct requirement *demanded)
{
    int64_t now_s = clock_realtime_s();
    const struct certificate_finding *finding = session->finding;
    enum verify_mode mode = requirement_mode(demanded);
    if (mode == VERIFY_NONE)
        return true;
    if (finding == NULL || finding->status != CERTIFICATE_GOOD)
        return false;
    if (mode == VERIFY_CHAIN && requirement_mode(session->requirement) != VERIFY_CHAIN)
        return false;
    return !requirement_has_enforcing_pin(demanded) || has_pinned_chain(demanded, finding, now_s);
}
