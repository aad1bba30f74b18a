/* tests/unit/upstream/certificate_judgement_test.c - what a rule's demands make of a chain. */
#include "policy/requirement.h"
#include "tls/certificate_chain.h"
#include "tls/library.h"
#include "upstream/certificate_judgement.h"

#include "checked_server.h"
#include "names.h"

enum { PINNED_UNTIL = CERTIFICATE_NOW + 10 };

static struct certificate_chain *chain_of(X509 *certificate)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    assert_true(sk_X509_push(certificates, certificate) > 0);
    struct certificate_chain *chain = certificate_chain_of(certificates);
    sk_X509_free(certificates);
    assert_non_null(chain);
    return chain;
}

/* The good server's chain, judged by one pin of its own key, until PINNED_UNTIL. */
static enum reason judged(const struct cast *cast, bool is_enforced, int64_t now_s)
{
    X509 *certificate = cast->identities[ECDSA_SERVER].certificate;
    const struct required_pin pin = { pin_of(certificate), is_enforced, PINNED_UNTIL };
    const struct host_name name = name_of("api.example.com");
    struct requirement *requirement = requirement_new(VERIFY_CHAIN, &pin, 1);
    struct certificate_chain *chain = chain_of(certificate);
    const struct certificate_claim claim = { cast->trust_store, &name, requirement, now_s };
    struct certificate_judgement judgement = certificate_judge(&claim, chain);
    certificate_finding_unref(judgement.finding);
    certificate_chain_free(chain);
    requirement_unref(requirement);
    return judgement.reason;
}

static void expired_pins_admit_nothing(void **state)
{
    (void)state;
    struct cast cast;
    cast_make(&cast);
    assert_int_equal(judged(&cast, true, PINNED_UNTIL - 1), REASON_ALLOWED);
    assert_int_equal(judged(&cast, true, PINNED_UNTIL), REASON_PINS_EXPIRED);
    assert_int_equal(judged(&cast, false, PINNED_UNTIL), REASON_ALLOWED);
    cast_free(&cast);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(expired_pins_admit_nothing) };
    return cmocka_run_group_tests_name("certificate_judgement", tests, NULL, NULL);
}
