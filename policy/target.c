/* policy/target.c - the one thing a person types: rule.target. */
#include "base/text.h"
#include "policy/rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What is left of the target while it is read from both ends. */
struct piece {
    const char *at;
    size_t size;
};

static bool starts_with(const struct piece *piece, const char *prefix)
{
    size_t size = strlen(prefix);
    return piece->size >= size && strncasecmp(piece->at, prefix, size) == 0;
}

static void drop_front(struct piece *piece, size_t size)
{
    piece->at += size;
    piece->size -= size;
}

static bool contains(const struct piece *piece, char byte)
{
    return memchr(piece->at, byte, piece->size) != NULL;
}

static bool fail(char *ret_reason, const char *sentence)
{
    (void)snprintf(ret_reason, RULE_REASON_BYTES, "%s", sentence); /* cutting is fine */
    return false;
}

/* What is wrong before any structure is looked for. */
static bool check_bytes(const struct piece *piece, char *ret_reason)
{
    if (piece->size == 0)
        return fail(ret_reason, "The target is empty; type a host name, as in api.example.com.");
    for (size_t i = 0; i < piece->size; i++) {
        unsigned char byte = (unsigned char)piece->at[i];
        if (byte >= 0x80)
            return fail(ret_reason,
                        "The target is not ASCII; type an international name in its A-label form, "
                        "as in xn--bcher-kva.example.");
        if (byte <= 0x20 || byte == 0x7f)
            return fail(ret_reason,
                        "The target contains a space or a control character; remove it.");
    }
    return true;
}

/* Takes "https://" off, and the slash of an empty path. A path cannot be seen inside TLS. */
static bool strip_url(struct piece *piece, char *ret_reason)
{
    if (starts_with(piece, "http://"))
        return fail(ret_reason,
                    "Plain http:// has no server name to check; use https:// or the host alone.");
    if (starts_with(piece, "https://"))
        drop_front(piece, strlen("https://"));
    if (contains(piece, '@'))
        return fail(ret_reason, "The target holds a user name (user@host); type the host alone.");
    if (contains(piece, '?') || contains(piece, '#'))
        return fail(
            ret_reason,
            "The target holds a query or a fragment, which TLS hides; type the host alone.");
    if (piece->size > 0 && piece->at[piece->size - 1] == '/')
        piece->size--; /* host/ without a scheme reads as https */
    if (contains(piece, '/') || contains(piece, '\\'))
        return fail(
            ret_reason,
            "The target holds a path, which TLS hides; type a host alone, for a bucket its own "
            "host, as in my-bucket.storage.googleapis.com.");
    return true;
}

/* Takes ":PORT" off the end. */
static bool strip_port(struct piece *piece, uint16_t *ret_port, char *ret_reason)
{
    const char *colon = memchr(piece->at, ':', piece->size);
    *ret_port = RULE_DEFAULT_PORT;
    if (colon == NULL ||
        memchr(colon + 1, ':', piece->size - (size_t)(colon + 1 - piece->at)) != NULL)
        return true; /* two colons: an IPv6 address, which the host's check explains */
    size_t digits = piece->size - (size_t)(colon + 1 - piece->at);
    unsigned port = 0;
    for (size_t i = 1; i <= digits && digits <= 5; i++) {
        if (colon[i] < '0' || colon[i] > '9')
            return fail(ret_reason, "The port after the colon is not a number from 1 to 65535.");
        port = port * 10 + (unsigned)(colon[i] - '0');
    }
    if (port == 0 || port > 65535)
        return fail(ret_reason, "The port after the colon is not a number from 1 to 65535.");
    *ret_port = (uint16_t)port;
    piece->size = (size_t)(colon - piece->at);
    return true;
}

static bool explain_host(enum host_name_status status, char *ret_reason)
{
    switch (status) {
    case HOST_NAME_OK:
        return true;
    case HOST_NAME_EMPTY:
        return fail(ret_reason, "The target has no host; type one, as in api.example.com.");
    case HOST_NAME_TOO_LONG:
        return fail(ret_reason, "The host name is longer than 253 characters.");
    case HOST_NAME_LABEL_TOO_LONG:
        return fail(ret_reason,
                    "A label of the host name (a part between dots) is longer than 63 characters.");
    case HOST_NAME_EMPTY_LABEL:
        return fail(ret_reason,
                    "The host name has an empty label: a dot at its start, or two dots in a row.");
    case HOST_NAME_BAD_BYTE:
        return fail(ret_reason,
                    "The host name has a character other than letters, digits, hyphens and dots; "
                    "a wildcard is '*.' or '**.' at its start.");
    case HOST_NAME_NOT_ASCII:
        return fail(
            ret_reason,
            "The host name is not ASCII; type its A-label form, as in xn--bcher-kva.example.");
    case HOST_NAME_BAD_HYPHEN:
        return fail(ret_reason, "A label of the host name begins or ends with a hyphen.");
    case HOST_NAME_IS_ADDRESS:
        return fail(
            ret_reason,
            "The target is an IP address; rules allow names, because the gate looks up a name's "
            "address itself.");
    }
    return fail(ret_reason, "The host name can't be read.");
}

/* Takes "*." or "**." off the front. */
static enum pattern_kind strip_wildcard(struct piece *piece)
{
    enum pattern_kind pattern = PATTERN_EXACT;
    if (starts_with(piece, "**.")) {
        pattern = PATTERN_ANY_DEPTH;
        drop_front(piece, 3);
    } else if (starts_with(piece, "*.")) {
        pattern = PATTERN_ONE_LABEL;
        drop_front(piece, 2);
    }
    return pattern;
}

/* What most rules are: a name, perhaps behind a wildcard, and no byte more. */
static bool parse_bare_name(const char *target, size_t size, struct compiled_rule *ret_rule)
{
    struct piece piece = { target, size };
    enum pattern_kind pattern = strip_wildcard(&piece);
    if (host_name_parse(piece.at, piece.size, &ret_rule->name) != HOST_NAME_OK)
        return false;
    ret_rule->pattern = pattern;
    ret_rule->port = RULE_DEFAULT_PORT;
    return true;
}

bool target_parse(const char *target, size_t size, struct compiled_rule *ret_rule, char *ret_reason)
{
    struct piece piece = { target, size };
    uint16_t port;
    if (parse_bare_name(target, size, ret_rule))
        return true;
    if (!check_bytes(&piece, ret_reason) || !strip_url(&piece, ret_reason) ||
        !strip_port(&piece, &port, ret_reason))
        return false;
    enum pattern_kind pattern = strip_wildcard(&piece);
    if (piece.size > 1 && piece.at[piece.size - 1] == '.')
        piece.size--; /* a rule may be typed as an absolute name; SNI has no final dot (RFC 6066 3)
                       */
    struct host_name name;
    if (!explain_host(host_name_parse(piece.at, piece.size, &name), ret_reason))
        return false;
    ret_rule->name = name;
    ret_rule->pattern = pattern;
    ret_rule->port = port;
    return true;
}

void compiled_rule_add_to(const struct compiled_rule *rule, struct text *text)
{
    struct verdict verdict = { .rule_id = rule->id != 0 ? rule->id : 1, .pattern = rule->pattern };
    if (rule->pattern == PATTERN_SUBTREE) {
        host_name_add_to(&rule->name, text);
        text_add(text, ", ");
    }
    verdict_add_pattern(&verdict, &rule->name, text);
    if (rule->port != RULE_DEFAULT_PORT)
        text_add_format(text, ":%u", rule->port);
}
