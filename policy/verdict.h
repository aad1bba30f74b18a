/* policy/verdict.h - the outcome of every decision: may it, why, by which rule, and the sentence
 * that says so. The DNS answer, the log, `explain` and the status page show the same words, because
 * they are made here alone. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct host_name;
struct text;

enum decision { DECISION_DENY = 0, DECISION_ALLOW };

/* Every reason: constant, word in logs and JSON (stable). Sentences are in verdict.c. Zero denies.
 */
#define REASON_LIST(REASON)                                                                        \
    REASON(NO_RULE, "no_rule")                                                                     \
    REASON(OTHER_PORT, "other_port")                                                               \
    REASON(NO_LISTENER, "no_listener")                                                             \
    REASON(DENY_RULE, "deny_rule")                                                                 \
    REASON(PARENT, "parent")                                                                       \
    REASON(PROXY_UNTRUSTED, "proxy_untrusted")                                                     \
    REASON(PROXY_HEADER_MISSING, "proxy_header_missing")                                           \
    REASON(PROXY_HEADER_MALFORMED, "proxy_header_malformed")                                       \
    REASON(PROXY_WITHOUT_CLIENT, "proxy_without_client")                                           \
    REASON(NO_SERVER_NAME, "no_server_name")                                                       \
    REASON(BAD_SERVER_NAME, "bad_server_name")                                                     \
    REASON(ADDRESS_AS_SERVER_NAME, "address_as_server_name")                                       \
    REASON(MALFORMED_HELLO, "malformed_hello")                                                     \
    REASON(HELLO_TOO_LARGE, "hello_too_large")                                                     \
    REASON(HELLO_TIMEOUT, "hello_timeout")                                                         \
    REASON(HELLO_CUT_SHORT, "hello_cut_short")                                                     \
    REASON(NOT_TLS, "not_tls")                                                                     \
    REASON(NAME_CHANGED, "name_changed")                                                           \
    REASON(ADDRESS_MISMATCH, "address_mismatch")                                                   \
    REASON(UPSTREAM_NOT_FOUND, "upstream_not_found")                                               \
    REASON(UPSTREAM_DNS_FAILED, "upstream_dns_failed")                                             \
    REASON(UPSTREAM_ADDRESS_REFUSED, "upstream_address_refused")                                   \
    REASON(UPSTREAM_CONNECT_FAILED, "upstream_connect_failed")                                     \
    REASON(UPSTREAM_CLOSED, "upstream_closed")                                                     \
    REASON(UPSTREAM_SILENT, "upstream_silent")                                                     \
    REASON(UPSTREAM_MALFORMED, "upstream_malformed")                                               \
    REASON(UPSTREAM_REFUSED, "upstream_refused")                                                   \
    REASON(CERTIFICATE_UNTRUSTED, "certificate_untrusted")                                         \
    REASON(CERTIFICATE_EXPIRED, "certificate_expired")                                             \
    REASON(CERTIFICATE_NOT_YET_VALID, "certificate_not_yet_valid")                                 \
    REASON(CERTIFICATE_WRONG_NAME, "certificate_wrong_name")                                       \
    REASON(CERTIFICATE_ABSENT, "certificate_absent")                                               \
    REASON(CERTIFICATE_UNPROVEN, "certificate_unproven")                                           \
    REASON(PIN_MISMATCH, "pin_mismatch")                                                           \
    REASON(PINS_EXPIRED, "pins_expired")                                                           \
    REASON(RESUMPTION_DENIED, "resumption_denied")                                                 \
    REASON(PROBE_UNREACHABLE, "probe_unreachable")                                                 \
    REASON(PROBE_FAILED, "probe_failed")                                                           \
    REASON(PROBE_LIMIT, "probe_limit")                                                             \
    REASON(ECH_DENIED, "ech_denied")                                                               \
    REASON(TOO_MANY_CONNECTIONS, "too_many_connections")                                           \
    REASON(TOO_MANY_OF_CLIENT, "too_many_of_client")                                               \
    REASON(TOO_MANY_HANDSHAKES, "too_many_handshakes")                                             \
    REASON(REVOKED, "revoked")                                                                     \
    REASON(OUT_OF_RESOURCES, "out_of_resources")                                                   \
    REASON(OBSERVED, "observed")                                                                   \
    REASON(ALLOWED, "allowed")

#define REASON_CONSTANT(constant, word) REASON_##constant,
enum reason { REASON_LIST(REASON_CONSTANT) REASON_COUNT };
#undef REASON_CONSTANT

/* How a rule's name covers others; in the order of precedence for one name, last first. */
enum pattern_kind {
    PATTERN_EXACT = 0, /* the name itself */
    PATTERN_ONE_LABEL, /* "*.": exactly one more label */
    PATTERN_ANY_DEPTH, /* "**.": one or more labels */
    PATTERN_SUBTREE,   /* all three at once: what a deny covers that is understood in part */
};

struct verdict {
    enum decision decision;
    enum reason reason;
    int64_t rule_id;           /* 0: no rule decided */
    enum pattern_kind pattern; /* of that rule */
    uint8_t pattern_skips;     /* leading labels of the name that its wildcard stands for */
    enum reason would_be;      /* of REASON_OBSERVED: why it would be denied were it enforced */
    bool is_bucket_endpoint;   /* REASON_PARENT alone: the name serves every bucket of a store, and
                                  each has a host of one label in front of it */
};

/* The word of a reason in logs and JSON: a literal. */
const char *reason_word(enum reason reason);

/* Adds the rule's pattern, "*.example.com", as it matched `name`; nothing where no rule decided. */
void verdict_add_pattern(const struct verdict *verdict, const struct host_name *name,
                         struct text *text);

/* Adds one sentence for a person. `name` is NULL where none was read; port 0 is not mentioned. */
void verdict_add_sentence(const struct verdict *verdict, const struct host_name *name,
                          uint16_t port, struct text *text);
