/* tls/certificate_check.c - builds and judges the chain of a server's certificate. The library
 * builds chains, and checks signatures and extensions; names, pins and which fault is told are
 * checked here, so that a chain that is only expired is told from one that is forged. */
#include "tls/certificate_check.h"
#include "base/text.h"
#include "tls/certificate_chain.h"
#include "tls/certificate_name.h"
#include "tls/library.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum {
    AUTHENTICATION_LEVEL = 2, /* 112 bits: no SHA-1, no RSA of less than 2048 bits */
    /* Verifying with a larger key takes long enough to be an attack. */
    KEY_BITS_MAX = 8192,
};

/* One try to build a chain. */
struct attempt {
    int error;      /* X509_V_*; X509_V_OK: a chain was built, though it may not be valid now */
    int time_error; /* the first X509_V_ERR_CERT_* about dates, or X509_V_OK */
    STACK_OF(X509) * chain; /* that was built, borrowed of the context */
    const X509 *culprit;    /* the certificate that `error` is about; NULL: none in particular */
};

static bool is_about_time(int error)
{
    return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
}

/* Goes on behind a date, so that all else is checked as well. */
static int on_verified(int is_well, X509_STORE_CTX *context)
{
    struct attempt *attempt = X509_STORE_CTX_get_app_data(context);
    int error = X509_STORE_CTX_get_error(context);
    if (is_well == 1)
        return 1;
    if (!is_about_time(error))
        return 0;
    if (attempt->time_error == X509_V_OK)
        attempt->time_error = error;
    return 1;
}

static void set_parameters(X509_STORE_CTX *context, int64_t now_s)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_auth_level(parameters, AUTHENTICATION_LEVEL);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)now_s);
    /* The library does not count the server's own certificate and the root. */
    X509_VERIFY_PARAM_set_depth(parameters, CERTIFICATE_CHAIN_MAX - 2);
}

static bool has_costly_key(STACK_OF(X509) * certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(certificates, i));
        if (key != NULL && EVP_PKEY_get_bits(key) > KEY_BITS_MAX)
            return true;
    }
    return false;
}

/* False when out of memory. What `*ret_attempt` points at lives as long as `context`. */
static bool build_chain(X509_STORE_CTX *context, int64_t now_s, struct attempt *ret_attempt)
{
    struct attempt attempt = { .error = X509_V_OK, .time_error = X509_V_OK };
    X509_STORE_CTX_set_app_data(context, &attempt);
    X509_STORE_CTX_set_verify_cb(context, on_verified);
    set_parameters(context, now_s);
    if (X509_verify_cert(context) == 1) {
        attempt.chain = X509_STORE_CTX_get0_chain(context);
    } else {
        int error = X509_STORE_CTX_get_error(context);
        attempt.error =
            error != X509_V_OK && !is_about_time(error) ? error : X509_V_ERR_UNSPECIFIED;
        attempt.culprit = X509_STORE_CTX_get_current_cert(context);
    }
    X509_STORE_CTX_set_app_data(context, NULL);
    if (attempt.error == X509_V_ERR_OUT_OF_MEM)
        return false;
    *ret_attempt = attempt;
    return true;
}

/* A date that can't be read is long over. */
static int64_t seconds_of(const ASN1_TIME *date)
{
    struct tm parts;
    return ASN1_TIME_to_tm(date, &parts) == 1 ? (int64_t)timegm(&parts) : INT64_MIN;
}

static bool summarize(const X509 *certificate, struct certificate_summary *ret_summary)
{
    struct text subject = text_in(ret_summary->subject, sizeof(ret_summary->subject));
    struct text issuer = text_in(ret_summary->issuer, sizeof(ret_summary->issuer));
    certificate_add_name(X509_get_subject_name(certificate), &subject);
    certificate_add_name(X509_get_issuer_name(certificate), &issuer);
    ret_summary->not_before_s = seconds_of(X509_get0_notBefore(certificate));
    ret_summary->not_after_s = seconds_of(X509_get0_notAfter(certificate));
    return certificate_spki(certificate, &ret_summary->spki);
}

