/* tests/unit/tls/certificate_check_test.c - chains of every kind, and what becomes of them. */
#include "tls/certificate_chain.h"
#include "tls/certificate_check.h"
#include "tls/trust_store.h"

#include "certificate_cast.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { PRESENTED = 10, ROOTS = 2, PINS = 3 };

static const struct row {
    const char *name;
    enum who presented[PRESENTED];
    enum certificate_status expected;
    uint32_t length;       /* how many certificates the chain has; 0: there is none */
    const char *words;     /* of the detail; NULL: any */
    enum who roots[ROOTS]; /* none: ROOT and RSA_ROOT */
    enum who pins[PINS];
    bool is_pin_only;
    const char *host; /* NULL: a.example.com */
} rows[] = {
    { "right", { LEAF, INTERMEDIATE }, CERTIFICATE_GOOD, .length = 3, .words = "" },
    { "right, with its root",
      { LEAF, INTERMEDIATE, ROOT },
      CERTIFICATE_GOOD,
      .length = 3,
      .words = "" },
    { "out of order",
      { LEAF, STRANGER, ROOT, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 3,
      .words = "" },
    { "RSA", { RSA_LEAF }, CERTIFICATE_GOOD, .length = 2, .words = "" },
    { "without a purpose", { NO_PURPOSE }, CERTIFICATE_GOOD, .length = 2, .words = "" },
    { "none",
      { NOBODY },
      CERTIFICATE_ABSENT,
      .length = 0,
      .words = "no certificate was presented" },

    { "wildcard", { WILDCARD }, CERTIFICATE_GOOD, .length = 2, .words = "" },
    { "wildcard for an underscore",
      { WILDCARD },
      CERTIFICATE_GOOD,
      .length = 2,
      .host = "a_b.example.com" },
    { "wildcard for two labels",
      { WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .words = "it is for: *.example.com",
      .host = "a.b.example.com" },
    { "wildcard for no label",
      { WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .host = "example.com" },
    { "wildcard for an empty label",
      { WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .host = ".example.com" },
    { "wildcard, another name",
      { WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .host = "a.example.org" },
    { "wildcard deeper down",
      { TWO_LABELS },
      CERTIFICATE_GOOD,
      .length = 2,
      .host = "a.b.example.com" },
    { "second of two names", { TWO_LABELS }, CERTIFICATE_GOOD, .length = 2, .host = "x.test" },
    { "partial wildcard",
      { PARTIAL_WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .host = "ab.example.com" },
    { "wildcard of a top domain",
      { TOP_WILDCARD },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .host = "example.com" },
    { "star alone", { TOP_WILDCARD }, CERTIFICATE_WRONG_NAME, .length = 2, .host = "com" },
    { "wrong name",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_WRONG_NAME,
      .length = 3,
      .words = "it is for: a.example.com",
      .host = "b.example.com" },
    { "longer name",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_WRONG_NAME,
      .length = 3,
      .host = "a.example.com.evil.test" },
    { "common name alone",
      { COMMON_NAME },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .words = "it is for: " },
    { "no name at all", { NO_NAME }, CERTIFICATE_WRONG_NAME, .length = 2 },
    { "address", { ADDRESS }, CERTIFICATE_WRONG_NAME, .length = 2 },
    { "address as a name", { ADDRESS }, CERTIFICATE_WRONG_NAME, .length = 2, .host = "192.0.2.1" },
    { "name with a NUL",
      { NUL_NAME },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .words = "it is for: a.example.com\\x00.evil.test" },

    { "expired",
      { EXPIRED },
      CERTIFICATE_EXPIRED,
      .length = 2,
      .words = "certificate has expired" },
    { "not yet valid",
      { EARLY },
      CERTIFICATE_NOT_YET_VALID,
      .length = 2,
      .words = "certificate is not yet valid" },
    { "expired above all", { EXPIRED_OTHER }, CERTIFICATE_EXPIRED, .length = 2 },
    { "expired intermediate",
      { EXPIRED_INTERMEDIATE_LEAF, EXPIRED_INTERMEDIATE },
      CERTIFICATE_EXPIRED,
      .length = 3 },
    { "expired root",
      { LEAF_OF_ROOT },
      CERTIFICATE_EXPIRED,
      .length = 2,
      .roots = { EXPIRED_ROOT } },
    { "expired root beside a valid one",
      { LEAF_OF_ROOT },
      CERTIFICATE_GOOD,
      .length = 2,
      .roots = { EXPIRED_ROOT, ROOT } },
    { "expired and of nobody",
      { EXPIRED },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .roots = { STRANGER } },

    { "self-signed",
      { SELF_SIGNED },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "self-signed certificate, at CN=leaf" },
    { "missing intermediate",
      { LEAF },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "unable to get local issuer certificate, at CN=leaf" },
    { "another's root",
      { LEAF, INTERMEDIATE, ROOT },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "self-signed certificate in certificate chain, at CN=root",
      .roots = { STRANGER } },
    { "intermediate as the root",
      { LEAF },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .roots = { INTERMEDIATE } },
    { "forged",
      { FORGED },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "certificate signature failure, at CN=leaf" },
    { "cross-signed, trusted by both ways",
      { LEAF, CROSS },
      CERTIFICATE_GOOD,
      .length = 3,
      .roots = { STRANGER } },
    { "cross-signed root, new root trusted",
      { LEAF, INTERMEDIATE, ROOT_BY_STRANGER },
      CERTIFICATE_GOOD,
      .length = 3 },
    { "cross-signed root, old root trusted",
      { LEAF, INTERMEDIATE, ROOT_BY_STRANGER },
      CERTIFICATE_GOOD,
      .length = 4,
      .roots = { STRANGER } },
    { "authority that is none",
      { FALSE_AUTHORITY_LEAF, NO_AUTHORITY },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "invalid CA certificate, at CN=no authority" },
    { "authority without constraints",
      { NO_CONSTRAINTS_LEAF, NO_CONSTRAINTS },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "invalid CA certificate, at CN=no constraints" },
    { "path too long",
      { LONG_PATH_LEAF, LONG_PATH, INTERMEDIATE },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "path length constraint exceeded, at CN=intermediate" },
    { "outside of its authority's names",
      { NARROW_LEAF, NARROW },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "permitted subtree violation, at CN=leaf" },
    { "for clients", { CLIENT_PURPOSE }, CERTIFICATE_UNTRUSTED, .length = 0 },
    { "unknown critical extension",
      { UNKNOWN },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "unhandled critical extension, at CN=leaf" },
    { "SHA-1",
      { BY_SHA1 },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "CA signature digest algorithm too weak, at CN=leaf" },
    { "MD5",
      { BY_MD5 },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "CA signature digest algorithm too weak, at CN=leaf" },
    { "1024 bits",
      { WEAK },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "EE certificate key too weak, at CN=leaf" },
    { "authority of 1024 bits",
      { WEAK_INTERMEDIATE_LEAF, WEAK_INTERMEDIATE },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "CA certificate key too weak, at CN=weak" },
    { "key that costs time",
      { COSTLY },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "a key of more than 8192 bits" },
    { "as long as it may be",
      { DEEP_6_LEAF, DEEP_6, DEEP_5, DEEP_4, DEEP_3, DEEP_2, DEEP_1 },
      CERTIFICATE_GOOD,
      .length = 8,
      .words = "" },
    { "too long",
      { DEEP_7_LEAF, DEEP_7, DEEP_6, DEEP_5, DEEP_4, DEEP_3, DEEP_2, DEEP_1 },
      CERTIFICATE_UNTRUSTED,
      .length = 0 },

    { "pin of the root",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 3,
      .pins = { STRANGER, ROOT } },
    { "pin of the intermediate",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 3,
      .pins = { CROSS } },
    { "pin of the leaf", { LEAF, INTERMEDIATE }, CERTIFICATE_GOOD, .length = 3, .pins = { LEAF } },
    { "pin of nobody there",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_PIN_MISMATCH,
      .length = 3,
      .words = "none of 2 pins is in the chain",
      .pins = { STRANGER, DEEP_1 } },
    { "pin of a certificate outside of the chain",
      { LEAF, INTERMEDIATE, STRANGER },
      CERTIFICATE_PIN_MISMATCH,
      .length = 3,
      .words = "none of 1 pins is in the chain",
      .pins = { STRANGER } },
    { "pin of a signer outside of the chain",
      { LEAF, INTERMEDIATE, ROOT_BY_STRANGER, STRANGER },
      CERTIFICATE_PIN_MISMATCH,
      .length = 3,
      .pins = { STRANGER } },
    { "pinned, but expired", { EXPIRED }, CERTIFICATE_EXPIRED, .length = 2, .pins = { LEAF } },
    { "pinned, but of nobody",
      { SELF_SIGNED },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .pins = { LEAF } },

    { "pin alone: the leaf's",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 1,
      .words = "",
      .pins = { LEAF },
      .is_pin_only = true },
    { "pin alone: the leaf's, self-signed",
      { SELF_SIGNED },
      CERTIFICATE_GOOD,
      .length = 1,
      .pins = { LEAF },
      .is_pin_only = true },
    { "pin alone: the leaf's, expired, for others",
      { EXPIRED_OTHER, ROOT },
      CERTIFICATE_GOOD,
      .length = 1,
      .pins = { STRANGER, LEAF },
      .is_pin_only = true },
    { "pin alone: the leaf's, weak",
      { WEAK },
      CERTIFICATE_GOOD,
      .length = 1,
      .pins = { WEAK },
      .is_pin_only = true },
    { "pin alone: the root's",
      { LEAF, INTERMEDIATE, ROOT },
      CERTIFICATE_GOOD,
      .length = 3,
      .words = "",
      .roots = { STRANGER },
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: the intermediate's",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 2,
      .words = "",
      .roots = { STRANGER },
      .pins = { INTERMEDIATE },
      .is_pin_only = true },
    { "pin alone: the intermediate's, beside an expired root",
      { LEAF, EXPIRED_ROOT, INTERMEDIATE },
      CERTIFICATE_GOOD,
      .length = 2,
      .pins = { INTERMEDIATE, ROOT },
      .is_pin_only = true },
    { "pin alone: a root that was not presented",
      { LEAF, INTERMEDIATE },
      CERTIFICATE_PIN_MISMATCH,
      .length = 0,
      .words = "no pin names a certificate of its chain",
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: merely presented",
      { LEAF, INTERMEDIATE, STRANGER },
      CERTIFICATE_PIN_MISMATCH,
      .length = 0,
      .words = "no pin names a certificate of its chain",
      .pins = { STRANGER },
      .is_pin_only = true },
    { "pin alone: merely presented behind an own one",
      { SELF_SIGNED, ROOT },
      CERTIFICATE_PIN_MISMATCH,
      .length = 0,
      .words = "no pin names a certificate of its chain",
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: in the issuer's name",
      { FORGED, ROOT },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "certificate signature failure, at CN=leaf",
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: the root's, expired",
      { EXPIRED, ROOT },
      CERTIFICATE_EXPIRED,
      .length = 2,
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: an expired root's",
      { LEAF_OF_ROOT, EXPIRED_ROOT },
      CERTIFICATE_EXPIRED,
      .length = 2,
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: the root's, for others",
      { LEAF_OF_ROOT, ROOT },
      CERTIFICATE_WRONG_NAME,
      .length = 2,
      .pins = { ROOT },
      .is_pin_only = true,
      .host = "b.example.com" },
    { "pin alone: no authority's",
      { FALSE_AUTHORITY_LEAF, NO_AUTHORITY },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .words = "invalid CA certificate, at CN=no authority",
      .pins = { NO_AUTHORITY },
      .is_pin_only = true },
    { "pin alone: the root's, weak",
      { WEAK, ROOT },
      CERTIFICATE_UNTRUSTED,
      .length = 0,
      .pins = { ROOT },
      .is_pin_only = true },
    { "pin alone: no pins",
      { LEAF, INTERMEDIATE, ROOT },
      CERTIFICATE_PIN_MISMATCH,
      .length = 0,
      .is_pin_only = true },
    { "pin alone: nothing presented",
      { NOBODY },
      CERTIFICATE_ABSENT,
      .length = 0,
      .pins = { ROOT },
      .is_pin_only = true },
};

/* What a server that presents these sends, read; NULL for none. */
static struct certificate_chain *present(const enum who *presented)
{
    uint8_t bytes[CERTIFICATE_LIST_BYTES_MAX];
    size_t size = 0;
    for (size_t i = 0; i < PRESENTED && presented[i] != NOBODY; i++)
        size += put_certificate(made.certificate[presented[i]], bytes + size, sizeof(bytes) - size);
    struct certificate_chain *chain = certificate_chain_read(reader_over(bytes, size), NULL);
    assert_int_equal(chain != NULL, size > 0);
    return chain;
}

static struct trust_store *trust(const enum who *roots)
{
    char path[] = "/tmp/certificate_check_test.XXXXXX";
    struct fault fault = { 0 };
    X509 *list[ROOTS + 1] = { made.certificate[ROOT], made.certificate[RSA_ROOT] };
    for (size_t i = 0; roots[0] != NOBODY && i < ROOTS; i++)
        list[i] = made.certificate[roots[i]];
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    write_pem(path, list, NULL);
    struct trust_store *store = trust_store_new(path, &fault);
    assert_non_null(store);
    unlink(path);
    return store;
}

static struct certificate_finding *check(const struct row *row)
{
    struct spki_pin pins[PINS];
    struct certificate_demand demand = {
        .host = row->host != NULL ? row->host : "a.example.com",
        .is_pin_only = row->is_pin_only,
        .pins = pins,
        .now_s = CERTIFICATE_NOW,
    };
    for (; demand.pin_count < PINS && row->pins[demand.pin_count] != NOBODY; demand.pin_count++)
        pins[demand.pin_count] = pin_of(made.certificate[row->pins[demand.pin_count]]);
    struct trust_store *store = trust(row->roots);
    struct certificate_chain *chain = present(row->presented);
    struct certificate_finding *finding = certificate_check(store, chain, &demand);
    assert_non_null(finding);
    certificate_chain_free(chain);
    trust_store_free(store);
    return finding;
}

/* Of the finding's first certificate, which was presented first in any case. */
static void matches_leaf(const struct certificate_finding *finding, enum who leaf)
{
    const struct spec *spec = &specs[leaf];
    const struct certificate_summary *summary = &finding->chain[0];
    struct spki_pin pin = pin_of(made.certificate[leaf]);
    char subject[64];
    (void)snprintf(subject, sizeof(subject), "CN=%s", spec->name);
    assert_string_equal(summary->subject, subject);
    assert_true(spki_pin_equal(&summary->spki, &pin));
    int64_t begins_s = time_of(spec->begins_day), ends_s = time_of(spec->ends_day);
    assert_int_equal(summary->not_before_s,
                     begins_s != 0 ? begins_s : CERTIFICATE_NOW - CERTIFICATE_DAY);
    assert_int_equal(summary->not_after_s,
                     ends_s != 0 ? ends_s : CERTIFICATE_NOW + CERTIFICATE_DAY);
    assert_true(finding->not_after_s <= summary->not_after_s || finding->not_after_s == INT64_MAX);
}

static void judges(void **state)
{
    const struct row *row = *state;
    struct certificate_finding *finding = check(row);
    if (row->words != NULL)
        assert_string_equal(finding->detail, row->words);
    assert_int_equal(finding->status, row->expected);
    assert_int_equal(finding->is_validated, row->length > 0);
    if (row->length > 0)
        assert_int_equal(finding->count, row->length);
    if (row->presented[0] != NOBODY)
        matches_leaf(finding, row->presented[0]);
    assert_int_equal(finding->detail[0] == '\0', row->expected == CERTIFICATE_GOOD);
    assert_null(certificate_finding_unref(finding));
}

/* What a server calls itself can't break a line of the log, or end a string. */
static void names_are_printable(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    struct recipe recipe = { .name = "a\n\x1b[1m\"\xc3\xa9\x7f", .key = made.key[LEAF_KEY] };
    struct certificate_demand demand = { .host = "a.example.com", .is_pin_only = true };
    X509 *certificate = make_certificate(&recipe);
    size_t size = put_certificate(certificate, bytes, sizeof(bytes));
    struct certificate_chain *chain = certificate_chain_read(reader_over(bytes, size), NULL);
    struct certificate_finding *finding = certificate_check(NULL, chain, &demand);
    assert_string_equal(finding->chain[0].subject, "CN=a\\0A\\1B[1m\\\"\\C3\\A9\\7F");
    assert_string_equal(finding->chain[0].issuer, finding->chain[0].subject);
    (void)certificate_finding_unref(finding);
    certificate_chain_free(chain);
    X509_free(certificate);
}

enum { STORES = 10, THREADS = 4, CHECKS_EACH = 5 };

static void *check_often(void *store)
{
    static const enum who presented[PRESENTED] = { LEAF, INTERMEDIATE };
    struct certificate_demand demand = { .host = "a.example.com", .now_s = CERTIFICATE_NOW };
    for (int i = 0; i < CHECKS_EACH; i++) {
        struct certificate_chain *chain = present(presented);
        struct certificate_finding *finding = certificate_check(store, chain, &demand);
        assert_int_equal(finding->status, CERTIFICATE_GOOD);
        (void)certificate_finding_unref(finding);
        certificate_chain_free(chain);
    }
    return NULL;
}

/* Each store anew: what the library puts off until a root is first used must not be put off. */
static void threads_share_a_store(void **state)
{
    (void)state;
    static const enum who roots[ROOTS] = { NOBODY };
    for (int round = 0; round < STORES; round++) {
        pthread_t threads[THREADS];
        struct trust_store *store = trust(roots);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, check_often, store), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        trust_store_free(store);
    }
}

int main(void)
{
    struct tests tests = { 0 };
    make_all();
    TESTS_ADD_TABLE(&tests, rows, judges);
    tests_add_row(&tests, "names are printable", NULL, names_are_printable);
    tests_add_row(&tests, "threads share a store", NULL, threads_share_a_store);
    int failures = tests_run(&tests, "certificate_check");
    free_all();
    return failures;
}
