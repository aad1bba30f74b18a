/* app/existence.c - whether a name exists upstream, for the resolver. */
#include "app/existence.h"
#include "base/text.h"
#include "net/dns_channel.h"

static enum name_existence existence_of(const struct dns_lookup_result *result)
{
    switch (result->status) {
    case DNS_LOOKUP_OK:
        return NAME_WITH_ADDRESS;
    case DNS_LOOKUP_NOT_FOUND:
        return result->exists ? NAME_WITHOUT_ADDRESS : NAME_MISSING;
    case DNS_LOOKUP_FAILED:
        break;
    }
    return NAME_UNKNOWN;
}

static void on_looked_up(void *context, const struct dns_lookup_result *result)
{
    resolver_looked_up(context, existence_of(result));
}

static void *start(void *context, const struct host_name *name, struct resolver_waiting *waiting)
{
    char buffer[HOST_NAME_TEXT_MAX + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    host_name_add_to(name, &text);
    return dns_channel_lookup(context, buffer, on_looked_up, waiting);
}

static void cancel(void *lookup)
{
    dns_lookup_cancel(lookup);
}

struct resolver_lookup existence_lookup(struct dns_channel *channel)
{
    return (struct resolver_lookup){ channel, start, cancel };
}
