/* tests/unit/policy/verdict_test.c - the exact words of every decision: logs, DNS answers and
 * documentation quote them. */
#include "base/text.h"
#include "names.h"
#include "policy/verdict.h"
#include "unit.h"

#define NAME              "a.api.example.com"
#define RULE(kind, skips) .rule_id = 7, .pattern = kind, .pattern_skips = skips

static const struct row {
    const char *name;
    struct verdict verdict;
    const char *host; /* NULL: none was read */
    uint16_t port;
    const char *expected;
} rows[] = {
    { "no rule", { .reason = REASON_NO_RULE }, NAME, 443, NAME " is denied: no rule allows it." },
    { "no rule on a port",
      { .reason = REASON_NO_RULE },
      NAME,
      8443,
      NAME " port 8443 is denied: no rule allows it." },
    { "no rule, the port not mentioned",
      { .reason = REASON_NO_RULE },
      NAME,
      0,
      NAME " is denied: no rule allows it." },
    { "another port",
      { .reason = REASON_OTHER_PORT },
      NAME,
      8443,
      NAME " port 8443 is denied: a rule allows it, but on another port." },
    { "no listener",
      { .reason = REASON_NO_LISTENER },
      NAME,
      8443,
      NAME " port 8443 can't be reached: the gate has no listener for that port." },
    { "the root", { .reason = REASON_NO_RULE }, "", 0, ". is denied: no rule allows it." },
    { "a name with odd bytes",
      { .reason = REASON_NO_RULE },
      "a\n\x1b.b",
      0,
      "a\\010\\027.b is denied: no rule allows it." },
    { "a deny rule",
      { .reason = REASON_DENY_RULE, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is denied by rule 7 (" NAME ")." },
    { "a deny rule with a wildcard",
      { .reason = REASON_DENY_RULE, RULE(PATTERN_ONE_LABEL, 1) },
      NAME,
      8443,
      NAME " port 8443 is denied by rule 7 (*.api.example.com)." },
    { "a parent",
      { .reason = REASON_PARENT },
      "example.com",
      0,
      "example.com is denied: no rule allows it, only names below it." },
    { "a parent that a rule denies",
      { .reason = REASON_PARENT, RULE(PATTERN_ANY_DEPTH, 1) },
      "example.com",
      0,
      "example.com is denied by rule 7 (**.com)." },
    { "the endpoint of a store",
      { .reason = REASON_PARENT, .is_bucket_endpoint = true },
      "storage.googleapis.com",
      443,
      "Denied: storage.googleapis.com serves every bucket; allowed here: "
      "BUCKET.storage.googleapis.com." },
    { "the endpoint of a store on a port where it is none",
      { .reason = REASON_PARENT, .is_bucket_endpoint = true },
      "storage.googleapis.com",
      8443,
      "storage.googleapis.com port 8443 is denied: no rule allows it, only names below it." },
    { "the endpoint of a store that a rule denies",
      { .reason = REASON_PARENT, .is_bucket_endpoint = true, RULE(PATTERN_EXACT, 0) },
      "storage.googleapis.com",
      443,
      "storage.googleapis.com is denied by rule 7 (storage.googleapis.com)." },
    { "no server name",
      { .reason = REASON_NO_SERVER_NAME },
      NULL,
      443,
      "The ClientHello names no server (no SNI), so no rule can allow it." },
    { "a bad server name",
      { .reason = REASON_BAD_SERVER_NAME },
      NULL,
      443,
      "The ClientHello's server name has bytes that no host name has." },
    { "an address as server name",
      { .reason = REASON_ADDRESS_AS_SERVER_NAME },
      NULL,
      443,
      "The ClientHello's server name is an IP address; rules allow names." },
    { "a malformed ClientHello",
      { .reason = REASON_MALFORMED_HELLO },
      NULL,
      443,
      "The ClientHello is malformed, or could be read in two ways." },
    { "too large a ClientHello",
      { .reason = REASON_HELLO_TOO_LARGE },
      NULL,
      443,
      "The ClientHello is larger than 64 KiB." },
    { "too slow a ClientHello",
      { .reason = REASON_HELLO_TIMEOUT },
      NULL,
      443,
      "The ClientHello did not arrive in time." },
    { "half a ClientHello",
      { .reason = REASON_HELLO_CUT_SHORT },
      NULL,
      443,
      "The client left before its ClientHello was complete." },
    { "not TLS", { .reason = REASON_NOT_TLS }, NULL, 443, "The client does not speak TLS." },
    { "a stranger at a proxy's listener",
      { .reason = REASON_PROXY_UNTRUSTED },
      NULL,
      443,
      "This listener is for the proxies of --proxy-from alone, and the address is none of "
      "theirs." },
    { "no PROXY header",
      { .reason = REASON_PROXY_HEADER_MISSING },
      NULL,
      443,
      "The proxy sent no whole PROXY protocol header, or not in time." },
    { "no sound PROXY header",
      { .reason = REASON_PROXY_HEADER_MALFORMED },
      NULL,
      443,
      "The proxy's first bytes are no PROXY protocol header of a TCP connection." },
    { "a proxy for itself",
      { .reason = REASON_PROXY_WITHOUT_CLIENT },
      NULL,
      443,
      "The proxy connected for itself, as for a health check: its header names no client." },
    { "at another name's address",
      { .reason = REASON_ADDRESS_MISMATCH, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but the client came to an address that is not this name's: it must look "
           "the name up and use what it is told." },
    { "upstream not found",
      { .reason = REASON_UPSTREAM_NOT_FOUND, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but the upstream DNS knows no address for it." },
    { "upstream DNS failed",
      { .reason = REASON_UPSTREAM_DNS_FAILED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but the upstream DNS did not answer." },
    { "upstream address refused",
      { .reason = REASON_UPSTREAM_ADDRESS_REFUSED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its address is private or reserved; setting "
           "allowed_private_networks can open it." },
    { "upstream connect failed",
      { .reason = REASON_UPSTREAM_CONNECT_FAILED, RULE(PATTERN_EXACT, 0) },
      NAME,
      8443,
      NAME " port 8443 is allowed, but no connection to its server could be made." },
    { "upstream closed",
      { .reason = REASON_UPSTREAM_CLOSED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server closed the connection without an answer." },
    { "upstream silent",
      { .reason = REASON_UPSTREAM_SILENT, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server did not answer in time." },
    { "upstream malformed",
      { .reason = REASON_UPSTREAM_MALFORMED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server's answer breaks the rules of TLS." },
    { "upstream refused",
      { .reason = REASON_UPSTREAM_REFUSED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server refused the handshake, and has told the client why." },
    { "certificate untrusted",
      { .reason = REASON_CERTIFICATE_UNTRUSTED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server's certificate leads to no trusted root." },
    { "certificate expired",
      { .reason = REASON_CERTIFICATE_EXPIRED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but a certificate of its server's has expired." },
    { "certificate not yet valid",
      { .reason = REASON_CERTIFICATE_NOT_YET_VALID, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but a certificate of its server's is not valid yet." },
    { "certificate wrong name",
      { .reason = REASON_CERTIFICATE_WRONG_NAME, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server's certificate is for other names." },
    { "certificate absent",
      { .reason = REASON_CERTIFICATE_ABSENT, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server showed no certificate." },
    { "certificate unproven",
      { .reason = REASON_CERTIFICATE_UNPROVEN, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server did not prove that the certificate is its own." },
    { "pin mismatch",
      { .reason = REASON_PIN_MISMATCH, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but no pin of the rule is in its server's certificate chain." },
    { "pins expired",
      { .reason = REASON_PINS_EXPIRED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but all enforcing pins of the rule have expired." },
    { "resumption denied",
      { .reason = REASON_RESUMPTION_DENIED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server resumed an earlier TLS session, in which no certificate is "
           "shown; the setting resumption can open that." },
    { "probe unreachable",
      { .reason = REASON_PROBE_UNREACHABLE, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but no connection to check its server's certificate could be made." },
    { "probe failed",
      { .reason = REASON_PROBE_FAILED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but its server did not finish the handshake in which its certificate is "
           "checked." },
    { "probe limit",
      { .reason = REASON_PROBE_LIMIT, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed, but too many certificates are being checked." },
    { "revoked",
      { .reason = REASON_REVOKED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " was allowed, but no longer is." },
    { "ECH denied",
      { .reason = REASON_ECH_DENIED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      "The ClientHello has the extension encrypted_client_hello, which the setting ech denies." },
    { "too many connections",
      { .reason = REASON_TOO_MANY_CONNECTIONS },
      NULL,
      443,
      "The gate has as many connections as it may (max_connections)." },
    { "too many of a client",
      { .reason = REASON_TOO_MANY_OF_CLIENT },
      NULL,
      443,
      "The client has as many connections as it may (max_connections_per_client)." },
    { "too many handshakes",
      { .reason = REASON_TOO_MANY_HANDSHAKES },
      NULL,
      443,
      "The client begins connections faster than it may (max_handshakes_per_client)." },
    { "another name in the second hello",
      { .reason = REASON_NAME_CHANGED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      "The client's second ClientHello names another server than its first." },
    { "out of resources",
      { .reason = REASON_OUT_OF_RESOURCES },
      NAME,
      443,
      "Pinhole is out of descriptors or memory." },
    { "observed",
      { DECISION_ALLOW, REASON_OBSERVED, .would_be = REASON_NO_RULE },
      NAME,
      443,
      NAME " would be denied: no rule allows it; it passes because the client is only observed." },
    { "observed on another port",
      { DECISION_ALLOW, REASON_OBSERVED, .would_be = REASON_OTHER_PORT },
      NAME,
      8443,
      NAME " port 8443 would be denied: a rule allows it, but on another port; it passes because "
           "the client is only observed." },
    { "an observed parent",
      { DECISION_ALLOW, REASON_OBSERVED, .would_be = REASON_PARENT },
      "example.com",
      0,
      "example.com would be denied: no rule allows it, only names below it; it passes because the "
      "client is only observed." },
    { "observed though a rule denies it",
      { DECISION_ALLOW, REASON_OBSERVED, RULE(PATTERN_ONE_LABEL, 1), REASON_DENY_RULE },
      NAME,
      443,
      NAME " would be denied by rule 7 (*.api.example.com); it passes because the client is only "
           "observed." },
    { "allowed",
      { DECISION_ALLOW, REASON_ALLOWED, RULE(PATTERN_EXACT, 0) },
      NAME,
      443,
      NAME " is allowed by rule 7 (" NAME ")." },
    { "allowed by one label",
      { DECISION_ALLOW, REASON_ALLOWED, RULE(PATTERN_ONE_LABEL, 1) },
      NAME,
      443,
      NAME " is allowed by rule 7 (*.api.example.com)." },
    { "allowed by any depth",
      { DECISION_ALLOW, REASON_ALLOWED, RULE(PATTERN_ANY_DEPTH, 2) },
      NAME,
      8443,
      NAME " port 8443 is allowed by rule 7 (**.example.com)." },
};

static void says_exactly(void **state)
{
    const struct row *row = *state;
    char buffer[512];
    struct text text = text_in(buffer, sizeof(buffer));
    struct host_name name = name_of(row->host != NULL ? row->host : "");
    verdict_add_sentence(&row->verdict, row->host != NULL ? &name : NULL, row->port, &text);
    assert_string_equal(buffer, row->expected);
}

/* Where a reason is about a destination and there was none, it still is a sentence. */
static void every_reason_has_a_sentence_and_a_word(void **state)
{
    (void)state;
    for (int reason = 0; reason < REASON_COUNT; reason++) {
        bool is_seen = false;
        for (size_t i = 0; i < COUNT(rows); i++)
            is_seen |= rows[i].verdict.reason == (enum reason)reason;
        assert_true(is_seen);
        const char *word = reason_word((enum reason)reason);
        assert_non_null(word);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
        for (int other = 0; other < reason; other++)
            assert_string_not_equal(word, reason_word((enum reason)other));
    }
}

static void no_destination(void **state)
{
    (void)state;
    struct verdict verdict = { .reason = REASON_NO_RULE };
    char buffer[128];
    struct text text = text_in(buffer, sizeof(buffer));
    verdict_add_sentence(&verdict, NULL, 8443, &text);
    assert_string_equal(buffer, "the connection port 8443 is denied: no rule allows it.");
}

static void no_rule_has_no_pattern(void **state)
{
    (void)state;
    struct verdict verdict = { .reason = REASON_NO_RULE };
    struct host_name name = name_of(NAME);
    char buffer[128];
    struct text text = text_in(buffer, sizeof(buffer));
    verdict_add_pattern(&verdict, &name, &text);
    assert_string_equal(buffer, "");
}

static void zero_denies(void **state)
{
    (void)state;
    struct verdict verdict = { 0 };
    assert_int_equal(verdict.decision, DECISION_DENY);
    assert_string_equal(reason_word(verdict.reason), "no_rule");
}

int main(void)
{
    struct tests tests = { .count = 0 };
    TESTS_ADD_TABLE(&tests, rows, says_exactly);
    tests_add_row(&tests, "every reason is here", NULL, every_reason_has_a_sentence_and_a_word);
    tests_add_row(&tests, "no destination", NULL, no_destination);
    tests_add_row(&tests, "no rule, no pattern", NULL, no_rule_has_no_pattern);
    tests_add_row(&tests, "zero denies", NULL, zero_denies);
    return tests_run(&tests, "verdict");
}
