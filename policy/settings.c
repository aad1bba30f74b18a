/* policy/settings.c - the rows of the `setting` table as values. */
#include "policy/settings.h"

#include <string.h>

enum { TTL_MAX_S = 86400 };

struct settings settings_default(void)
{
    return (struct settings){ .answer_ttl_s = 30,
                              .negative_ttl_s = 5,
                              .deny_answer = DENY_ANSWER_NXDOMAIN };
}

static enum setting_status set_ttl(uint32_t *ttl_s, const char *value)
{
    uint32_t number = 0;
    if (*value == '\0' || strlen(value) > 5)
        return SETTING_BAD_VALUE;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return SETTING_BAD_VALUE;
        number = number * 10 + (uint32_t)(*value - '0');
    }
    if (number > TTL_MAX_S)
        return SETTING_BAD_VALUE;
    *ttl_s = number;
    return SETTING_OK;
}

static enum setting_status set_answer_ttl(struct settings *settings, const char *value)
{
    return set_ttl(&settings->answer_ttl_s, value);
}

static enum setting_status set_negative_ttl(struct settings *settings, const char *value)
{
    return set_ttl(&settings->negative_ttl_s, value);
}

static enum setting_status set_deny_answer(struct settings *settings, const char *value)
{
    if (strcmp(value, "nxdomain") == 0)
        settings->deny_answer = DENY_ANSWER_NXDOMAIN;
    else if (strcmp(value, "refused") == 0)
        settings->deny_answer = DENY_ANSWER_REFUSED;
    else
        return SETTING_BAD_VALUE;
    return SETTING_OK;
}

/* One element of the list, without the spaces around it. */
static bool add_network(struct settings *settings, const char *start, size_t size)
{
    char element[64];
    while (size > 0 && start[0] == ' ') {
        start++;
        size--;
    }
    while (size > 0 && start[size - 1] == ' ')
        size--;
    if (size >= sizeof(element) || settings->allowed_private_network_count == PRIVATE_NETWORKS_MAX)
        return false;
    memcpy(element, start, size);
    element[size] = '\0';
    if (!ip_network_parse(
            element, &settings->allowed_private_networks[settings->allowed_private_network_count]))
        return false;
    settings->allowed_private_network_count++;
    return true;
}

static enum setting_status set_allowed_private_networks(struct settings *settings,
                                                        const char *value)
{
    enum setting_status status = SETTING_OK;
    settings->allowed_private_network_count = 0;
    while (*value != '\0') {
        size_t size = strcspn(value, ",");
        if (!add_network(settings, value, size))
            status = SETTING_BAD_VALUE; /* what can't be read opens nothing; the others hold */
        value += size;
        value += *value == ',' ? 1 : 0;
    }
    return status;
}

static const struct {
    const char *name;
    enum setting_status (*set)(struct settings *settings, const char *value);
} known[] = {
    { "answer_ttl", set_answer_ttl },
    { "negative_ttl", set_negative_ttl },
    { "deny_answer", set_deny_answer },
    { "allowed_private_networks", set_allowed_private_networks },
};

enum setting_status settings_set(struct settings *settings, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].set(settings, value);
    return SETTING_UNKNOWN;
}