/* Puts the first of `certificates`, NULL for none, into the finding. False when out of memory. */
static bool describe(struct certificate_finding *finding, STACK_OF(X509) * certificates)
{
    int count = certificates != NULL ? sk_X509_num(certificates) : 0;
    finding->count = count < CERTIFICATE_CHAIN_MAX ? (uint32_t)count : CERTIFICATE_CHAIN_MAX;
    finding->not_after_s = INT64_MAX;
    for (uint32_t i = 0; i < finding->count; i++) {
        struct certificate_summary *summary = &finding->chain[i];
        if (!summarize(sk_X509_value(certificates, (int)i), summary))
            return false;
        if (summary->not_after_s < finding->not_after_s)
            finding->not_after_s = summary->not_after_s;
    }
    return true;
}

static bool is_pinned(const struct certificate_demand *demand, const struct spki_pin *spki)
{
    for (uint32_t i = 0; i < demand->pin_count; i++)
        if (spki_pin_equal(&demand->pins[i], spki))
            return true;
    return false;
}

static bool has_pin(const struct certificate_finding *finding,
                    const struct certificate_demand *demand)
{
    for (uint32_t i = 0; i < finding->count; i++)
        if (is_pinned(demand, &finding->chain[i].spki))
            return true;
    return false;
}

/* What is wrong with a chain that was built; the finding describes it already. */
static void judge_chain(struct certificate_finding *finding, const struct attempt *attempt,
                        const struct certificate_demand *demand)
{
    const X509 *leaf = sk_X509_value(attempt->chain, 0);
    struct text detail = text_in(finding->detail, sizeof(finding->detail));
    if (attempt->time_error != X509_V_OK) {
        finding->status = attempt->time_error == X509_V_ERR_CERT_HAS_EXPIRED
                              ? CERTIFICATE_EXPIRED
                              : CERTIFICATE_NOT_YET_VALID;
        text_add(&detail, X509_verify_cert_error_string(attempt->time_error));
    } else if (!certificate_is_for(leaf, demand->host)) {
        finding->status = CERTIFICATE_WRONG_NAME;
        text_add(&detail, "it is for: ");
        certificate_add_names(leaf, &detail);
    } else if (demand->pin_count > 0 && !has_pin(finding, demand)) {
        finding->status = CERTIFICATE_PIN_MISMATCH;
        text_add_format(&detail, "none of %u pins is in the chain", demand->pin_count);
    } else {
        finding->status = CERTIFICATE_GOOD;
    }
}

