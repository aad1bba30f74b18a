/* policy/connect_to.c - where connections go that a rule sends elsewhere. */
#include "policy/connect_to.h"
#include "base/text.h"

#include <string.h>

enum { ADDRESS_TEXT_BYTES = 64 };

/* What is typed, in its parts; they borrow from it. */
struct parts {
    const char *place;
    size_t place_size;
    bool is_bracketed;
    const char *port; /* behind its colon; NULL: none was typed */
};

static bool fail(const char **ret_problem, const char *problem)
{
    *ret_problem = problem;
    return false;
}

/* False where a bracket stands without the other, or something else than a port behind them. */
static bool split_bracketed(const char *typed, struct parts *ret_parts)
{
    const char *end = strchr(typed, ']');
    if (end == NULL || (end[1] != '\0' && end[1] != ':'))
        return false;
    *ret_parts = (struct parts){ .place = typed + 1,
                                 .place_size = (size_t)(end - typed - 1),
                                 .is_bracketed = true,
                                 .port = end[1] == ':' ? end + 2 : NULL };
    return true;
}

static bool split(const char *typed, struct parts *ret_parts)
{
    const char *colon = strchr(typed, ':');
    if (typed[0] == '[')
        return split_bracketed(typed, ret_parts);
    if (colon != NULL && strchr(colon + 1, ':') != NULL)
        colon = NULL; /* IPv6 without brackets: it can carry no port */
    *ret_parts =
        (struct parts){ .place = typed,
                        .place_size = colon != NULL ? (size_t)(colon - typed) : strlen(typed),
                        .port = colon != NULL ? colon + 1 : NULL };
    return true;
}

static bool read_port(const char *digits, uint16_t *ret_port)
{
    unsigned port = 0;
    size_t size = strlen(digits);
    for (size_t i = 0; i < size && size <= 5; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        port = port * 10 + (unsigned)(digits[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool read_address(const struct parts *parts, struct ip_address *ret_address)
{
    char text[ADDRESS_TEXT_BYTES];
    if (parts->place_size >= sizeof(text))
        return false;
    memcpy(text, parts->place, parts->place_size);
    text[parts->place_size] = '\0';
    return ip_address_parse(text, ret_address);
}

static bool read_host(const struct parts *parts, struct host_name *ret_host,
                      const char **ret_problem)
{
    size_t size = parts->place_size;
    if (size > 1 && parts->place[size - 1] == '.')
        size--; /* typed as an absolute name */
    switch (host_name_parse(parts->place, size, ret_host)) {
    case HOST_NAME_OK:
        return true;
    case HOST_NAME_IS_ADDRESS:
        return fail(ret_problem, "The address in connect_to can't be read; type it as in 10.0.0.5 "
                                 "or fd00::5.");
    case HOST_NAME_EMPTY:
    case HOST_NAME_TOO_LONG:
    case HOST_NAME_LABEL_TOO_LONG:
    case HOST_NAME_EMPTY_LABEL:
    case HOST_NAME_BAD_BYTE:
    case HOST_NAME_NOT_ASCII:
    case HOST_NAME_BAD_HYPHEN:
        break;
    }
    return fail(ret_problem, "The connect_to can't be read; type an address or a host, as in "
                             "10.0.0.5:8443 or proxy.internal.example, or NULL for the name "
                             "itself.");
}

bool connect_to_parse(const char *typed, struct connect_to *ret_connect_to,
                      const char **ret_problem)
{
    struct parts parts;
    struct connect_to read = { .kind = CONNECT_TO_HOST };
    if (!split(typed, &parts))
        return fail(ret_problem, "The brackets in connect_to are not a pair around an IPv6 "
                                 "address; type them as in [fd00::5]:8443.");
    if (parts.port != NULL && !read_port(parts.port, &read.port))
        return fail(ret_problem, "The port in connect_to is not a number from 1 to 65535.");
    if (read_address(&parts, &read.address))
        read.kind = CONNECT_TO_ADDRESS;
    if (parts.is_bracketed && memchr(parts.place, ':', parts.place_size) == NULL)
        return fail(ret_problem, "The brackets in connect_to hold no IPv6 address; type an IPv4 "
                                 "address or a host without them.");
    if (read.kind == CONNECT_TO_HOST && !read_host(&parts, &read.host, ret_problem))
        return false;
    *ret_connect_to = read;
    return true;
}

void connect_to_add_to(const struct connect_to *connect_to, struct text *text)
{
    const struct endpoint endpoint = { connect_to->address, connect_to->port };
    switch (connect_to->kind) {
    case CONNECT_TO_NAME:
        return;
    case CONNECT_TO_ADDRESS:
        if (connect_to->port != 0)
            endpoint_add_to(&endpoint, text);
        else
            ip_address_add_to(&connect_to->address, text);
        return;
    case CONNECT_TO_HOST:
        host_name_add_to(&connect_to->host, text);
        if (connect_to->port != 0)
            text_add_format(text, ":%u", connect_to->port);
        return;
    }
}
