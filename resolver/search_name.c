/* resolver/search_name.c - names that nobody means. */
#include "resolver/search_name.h"

#include "policy/settings.h"

#include <string.h>

enum { ENDPOINT_LABELS = 3, SRV_LABELS = 4 };

static const struct host_name services = {
    .size = 19, .label_count = 3, .plain_labels = 3, .wire = "\3svc\7cluster\5local"
};

static bool is_below(const struct host_name *name, const struct host_name *above)
{
    return name->label_count > above->label_count && host_name_is_within(name, above);
}

bool search_name_is_below(const struct settings *settings, const struct host_name *name)
{
    for (uint32_t i = 0; i < settings->search_domain_count; i++)
        if (is_below(name, &settings->search_domain[i]))
            return true;
    return false;
}

static bool is_of_services(const struct host_name *domain)
{
    return memcmp(domain->wire, services.wire, 1 + 3) == 0;
}

/* RFC 2782: the labels of port and protocol begin with an underscore. */
static bool begins_as_srv(const struct host_name *name)
{
    const uint8_t *second = name->wire + 1 + name->wire[0];
    return name->wire[1] == '_' && second[1] == '_';
}

static bool is_impossible_below(const struct host_name *name, const struct host_name *above)
{
    if (!is_below(name, above))
        return false;
    unsigned labels = name->label_count - above->label_count;
    return labels > SRV_LABELS || (labels > ENDPOINT_LABELS && !begins_as_srv(name));
}

bool search_name_cannot_exist(const struct settings *settings, const struct host_name *name)
{
    if (is_impossible_below(name, &services))
        return true;
    for (uint32_t i = 0; i < settings->search_domain_count; i++)
        if (is_of_services(&settings->search_domain[i]) &&
            is_impossible_below(name, &settings->search_domain[i]))
            return true;
    return false;
}