/* No anchor was met, rather than a fault on the way to one. */
static bool leads_nowhere(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

/* Why no chain was built; the finding describes what was presented. */
static void tell_fault(struct certificate_finding *finding, const struct attempt *attempt,
                       const struct certificate_demand *demand)
{
    struct text detail = text_in(finding->detail, sizeof(finding->detail));
    finding->status = demand->is_pin_only && leads_nowhere(attempt->error)
                          ? CERTIFICATE_PIN_MISMATCH
                          : CERTIFICATE_UNTRUSTED;
    text_add(&detail, X509_verify_cert_error_string(attempt->error));
    if (attempt->culprit == NULL)
        return;
    text_add(&detail, ", at ");
    certificate_add_name(X509_get_subject_name(attempt->culprit), &detail);
}

/* Judges by `roots`; with `is_pin_only` these need not have signed themselves. False when out of
 * memory. */
static bool check_chain(struct certificate_finding *finding, X509_STORE *roots,
                        STACK_OF(X509) * presented, const struct certificate_demand *demand)
{
    struct attempt attempt;
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    bool is_well =
        context != NULL &&
        X509_STORE_CTX_init(context, roots, sk_X509_value(presented, 0), presented) == 1 &&
        X509_STORE_CTX_set_default(context, "ssl_server") == 1;
    if (is_well && demand->is_pin_only)
        X509_STORE_CTX_set_flags(context, X509_V_FLAG_PARTIAL_CHAIN);
    is_well = is_well && build_chain(context, demand->now_s, &attempt);
    if (is_well) {
        finding->is_validated = attempt.error == X509_V_OK;
        is_well = describe(finding, finding->is_validated ? attempt.chain : presented);
    }
    if (is_well && finding->is_validated)
        judge_chain(finding, &attempt, demand);
    else if (is_well)
        tell_fault(finding, &attempt, demand);
    X509_STORE_CTX_free(context);
    return is_well;
}

static struct certificate_finding *finding_new(void)
{
    struct certificate_finding *finding = calloc(1, sizeof(*finding));
    if (finding != NULL)
        atomic_init(&finding->references, 1);
    return finding;
}

/* What can be said without building a chain. NULL when out of memory. */
static struct certificate_finding *finding_of(enum certificate_status status, const char *detail,
                                              STACK_OF(X509) * presented)
{
    struct certificate_finding *finding = finding_new();
    if (finding == NULL || !describe(finding, presented))
        return certificate_finding_unref(finding);
    finding->status = status;
    struct text text = text_in(finding->detail, sizeof(finding->detail));
    text_add(&text, detail);
    return finding;
}

static struct certificate_finding *check_by_roots(X509_STORE *roots, STACK_OF(X509) * presented,
                                                  const struct certificate_demand *demand)
{
    struct certificate_finding *finding = finding_new();
    if (finding != NULL && check_chain(finding, roots, presented, demand))
        return finding;
    return certificate_finding_unref(finding);
}

static struct certificate_finding *check_by_anchor(X509 *anchor, STACK_OF(X509) * presented,
                                                   const struct certificate_demand *demand)
{
    X509_STORE *roots = X509_STORE_new();
    struct certificate_finding *finding = NULL;
    if (roots != NULL && X509_STORE_add_cert(roots, anchor) == 1)
        finding = check_by_roots(roots, presented, demand);
    X509_STORE_free(roots);
    return finding;
}

/* The pin stands for the key, whatever the certificate around it says: dates do not count. */
static struct certificate_finding *accept_leaf(X509 *leaf)
{
    STACK_OF(X509) *alone = sk_X509_new_null();
    struct certificate_finding *finding = NULL;
    if (alone != NULL && sk_X509_push(alone, leaf) > 0)
        finding = finding_of(CERTIFICATE_GOOD, "", alone);
    sk_X509_free(alone);
    if (finding == NULL)
        return NULL;
    finding->is_validated = true;
    finding->not_after_s = INT64_MAX;
    return finding;
}

/* Which finding of two tells more of a server that presented several pinned certificates. */
static int weight(const struct certificate_finding *finding)
{
    if (finding->status == CERTIFICATE_GOOD)
        return 3;
    if (finding->is_validated)
        return 2;
    return finding->status == CERTIFICATE_UNTRUSTED ? 1 : 0;
}

/* Each pinned certificate is tried by itself: one of them may have expired where another has not.
 */
static struct certificate_finding *check_by_pins(STACK_OF(X509) * presented,
                                                 const struct certificate_demand *demand)
{
    struct certificate_finding *best =
        finding_of(CERTIFICATE_PIN_MISMATCH, "no pin names a certificate of its chain", presented);
    for (int i = 0; i < sk_X509_num(presented) && best != NULL && weight(best) < 3; i++) {
        struct spki_pin spki;
        X509 *certificate = sk_X509_value(presented, i);
        if (!certificate_spki(certificate, &spki))
            return certificate_finding_unref(best);
        if (!is_pinned(demand, &spki))
            continue;
        struct certificate_finding *next =
            i == 0 ? accept_leaf(certificate) : check_by_anchor(certificate, presented, demand);
        if (next == NULL || weight(next) > weight(best)) {
            (void)certificate_finding_unref(best);
            best = next;
        } else {
            (void)certificate_finding_unref(next);
        }
    }
    return best;
}

struct certificate_finding *certificate_check(const struct trust_store *store,
                                              const struct certificate_chain *chain,
                                              const struct certificate_demand *demand)
{
    struct certificate_finding *finding;
    ERR_clear_error();
    if (chain == NULL)
        finding = finding_of(CERTIFICATE_ABSENT, "no certificate was presented", NULL);
    else if (has_costly_key(chain->certificates))
        finding =
            finding_of(CERTIFICATE_UNTRUSTED, "a key of more than 8192 bits", chain->certificates);
    else if (demand->is_pin_only)
        finding = check_by_pins(chain->certificates, demand);
    else
        finding = check_by_roots(store->store, chain->certificates, demand);
    if (finding != NULL && chain != NULL)
        finding->fingerprint = *certificate_chain_fingerprint(chain);
    ERR_clear_error();
    return finding;
}
