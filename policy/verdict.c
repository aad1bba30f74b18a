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
    switch (reason) {
    case REASON_NO_LISTENER:
        return " can't be reached: the gate has no listener for that port";
    case REASON_ADDRESS_MISMATCH:
        return " is allowed, but the client came to an address that is not this name's: it must "
               "look the name up and use what it is told";
    case REASON_REVOKED:
        return " was allowed, but no longer is";
    case REASON_UPSTREAM_NOT_FOUND:
        return " is allowed, but the upstream DNS knows no address for it";
    case REASON_UPSTREAM_DNS_FAILED:
        return " is allowed, but the upstream DNS did not answer";
    case REASON_UPSTREAM_ADDRESS_REFUSED:
        return " is allowed, but its address is private or reserved; setting "
               "allowed_private_networks can open it";
    case REASON_UPSTREAM_CONNECT_FAILED:
        return " is allowed, but no connection to its server could be made";
    case REASON_UPSTREAM_CLOSED:
        return " is allowed, but its server closed the connection without an answer";
    case REASON_UPSTREAM_SILENT:
        return " is allowed, but its server did not answer in time";
    case REASON_UPSTREAM_MALFORMED:
        return " is allowed, but its server's answer breaks the rules of TLS";
    case REASON_NO_RULE:
    case REASON_OTHER_PORT:
    case REASON_PARENT:
    case REASON_PROXY_UNTRUSTED:
    case REASON_PROXY_HEADER_MISSING:
    case REASON_PROXY_HEADER_MALFORMED:
    case REASON_PROXY_WITHOUT_CLIENT:
    case REASON_NO_SERVER_NAME:
    case REASON_BAD_SERVER_NAME:
    case REASON_ADDRESS_AS_SERVER_NAME:
    case REASON_MALFORMED_HELLO:
    case REASON_HELLO_TOO_LARGE:
    case REASON_HELLO_TIMEOUT:
    case REASON_HELLO_CUT_SHORT:
    case REASON_NOT_TLS:
    case REASON_NAME_CHANGED:
    case REASON_ECH_DENIED:
    case REASON_TOO_MANY_CONNECTIONS:
    case REASON_TOO_MANY_OF_CLIENT:
    case REASON_TOO_MANY_HANDSHAKES:
    case REASON_OUT_OF_RESOURCES:
    case REASON_DENY_RULE:
    case REASON_OBSERVED:
    case REASON_ALLOWED:
    case REASON_COUNT:
        break;
    }
    return NULL;
}

/* Sentences about a connection that named no destination; NULL for the rest. */
static const char *about_connection(enum reason reason)
{
    switch (reason) {
    case REASON_PROXY_UNTRUSTED:
        return "This listener is for the proxies of --proxy-from alone, and the address is none of "
               "theirs";
    case REASON_PROXY_HEADER_MISSING:
        return "The proxy sent no whole PROXY protocol header, or not in time";
    case REASON_PROXY_HEADER_MALFORMED:
        return "The proxy's first bytes are no PROXY protocol header of a TCP connection";
    case REASON_PROXY_WITHOUT_CLIENT:
        return "The proxy connected for itself, as for a health check: its header names no client";
    case REASON_NO_SERVER_NAME:
        return "The ClientHello names no server (no SNI), so no rule can allow it";
    case REASON_BAD_SERVER_NAME:
        return "The ClientHello's server name has bytes that no host name has";
    case REASON_ADDRESS_AS_SERVER_NAME:
        return "The ClientHello's server name is an IP address; rules allow names";
    case REASON_MALFORMED_HELLO:
        return "The ClientHello is malformed, or could be read in two ways";
    case REASON_HELLO_TOO_LARGE:
        return "The ClientHello is larger than 64 KiB";
    case REASON_HELLO_TIMEOUT:
        return "The ClientHello did not arrive in time";
    case REASON_HELLO_CUT_SHORT:
        return "The client left before its ClientHello was complete";
    case REASON_NOT_TLS:
        return "The client does not speak TLS";
    case REASON_NAME_CHANGED:
        return "The client's second ClientHello names another server than its first";
    case REASON_ECH_DENIED:
        return "The ClientHello has the extension encrypted_client_hello, which the setting ech "
               "denies";
    case REASON_TOO_MANY_CONNECTIONS:
        return "The gate has as many connections as it may (max_connections)";
    case REASON_TOO_MANY_OF_CLIENT:
        return "The client has as many connections as it may (max_connections_per_client)";
    case REASON_TOO_MANY_HANDSHAKES:
        return "The client begins connections faster than it may (max_handshakes_per_client)";
    case REASON_OUT_OF_RESOURCES:
        return "Pinhole is out of descriptors or memory";
    case REASON_NO_RULE:
    case REASON_OTHER_PORT:
    case REASON_NO_LISTENER:
    case REASON_DENY_RULE:
    case REASON_PARENT:
    case REASON_ADDRESS_MISMATCH:
    case REASON_REVOKED:
    case REASON_UPSTREAM_NOT_FOUND:
    case REASON_UPSTREAM_DNS_FAILED:
    case REASON_UPSTREAM_ADDRESS_REFUSED:
    case REASON_UPSTREAM_CONNECT_FAILED:
    case REASON_UPSTREAM_CLOSED:
    case REASON_UPSTREAM_SILENT:
    case REASON_UPSTREAM_MALFORMED:
    case REASON_OBSERVED:
    case REASON_ALLOWED:
    case REASON_COUNT:
        break;
    }
    return NULL;
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
