/* policy/verdict.c - the words of every decision. */
#include "policy/verdict.h"
#include "base/text.h"
#include "policy/host_name.h"

const char *reason_word(enum reason reason)
{
#define REASON_WORD(constant, word) [REASON_##constant] = word,
    static const char *const words[REASON_COUNT] = { REASON_LIST(REASON_WORD) };
#undef REASON_WORD
    return words[reason];
}

void verdict_add_pattern(const struct verdict *verdict, const struct host_name *name,
                         struct text *text)
{
    static const char *const prefixes[] = {
        [PATTERN_EXACT] = "",
        [PATTERN_ONE_LABEL] = "*.",
        [PATTERN_ANY_DEPTH] = "**.",
        [PATTERN_SUBTREE] = "**.",
    };
    if (verdict->rule_id == 0)
        return;
    struct host_name suffix = { 0 };
    size_t size;
    const uint8_t *wire = host_name_suffix(name, verdict->pattern_skips, &size);
    for (size_t i = 0; i < size; i++)
        suffix.wire[i] = wire[i];
    suffix.size = (uint8_t)size;
    suffix.label_count = (uint8_t)(name->label_count - verdict->pattern_skips);
    text_add(text, prefixes[verdict->pattern]);
    host_name_add_to(&suffix, text);
}

/* "rule 7 (*.example.com)" */
static void add_rule(const struct verdict *verdict, const struct host_name *name, struct text *text)
{
    text_add_format(text, "rule %lld (", (long long)verdict->rule_id);
    verdict_add_pattern(verdict, name, text);
    text_add(text, ")");
}

/* "api.example.com port 8443"; the port that everybody means is left out. */
static void add_destination(const struct host_name *name, uint16_t port, struct text *text)
{
    if (name == NULL)
        text_add(text, "the connection");
    else
        host_name_add_to(name, text);
    if (port != 0 && port != 443)
        text_add_format(text, " port %u", port);
}

/* What the policy says of the destination, behind "is denied" or "would be denied"; NULL for all
 * other reasons. */
static const char *cause_of_denial(enum reason reason)
{
    static const char *const causes[REASON_COUNT] = {
        [REASON_NO_RULE] = ": no rule allows it",
        [REASON_OTHER_PORT] = ": a rule allows it, but on another port",
        [REASON_PARENT] = ": no rule allows it, only names below it",
    };
    return causes[reason];
}

/* Sentences that begin with the destination and are no denial by the policy; NULL for the rest. */
static const char *after_destination(enum reason reason)
{
    static const char *const sentences[REASON_COUNT] = {
        [REASON_NO_LISTENER] = " can't be reached: the gate has no listener for that port",
        [REASON_ADDRESS_MISMATCH] =
            " is allowed, but the client came to an address that is not this name's: it must "
            "look the name up and use what it is told",
        [REASON_REVOKED] = " was allowed, but no longer is",
        [REASON_UPSTREAM_NOT_FOUND] = " is allowed, but the upstream DNS knows no address for it",
        [REASON_UPSTREAM_DNS_FAILED] = " is allowed, but the upstream DNS did not answer",
        [REASON_UPSTREAM_ADDRESS_REFUSED] =
            " is allowed, but its address is private or reserved; setting "
            "allowed_private_networks can open it",
        [REASON_UPSTREAM_CONNECT_FAILED] =
            " is allowed, but no connection to its server could be made",
        [REASON_UPSTREAM_CLOSED] =
            " is allowed, but its server closed the connection without an answer",
        [REASON_UPSTREAM_SILENT] = " is allowed, but its server did not answer in time",
        [REASON_UPSTREAM_MALFORMED] =
            " is allowed, but its server's answer breaks the rules of TLS",
        [REASON_UPSTREAM_REFUSED] =
            " is allowed, but its server refused the handshake, and has told the client why",
        [REASON_CERTIFICATE_UNTRUSTED] =
            " is allowed, but its server's certificate leads to no trusted root",
        [REASON_CERTIFICATE_EXPIRED] = " is allowed, but a certificate of its server's has expired",
        [REASON_CERTIFICATE_NOT_YET_VALID] =
            " is allowed, but a certificate of its server's is not valid yet",
        [REASON_CERTIFICATE_WRONG_NAME] =
            " is allowed, but its server's certificate is for other names",
        [REASON_CERTIFICATE_ABSENT] = " is allowed, but its server showed no certificate",
        [REASON_CERTIFICATE_UNPROVEN] =
            " is allowed, but its server did not prove that the certificate is its own",
        [REASON_PIN_MISMATCH] =
            " is allowed, but no pin of the rule is in its server's certificate chain",
        [REASON_PINS_EXPIRED] = " is allowed, but all enforcing pins of the rule have expired",
        [REASON_RESUMPTION_DENIED] =
            " is allowed, but its server resumed an earlier TLS session, in which no "
            "certificate is shown; the setting resumption can open that",
        [REASON_PROBE_UNREACHABLE] =
            " is allowed, but no connection to check its server's certificate could be made",
        [REASON_PROBE_FAILED] =
            " is allowed, but its server did not finish the handshake in which its certificate "
            "is checked",
        [REASON_PROBE_LIMIT] = " is allowed, but too many certificates are being checked",
    };
    return sentences[reason];
}

