/* policy/url.c - a URL that a person types as rule.target. */
#include "policy/url.h"
#include "base/reader.h"
#include "policy/rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCHEME "https://"

static bool fail(char *ret_reason, const char *sentence)
{
    (void)snprintf(ret_reason, RULE_REASON_BYTES, "%s", sentence); /* cutting is fine */
    return false;
}

static bool has_scheme(const char *target, size_t size)
{
    return size >= strlen(SCHEME) && strncasecmp(target, SCHEME, strlen(SCHEME)) == 0;
}

bool url_is_meant(const char *target, size_t size)
{
    return memchr(target, '/', size) != NULL; /* a scheme has one, too */
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    uint8_t letter = digit | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* The next character, decoded; -1 at a '%' without two hexadecimal digits (RFC 3986 2.1). */
static int take_character(struct reader *path)
{
    const uint8_t *byte = reader_take(path, 1);
    if (byte == NULL || *byte != '%')
        return byte != NULL ? *byte : -1;
    const uint8_t *digits = reader_take(path, 2);
    int high = digits != NULL ? hex_value(digits[0]) : -1;
    int low = digits != NULL ? hex_value(digits[1]) : -1;
    return high >= 0 && low >= 0 ? high * 16 + low : -1;
}

/* RFC 3986 3.3: what may stand in a path as it is, besides the slash and '%'. */
static bool is_path_character(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           (byte != '\0' && strchr("-._~!$&'()*+,;=:@/%", byte) != NULL);
}

static bool check_characters(const char *path, size_t size, char *ret_reason)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)path[i];
        if (byte == '?' || byte == '#')
            return fail(ret_reason, "The target holds a query or a fragment, which TLS hides; end "
                                    "the URL before it.");
        if (byte == '\\')
            return fail(ret_reason, "The path holds a backslash, which some clients read as a "
                                    "slash; type a slash.");
        if (byte <= 0x20 || byte == 0x7f)
            return fail(ret_reason,
                        "The target contains a space or a control character; remove it.");
        if (!is_path_character(byte))
            return fail(ret_reason, "The path holds a character that no URL does; percent-encode "
                                    "it, or type the URL up to the bucket only.");
    }
    return true;
}

/* Some clients take dot segments out of a path before they send it and some don't; some servers
 * decode a path before they look for them (RFC 3986 5.2.4, 6.2.2.2). */
static bool check_segments(const char *path, size_t size, char *ret_reason)
{
    struct reader reader = reader_over(path, size);
    size_t dots = 0, others = 0;
    if (size > 0 && path[0] == '/')
        return fail(ret_reason, "The path begins with an empty segment: two slashes behind the "
                                "host; type one.");
    for (;;) {
        bool is_end = reader_left(&reader) == 0;
        int character = is_end ? '/' : take_character(&reader);
        if (character < 0)
            return fail(ret_reason, "The path holds a '%' that is not followed by two hexadecimal "
                                    "digits.");
        if (character == '.') {
            dots++;
        } else if (character != '/' && character != '\\') {
            others++;
        } else {
            if (others == 0 && (dots == 1 || dots == 2))
                return fail(ret_reason, "The path holds a dot segment ('.' or '..'), which clients "
                                        "treat differently; type the path that is meant.");
            dots = others = 0;
        }
        if (is_end)
            return true;
    }
}

/* Splits at the slash that ends the host. */
static size_t split(const char *target, size_t size, struct url *url)
{
    const char *slash = memchr(target, '/', size);
    size_t authority = slash != NULL ? (size_t)(slash - target) : size;
    url->path = slash != NULL ? slash + 1 : target + size;
    url->path_size = slash != NULL ? size - authority - 1 : 0;
    return authority;
}

/* Takes the scheme off. */
static bool strip_scheme(const char **target, size_t *size, char *ret_reason)
{
    const char *separator = memchr(*target, ':', *size);
    const char *slash = memchr(*target, '/', *size);
    if (has_scheme(*target, *size)) {
        *target += strlen(SCHEME);
        *size -= strlen(SCHEME);
    } else if (*size >= 7 && strncasecmp(*target, "http://", 7) == 0) {
        return fail(ret_reason, "Plain http:// has no server name to check; use https:// or the "
                                "host alone.");
    } else if (separator != NULL && slash == separator + 1) {
        return fail(ret_reason, "The target has no https:// at its start, but something like it; "
                                "type https:// and the host, or the host alone.");
    }
    return true;
}

bool url_parse(const char *target, size_t size, struct url *ret_url, char *ret_reason)
{
    struct url url;
    struct compiled_rule place = { 0 };
    bool is_whole = has_scheme(target, size);
    if (!strip_scheme(&target, &size, ret_reason))
        return false;
    size_t authority = split(target, size, &url);
    if (is_whole && authority > 1 && target[authority - 1] == ':')
        authority--; /* RFC 3986 3.2.3: an empty port is the scheme's own */
    if (authority == 0)
        return fail(ret_reason, "The target has no host; type one, as in api.example.com.");
    if (!target_parse(target, authority, &place, ret_reason) ||
        !check_characters(url.path, url.path_size, ret_reason) ||
        !check_segments(url.path, url.path_size, ret_reason))
        return false;
    if (place.pattern != PATTERN_EXACT)
        return fail(ret_reason, "A URL names one host; type a wildcard alone, as in "
                                "*.example.com.");
    if (place.name.plain_labels != place.name.label_count)
        return fail(ret_reason, "The host in a URL has no underscore; type the name alone where "
                                "it is meant.");
    url.host = place.name;
    url.port = place.port;
    *ret_url = url;
    return true;
}

bool url_salvage(const char *target, size_t size, struct url *ret_url)
{
    struct url url = { 0 };
    struct compiled_rule place = { 0 };
    char unused[RULE_REASON_BYTES];
    const char *slash = memchr(target, '/', size);
    if (slash != NULL && slash > target && slash[-1] == ':') { /* whatever the scheme */
        size -= (size_t)(slash - target);
        for (target = slash; size > 0 && *target == '/'; size--)
            target++;
    }
    size_t authority = 0;
    while (authority < size && memchr("/\\?#", target[authority], 4) == NULL)
        authority++;
    const char *user = memrchr(target, '@', authority);
    if (user != NULL) {
        authority -= (size_t)(user + 1 - target);
        target = user + 1;
    }
    const char *colon = memchr(target, ':', authority);
    size_t host = colon != NULL ? (size_t)(colon - target) : authority;
    if (!target_parse(target, authority, &place, unused) &&
        !target_parse(target, host, &place, unused))
        return false;
    url.host = place.name;
    url.port = place.port;
    url.path = "";
    *ret_url = url;
    return true;
}

struct url_segment url_take_segment(struct reader *path)
{
    struct url_segment segment = { 0 };
    while (reader_left(path) > 0) {
        if (*path->at == '/') {
            (void)reader_take(path, 1);
            segment.is_ended = true;
            break;
        }
        int character = take_character(path);
        if (segment.size + 1 < sizeof(segment.bytes))
            segment.bytes[segment.size++] = (char)character;
        else
            segment.is_cut = true;
    }
    return segment;
}
