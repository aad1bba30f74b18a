/* policy/bucket_name.c - what a provider lets a bucket be called. */
#include "policy/bucket_name.h"
#include "base/text.h"

#include <string.h>

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_lower_or_digit(char byte)
{
    return (byte >= 'a' && byte <= 'z') || is_digit(byte);
}

/* Follows a pattern with all places in `name` that it may have reached, so that no pattern takes
 * long. */
static bool pattern_matches(const char *pattern, size_t pattern_size, const char *name, size_t size)
{
    bool reached[URL_SEGMENT_BYTES] = { true };
    if (size == 0 || size >= URL_SEGMENT_BYTES || pattern_size == 0)
        return false;
    char first = pattern[0], last = pattern[pattern_size - 1]; /* where most names differ */
    if ((first != '*' && first != '#' && first != name[0]) ||
        (last != '*' && last != '#' && last != name[size - 1]))
        return false;
    for (size_t at = 0; at < pattern_size; at++) {
        bool next[URL_SEGMENT_BYTES] = { pattern[at] == '*' && reached[0] };
        for (size_t i = 0; i < size; i++) {
            if (pattern[at] == '*')
                next[i + 1] = reached[i + 1] || next[i];
            else if (pattern[at] == '#')
                next[i + 1] = is_digit(name[i]) && (reached[i] || next[i]);
            else
                next[i + 1] = name[i] == pattern[at] && reached[i];
        }
        memcpy(reached, next, sizeof(reached));
    }
    return reached[size];
}

bool name_list_matches(const char *list, size_t list_size, char separator, const char *name,
                       size_t size)
{
    const char *end = list + list_size;
    while (list < end) {
        const char *next = memchr(list, separator, (size_t)(end - list));
        size_t word = (size_t)((next != NULL ? next : end) - list);
        bool is_exception = word > 0 && list[0] == '!';
        const char *pattern = is_exception ? list + 1 : list;
        size_t pattern_size = is_exception ? word - 1 : word;
        bool is_plain = memchr(pattern, '*', pattern_size) == NULL &&
                        memchr(pattern, '#', pattern_size) == NULL;
        bool matches = is_plain ? pattern_size == size && memcmp(pattern, name, size) == 0
                                : pattern_matches(pattern, pattern_size, name, size);
        if (word > 0 && matches)
            return !is_exception;
        list += word + 1;
    }
    return false;
}

static bool is_in(const char *list, const struct url_segment *name)
{
    return name_list_matches(list, strlen(list), ' ', name->bytes, name->size);
}

/* What its characters are. */
struct shape {
    bool has_other, has_dot, has_underscore, has_capital, is_address;
    bool has_bad_edge; /* of a part between dots: empty, or a hyphen */
    bool has_bad_end;  /* of the whole: no letter or digit */
    size_t longest;    /* part between dots */
};

static struct shape shape_of(const struct url_segment *name)
{
    struct shape shape = { .is_address = true };
    size_t part = 0, dots = 0;
    for (size_t i = 0; i <= name->size; i++) {
        char byte = name->bytes[i], before = i > 0 ? name->bytes[i - 1] : '.';
        bool is_end = i == name->size;
        if (is_end || byte == '.') {
            shape.has_bad_edge = shape.has_bad_edge || part == 0 || before == '-';
            shape.longest = part > shape.longest ? part : shape.longest;
            part = 0;
            dots += !is_end;
            continue;
        }
        part++;
        bool is_capital = byte >= 'A' && byte <= 'Z';
        shape.has_bad_edge = shape.has_bad_edge || (byte == '-' && part == 1);
        shape.has_underscore = shape.has_underscore || byte == '_';
        shape.has_capital = shape.has_capital || is_capital;
        shape.is_address = shape.is_address && is_digit(byte);
        shape.has_other = shape.has_other ||
                          !(is_lower_or_digit(byte) || is_capital || byte == '-' || byte == '_');
    }
    char first = name->bytes[0], last = name->size > 0 ? name->bytes[name->size - 1] : '.';
    shape.has_bad_end =
        first == '-' || first == '_' || first == '.' || last == '-' || last == '_' || last == '.';
    shape.has_dot = dots > 0;
    shape.is_address = shape.is_address && dots == 3;
    return shape;
}

