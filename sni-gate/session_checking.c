/* sni-gate/session_checking.c - what a connection has to do with the check of its server's
 * certificate. */
#include "base/clock.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "policy/requirement.h"
#include "sni-gate/hello_class.h"
#include "sni-gate/session_layout.h"
#include "tls/certificate_chain.h"
#include "upstream/certificate_judgement.h"

#include <stddef.h>
#include <string.h>

bool session_demands_check(const struct session *session)
{
    return requirement_mode(session->requirement) != VERIFY_NONE;
}

static struct check_question question_of(const struct session *session,
                                         const struct endpoint *endpoint)
{
    const struct session_opening *opening = session->opening;
    return (struct check_question){
        .endpoint = *endpoint,
        .name = &opening->hello.name,
        .requirement = session->requirement,
        .class = opening->class,
        .client = session->arrival.client.address,
        .rule_id = session->verdict.rule_id,
        .is_typed = opening->request.is_typed,
    };
}

static enum board_rank rank_address(const struct upstream_request *request,
                                    const struct endpoint *endpoint)
{
    const struct session_opening *opening =
        (const struct session_opening *)((const char *)request -
                                         offsetof(struct session_opening, request));
    const struct check_question question = question_of(opening->session, endpoint);
    return certificate_checker_rank(opening->context->checker, &question);
}

void session_demand_anew(struct session *session, struct requirement *requirement)
{
    requirement_ref(requirement);
    requirement_unref(session->requirement);
    session->requirement = requirement;
}

void session_demand(struct session *session, struct requirement *requirement)
{
    struct session_opening *opening = session->opening;
    session_demand_anew(session, requirement);
    if (!session_demands_check(session))
        return;
    opening->class = hello_class_of(&opening->hello.hello);
    opening->request.rank = rank_address;
}

bool session_ask_for_verdict(struct session *session, verdict_fn on_outcome,
                             struct check_outcome *ret_outcome)
{
    struct session_opening *opening = session->opening;
    const struct check_question question = question_of(session, &opening->request.endpoint);
    opening->check.on_outcome = on_outcome;
    bool is_known =
        certificate_checker_ask(session->context->checker, &question, &opening->check, ret_outcome);
    opening->is_checking = !is_known;
    return is_known;
}

static void take_finding(struct session *session, struct certificate_finding *finding)
{
    certificate_finding_unref(session->finding);
    session->finding = finding;
}

void session_keep_outcome(struct session *session, const struct check_outcome *outcome)
{
    take_finding(session, outcome->finding);
    session->proof = outcome->reason == REASON_ALLOWED ? GATE_PROOF_CHECK : GATE_PROOF_NONE;
    session->opening->is_checking = false;
}

/* A certificate that the check has just found good is not judged twice. */
static bool is_the_one_checked(const struct session *session, const struct certificate_chain *chain)
{
    const struct certificate_finding *checked = session->finding;
    return checked != NULL && checked->status == CERTIFICATE_GOOD &&
           memcmp(certificate_chain_fingerprint(chain), &checked->fingerprint,
                  sizeof(checked->fingerprint)) == 0;
}

/* Under TLS 1.2 and lower: the very certificate that passes, whose key has signed. */
static enum reason judge_chain(struct session *session, const struct certificate_chain *chain)
{
    const struct certificate_claim claim = { .trust_store = session->context->trust_store,
                                             .name = &session->opening->hello.name,
                                             .requirement = session->requirement,
                                             .now_s = clock_realtime_s() };
    if (chain == NULL)
        return REASON_CERTIFICATE_ABSENT;
    if (is_the_one_checked(session, chain))
        return REASON_ALLOWED;
    struct certificate_judgement judgement = certificate_judge(&claim, chain);
    take_finding(session, judgement.finding);
    return judgement.reason;
}

enum reason session_judge_flight(struct session *session)
{
    struct server_flight *flight = &session->opening->watch.flight;
    const struct policy *policy = policy_view_get(session->context->view);
    if (!session_demands_check(session) || flight->status == SERVER_FLIGHT_TLS13)
        return REASON_ALLOWED;
    if (flight->status == SERVER_FLIGHT_RESUMED) {
        session->proof = GATE_PROOF_RESUMED;
        return policy_settings(policy)->resumption == RESUMPTION_ALLOW ? REASON_ALLOWED
                                                                       : REASON_RESUMPTION_DENIED;
    }
    if (flight->status != SERVER_FLIGHT_PROVEN)
        return REASON_CERTIFICATE_UNPROVEN;
    struct certificate_chain *chain = server_flight_take_chain(flight);
    enum reason reason = judge_chain(session, chain);
    session->proof = reason == REASON_ALLOWED ? GATE_PROOF_HANDSHAKE : GATE_PROOF_NONE;
    certificate_chain_free(chain);
    return reason;
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
           reason != REASON_RESUMPTION_DENIED && reason != REASON_OUT_OF_RESOURCES;
}

bool session_may_leave_server(const struct session *session, enum reason reason)
{
    const struct handshake_watch *watch = &session->opening->watch;
    return is_of_address(reason) &&
           (session->state == CHECKING || handshake_watch_can_leave_server(watch));
}

bool session_meets(const struct session *session, const struct requirement *demanded)
{
    const struct certificate_finding *finding = session->finding;
    enum verify_mode mode = requirement_mode(demanded);
    if (mode == VERIFY_NONE)
        return true;
    if (finding == NULL || finding->status != CERTIFICATE_GOOD)
        return false;
    if (mode == VERIFY_CHAIN && requirement_mode(session->requirement) != VERIFY_CHAIN)
        return false;
    return !requirement_has_enforcing_pin(demanded) ||
           certificate_finding_has_pin(finding, demanded, true, clock_realtime_s());
}