/* Sentences about a connection that named no destination; NULL for the rest. */
static const char *about_connection(enum reason reason)
{
    static const char *const sentences[REASON_COUNT] = {
        [REASON_PROXY_UNTRUSTED] =
            "This listener is for the proxies of --proxy-from alone, and the address is none of "
            "theirs",
        [REASON_PROXY_HEADER_MISSING] =
            "The proxy sent no whole PROXY protocol header, or not in time",
        [REASON_PROXY_HEADER_MALFORMED] =
            "The proxy's first bytes are no PROXY protocol header of a TCP connection",
        [REASON_PROXY_WITHOUT_CLIENT] =
            "The proxy connected for itself, as for a health check: its header names no client",
        [REASON_NO_SERVER_NAME] =
            "The ClientHello names no server (no SNI), so no rule can allow it",
        [REASON_BAD_SERVER_NAME] = "The ClientHello's server name has bytes that no host name has",
        [REASON_ADDRESS_AS_SERVER_NAME] =
            "The ClientHello's server name is an IP address; rules allow names",
        [REASON_MALFORMED_HELLO] = "The ClientHello is malformed, or could be read in two ways",
        [REASON_HELLO_TOO_LARGE] = "The ClientHello is larger than 64 KiB",
        [REASON_HELLO_TIMEOUT] = "The ClientHello did not arrive in time",
        [REASON_HELLO_CUT_SHORT] = "The client left before its ClientHello was complete",
        [REASON_NOT_TLS] = "The client does not speak TLS",
        [REASON_NAME_CHANGED] =
            "The client's second ClientHello names another server than its first",
        [REASON_ECH_DENIED] =
            "The ClientHello has the extension encrypted_client_hello, which the setting ech "
            "denies",
        [REASON_TOO_MANY_CONNECTIONS] =
            "The gate has as many connections as it may (max_connections)",
        [REASON_TOO_MANY_OF_CLIENT] =
            "The client has as many connections as it may (max_connections_per_client)",
        [REASON_TOO_MANY_HANDSHAKES] =
            "The client begins connections faster than it may (max_handshakes_per_client)",
        [REASON_OUT_OF_RESOURCES] = "Pinhole is out of descriptors or memory",
    };
    return sentences[reason];
}

/* ": no rule allows it" or " by rule 7 (*.example.com)" */
static void add_cause(const struct verdict *verdict, enum reason reason,
                      const struct host_name *name, struct text *text)
{
    const char *cause = cause_of_denial(reason);
    if (verdict->rule_id != 0) {
        text_add(text, " by ");
        add_rule(verdict, name, text);
    } else if (cause != NULL) {
        text_add(text, cause);
    }
}

/* Whoever asks for the endpoint of a store is told the way to the buckets that are allowed. */
static bool leads_to_buckets(const struct verdict *verdict, uint16_t port)
{
    return verdict->reason == REASON_PARENT && verdict->rule_id == 0 &&
           verdict->is_bucket_endpoint && (port == 0 || port == 443);
}

static void add_way_to_buckets(const struct host_name *name, struct text *text)
{
    text_add(text, "Denied: ");
    host_name_add_to(name, text);
    text_add(text, " serves every bucket; allowed here: BUCKET.");
    host_name_add_to(name, text);
    text_add(text, ".");
}

void verdict_add_sentence(const struct verdict *verdict, const struct host_name *name,
                          uint16_t port, struct text *text)
{
    const char *about = about_connection(verdict->reason);
    const char *after = after_destination(verdict->reason);
    if (leads_to_buckets(verdict, port)) {
        add_way_to_buckets(name, text);
        return;
    }
    if (about != NULL) {
        text_add(text, about);
    } else {
        add_destination(name, port, text);
        if (after != NULL) {
            text_add(text, after);
        } else if (verdict->reason == REASON_ALLOWED) {
            text_add(text, " is allowed");
            add_cause(verdict, REASON_ALLOWED, name, text);
        } else if (verdict->reason == REASON_OBSERVED) {
            text_add(text, " would be denied");
            add_cause(verdict, verdict->would_be, name, text);
            text_add(text, "; it passes because the client is only observed");
        } else {
            text_add(text, " is denied");
            add_cause(verdict, verdict->reason, name, text);
        }
    }
    text_add(text, ".");
}