/* What no bucket of the provider is called; NULL where the name may be one. */
static const char *why_never(const struct provider_row *provider, const struct url_segment *name,
                             const struct shape *shape)
{
    bool is_dotted = shape->has_dot;
    size_t size = name->size, maximum = (size_t)provider->bucket_max;
    if (size == 0)
        return "it is empty";
    if (shape->has_other)
        return "it has a character that no bucket's name has";
    if (shape->has_capital && strcmp(provider->bucket_capitals, "invalid") == 0)
        return "it has a capital letter";
    if (shape->has_underscore && strcmp(provider->bucket_underscores, "invalid") == 0)
        return "it has an underscore";
    if (is_in(provider->bucket_never, name))
        return "names like it are reserved";
    if (is_dotted && strcmp(provider->bucket_dots, "invalid") == 0)
        return "it has a dot";
    if (shape->has_bad_end || shape->has_bad_edge)
        return "it, or a part of it between dots, does not begin and end with a letter or digit";
    if (shape->is_address)
        return "it is an IP address";
    if (size < (size_t)provider->bucket_min)
        return "it is too short";
    if (name->is_cut || shape->longest > maximum ||
        (is_dotted && size > (size_t)provider->bucket_max_dotted))
        return "it is too long";
    if (provider->bucket_like[0] != '\0' && !is_in(provider->bucket_like, name))
        return "it lacks what each name of theirs has";
    return NULL;
}

/* "*.appspot.com" covers proj.appspot.com, as a certificate would (RFC 9525 6.3). */
static bool is_dotted_with_host(const struct provider_row *provider, const struct url_segment *name)
{
    const char *dot = memchr(name->bytes, '.', name->size);
    struct url_segment wild = { .bytes = "*" };
    if (dot == NULL)
        return false;
    size_t rest = name->size - (size_t)(dot - name->bytes);
    memcpy(wild.bytes + 1, dot, rest);
    wild.size = rest + 1;
    const char *list = provider->bucket_dotted;
    while (*list != '\0') {
        size_t word = strcspn(list, " ");
        if (word == wild.size && memcmp(list, wild.bytes, word) == 0)
            return true;
        list += word + (list[word] == ' ');
    }
    return false;
}

/* Why a bucket of this name has no host name; NULL where it has one. */
static const char *why_no_host(const struct provider_row *provider, const struct url_segment *name,
                               const struct shape *shape)
{
    if (is_in(provider->bucket_elsewhere, name))
        return "names like it belong to another kind of storage, with hosts of its own: type its "
               "host instead";
    if (shape->has_dot && strcmp(provider->bucket_dots, "allowed") != 0 &&
        !is_dotted_with_host(provider, name))
        return "it has a dot, and the server's wildcard certificate covers one label only, so that "
               "no client could check it: use a bucket without dots";
    if (shape->has_underscore)
        return "it has an underscore, which host names and many clients' certificate checks leave "
               "out: use a bucket without underscores";
    if (shape->has_capital)
        return "it has a capital letter, and host names don't tell capitals from small letters: "
               "use a bucket in small letters";
    if (shape->longest > HOST_NAME_LABEL_MAX)
        return "it is longer than the 63 characters of a label: use a bucket with a shorter name";
    return NULL;
}

enum bucket_fit bucket_name_check(const struct provider_row *provider,
                                  const struct url_segment *name, struct text *reason)
{
    struct shape shape = shape_of(name);
    const char *never = why_never(provider, name, &shape);
    const char *no_host = never == NULL ? why_no_host(provider, name, &shape) : NULL;
    if (never == NULL && no_host == NULL)
        return BUCKET_FITS;
    text_add(reason, never != NULL ? "\"" : "The bucket \"");
    text_add_escaped(reason, name->bytes, name->size < 80 ? name->size : 80);
    if (never != NULL)
        text_add_format(reason, "\" can't be a bucket of %s: %s.", provider->name, never);
    else
        text_add_format(reason, "\" of %s has no host name: %s.", provider->name, no_host);
    return never != NULL ? BUCKET_INVALID : BUCKET_NO_HOST;
}
