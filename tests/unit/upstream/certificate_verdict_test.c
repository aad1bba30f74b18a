/* tests/unit/upstream/certificate_verdict_test.c - for how long what a probe found holds, and what
 * may take its place. */
#include "upstream/certificate_verdict.h"

#include "unit.h"

#include <stdlib.h>

enum { START_MS = 1000000, NOW_S = 1700000000, DAY_S = 86400 };

static struct check_moment moment(int64_t after_ms)
{
    return (struct check_moment){ .monotonic_ms = START_MS + after_ms,
                                  .realtime_s = NOW_S + after_ms / 1000 };
}

static struct probe_result good_until(int64_t not_after_s)
{
    return (struct probe_result){ .reason = REASON_ALLOWED,
                                  .checked_s = NOW_S,
                                  .not_before_s = NOW_S - DAY_S,
                                  .not_after_s = not_after_s };
}

static enum verdict_change take(struct certificate_verdict *verdict,
                                const struct probe_result *result, int64_t after_ms)
{
    const struct check_moment now = moment(after_ms);
    return certificate_verdict_take(verdict, result, NULL, &now, 7);
}

static bool holds(const struct certificate_verdict *verdict, int64_t after_ms)
{
    const struct check_moment now = moment(after_ms);
    return certificate_verdict_holds(verdict, &now);
}

static const struct life {
    const char *name;
    enum reason reason;
    bool is_wrong;
    int64_t life_ms;
} lives[] = {
    { "a good one lives for ten minutes", REASON_ALLOWED, false, 600 * 1000 },
    { "a wrong certificate for ten seconds", REASON_PIN_MISMATCH, true, 10 * 1000 },
    { "a server that breaks the rules for ten seconds", REASON_PROBE_FAILED, true, 10 * 1000 },
    { "one that did not answer for two seconds", REASON_PROBE_FAILED, false, 2 * 1000 },
    { "one that could not be reached for two seconds", REASON_PROBE_UNREACHABLE, false, 2 * 1000 },
};

static void lives_for_so_long(void **state)
{
    const struct life *life = *state;
    struct certificate_verdict verdict = { 0 };
    const struct probe_result result = { .reason = life->reason,
                                         .is_wrong = life->is_wrong,
                                         .not_before_s = INT64_MIN,
                                         .not_after_s = INT64_MAX };
    assert_int_equal(take(&verdict, &result, 0), VERDICT_CHANGES);
    assert_int_equal(certificate_verdict_outcome(&verdict).reason, life->reason);
    assert_true(holds(&verdict, life->life_ms - 1));
    assert_false(holds(&verdict, life->life_ms));
}

static void nothing_is_known_at_first(void **state)
{
    const struct certificate_verdict verdict = { 0 };
    (void)state;
    assert_false(holds(&verdict, -START_MS));
    assert_false(certificate_verdict_is_good(&verdict));
}

static void ends_with_its_chain(void **state)
{
    struct certificate_verdict verdict = { 0 };
    const struct probe_result result = good_until(NOW_S + 5);
    (void)state;
    take(&verdict, &result, 0);
    assert_true(holds(&verdict, 4999));
    assert_false(holds(&verdict, 6000));
    assert_true(verdict.renew_ms < START_MS + 5000); /* it is renewed ahead of that, too */
}

/* What is still young ends with its chain when the clock is set. */
static void ends_when_the_clock_steps(void **state)
{
    struct certificate_verdict verdict = { 0 };
    const struct probe_result result = good_until(NOW_S + DAY_S);
    struct check_moment now = moment(1);
    (void)state;
    take(&verdict, &result, 0);
    now.realtime_s = NOW_S + DAY_S + 1;
    assert_false(certificate_verdict_holds(&verdict, &now));
    now.realtime_s = NOW_S - DAY_S - 1;
    assert_false(certificate_verdict_holds(&verdict, &now));
    now.realtime_s = NOW_S + DAY_S;
    assert_true(certificate_verdict_holds(&verdict, &now));
}

static void ends_with_a_pin(void **state)
{
    const struct required_pin pins[] = {
        { .is_enforced = true, .expires_at = NOW_S + 100 },
        { .is_enforced = false, .expires_at = NOW_S + 30 },
        { .is_enforced = true, .expires_at = NOW_S - 30 },
    };
    struct requirement *requirement = requirement_new(VERIFY_CHAIN, pins, COUNT(pins));
    struct certificate_verdict verdict = { 0 };
    const struct probe_result result = good_until(NOW_S + DAY_S);
    const struct check_moment now = moment(0);
    (void)state;
    certificate_verdict_take(&verdict, &result, requirement, &now, 0);
    assert_true(holds(&verdict, 29 * 1000));
    assert_false(holds(&verdict, 30 * 1000));
    const struct check_moment stepped = { now.monotonic_ms + 1, NOW_S + 30, 0 };
    assert_false(certificate_verdict_holds(&verdict, &stepped)); /* when the clock says so, too */
    requirement_unref(requirement);
}

/* One that expired while the probe was under way had counted when it was checked. */
static void ends_with_a_pin_that_is_over_already(void **state)
{
    const struct required_pin pin = { .is_enforced = true, .expires_at = NOW_S + 3 };
    struct requirement *requirement = requirement_new(VERIFY_CHAIN, &pin, 1);
    struct certificate_verdict verdict = { 0 };
    const struct probe_result result = good_until(NOW_S + DAY_S);
    const struct check_moment now = moment(4000);
    (void)state;
    certificate_verdict_take(&verdict, &result, requirement, &now, 0);
    assert_false(holds(&verdict, 4000));
    requirement_unref(requirement);
}

static void unreachable_leaves_a_good_one(void **state)
{
    struct certificate_verdict verdict = { 0 };
    const struct probe_result good = good_until(NOW_S + DAY_S);
    const struct probe_result nothing[] = { { .reason = REASON_PROBE_UNREACHABLE },
                                            { .reason = REASON_PROBE_FAILED },
                                            { .reason = REASON_OUT_OF_RESOURCES } };
    (void)state;
    for (size_t i = 0; i < COUNT(nothing); i++) {
        certificate_verdict_release(&verdict);
        take(&verdict, &good, 0);
        assert_int_equal(take(&verdict, &nothing[i], 500 * 1000), VERDICT_STAYS);
        assert_true(holds(&verdict, 599 * 1000));
        assert_true(certificate_verdict_is_good(&verdict));
        assert_int_equal(verdict.renew_ms, START_MS + 500 * 1000 + VERDICT_RENEWAL_RETRY_MS);
        assert_false(holds(&verdict, 600 * 1000)); /* it lives no longer for that */
        assert_int_equal(take(&verdict, &nothing[i], 600 * 1000), VERDICT_CHANGES);
        assert_false(certificate_verdict_is_good(&verdict));
    }
}

static void wrong_overturns_a_good_one_at_once(void **state)
{
    struct certificate_verdict verdict = { 0 };
    const struct probe_result good = good_until(NOW_S + DAY_S);
    const struct probe_result wrong = { .reason = REASON_CERTIFICATE_UNTRUSTED, .is_wrong = true };
    (void)state;
    take(&verdict, &good, 0);
    assert_int_equal(take(&verdict, &wrong, 1), VERDICT_OVERTURNED);
    assert_int_equal(certificate_verdict_outcome(&verdict).reason, REASON_CERTIFICATE_UNTRUSTED);
    assert_int_equal(take(&verdict, &wrong, 2), VERDICT_CHANGES); /* it was wrong before */
    take(&verdict, &good, 3);
    assert_int_equal(take(&verdict, &wrong, 700 * 1000), VERDICT_OVERTURNED); /* connections live */
}

static void what_was_not_tried_is_not_kept(void **state)
{
    struct certificate_verdict verdict = { 0 };
    const struct probe_result untried[] = { { .reason = REASON_OUT_OF_RESOURCES },
                                            { .reason = REASON_UPSTREAM_ADDRESS_REFUSED } };
    (void)state;
    for (size_t i = 0; i < COUNT(untried); i++) {
        take(&verdict, &untried[i], 0);
        assert_false(verdict.is_made);
    }
}

static void holds_one_reference(void **state)
{
    struct certificate_finding *finding = calloc(1, sizeof(*finding));
    struct certificate_verdict verdict = { 0 };
    struct probe_result result = good_until(NOW_S + DAY_S);
    (void)state;
    atomic_init(&finding->references, 1);
    result.finding = finding;
    take(&verdict, &result, 0);
    take(&verdict, &result, 1);
    assert_int_equal(finding->references, 2);
    struct check_outcome outcome = certificate_verdict_outcome(&verdict);
    assert_ptr_equal(outcome.finding, finding);
    certificate_finding_unref(outcome.finding);
    certificate_verdict_release(&verdict);
    assert_int_equal(finding->references, 1);
    certificate_finding_unref(finding);
}

static void renewals_are_spread(void **state)
{
    bool seen[VERDICT_GOOD_MS / 1000] = { false };
    uint32_t moments = 0;
    (void)state;
    for (uint64_t dice = 0; dice < 1000; dice++) {
        struct certificate_verdict verdict = { 0 };
        const struct probe_result result = good_until(NOW_S + DAY_S);
        const struct check_moment now = moment(0);
        certificate_verdict_take(&verdict, &result, NULL, &now, dice * 7919);
        int64_t after_s = (verdict.renew_ms - START_MS) / 1000;
        assert_in_range(after_s, 360, 510);
        moments += seen[after_s] ? 0 : 1;
        seen[after_s] = true;
    }
    assert_true(moments >= VERDICT_RENEW_SPREAD_PERCENT);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, lives, lives_for_so_long);
    tests_add_row(&tests, "nothing is known at first", NULL, nothing_is_known_at_first);
    tests_add_row(&tests, "ends with its chain", NULL, ends_with_its_chain);
    tests_add_row(&tests, "ends when the clock steps", NULL, ends_when_the_clock_steps);
    tests_add_row(&tests, "ends with a pin", NULL, ends_with_a_pin);
    tests_add_row(&tests, "ends with a pin that is over already", NULL,
                  ends_with_a_pin_that_is_over_already);
    tests_add_row(&tests, "unreachable leaves a good one", NULL, unreachable_leaves_a_good_one);
    tests_add_row(&tests, "wrong overturns a good one at once", NULL,
                  wrong_overturns_a_good_one_at_once);
    tests_add_row(&tests, "what was not tried is not kept", NULL, what_was_not_tried_is_not_kept);
    tests_add_row(&tests, "holds one reference", NULL, holds_one_reference);
    tests_add_row(&tests, "renewals are spread", NULL, renewals_are_spread);
    return tests_run(&tests, "certificate_verdict");
}
