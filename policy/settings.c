/* policy/settings.c - the rows of the `setting` table as values. */
#include "policy/settings.h"

#include <stddef.h>
#include <string.h>

struct settings settings_default(void)
{
    return (struct settings){ .answer_ttl_s = 30,
                              .negative_ttl_s = 5,
                              .deny_answer = DENY_ANSWER_NXDOMAIN,
                              .ech = ECH_ALLOW,
                              .hello_s = 10,
                              .connect_s = 10,
                              .answer_s = 30,
                              .idle_s = 3600,
                              .max_handshakes_per_client = 50000,
                              .cold_start = COLD_START_PARALLEL,
                              .resumption = RESUMPTION_ALLOW,
                              .probes_max = 200,
                              .probes_per_client = 20,
                              .probes_per_address = 20,
                              .certificate_warning_days = 14 };
}

static size_t digits_of(uint32_t number)
{
    size_t count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

/* Decimal digits alone, at most as many as the largest value has. */
static enum setting_status read_number(const char *value, uint32_t least, uint32_t most,
                                       uint32_t *ret_number)
{
    uint32_t number = 0;
    if (*value == '\0' || strlen(value) > digits_of(most))
        return SETTING_BAD_VALUE;
    for (; *value != '\0'; value++) {
        if (*value < '0' || *value > '9')
            return SETTING_BAD_VALUE;
        number = number * 10 + (uint32_t)(*value - '0');
    }
    if (number < least || number > most)
        return SETTING_BAD_VALUE;
    *ret_number = number;
    return SETTING_OK;
}

static const struct {
    const char *name;
    size_t offset; /* of a uint32_t in struct settings */
    uint32_t least, most;
} numbers[] = {
    { "answer_ttl", offsetof(struct settings, answer_ttl_s), 0, 86400 },
    { "negative_ttl", offsetof(struct settings, negative_ttl_s), 0, 86400 },
    { "hello_seconds", offsetof(struct settings, hello_s), 1, 600 },
    { "connect_seconds", offsetof(struct settings, connect_s), 1, 600 },
    { "answer_seconds", offsetof(struct settings, answer_s), 1, 600 },
    { "idle_seconds", offsetof(struct settings, idle_s), 0, 604800 },
    { "max_connections", offsetof(struct settings, max_connections), 0, 10000000 },
    { "max_connections_per_client", offsetof(struct settings, max_connections_per_client), 0,
      10000000 },
    { "max_handshakes_per_client", offsetof(struct settings, max_handshakes_per_client), 0,
      10000000 },
    { "max_probes", offsetof(struct settings, probes_max), 0, 10000 },
    { "max_probes_per_client", offsetof(struct settings, probes_per_client), 0, 10000 },
    { "max_probes_per_address", offsetof(struct settings, probes_per_address), 0, 10000 },
    { "certificate_warning_days", offsetof(struct settings, certificate_warning_days), 0, 365 },
    { "max_queries_per_client", offsetof(struct settings, max_queries_per_client), 0, 10000000 },
};

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

static enum setting_status set_ech(struct settings *settings, const char *value)
{
    if (strcmp(value, "allow") == 0)
        settings->ech = ECH_ALLOW;
    else if (strcmp(value, "deny") == 0)
        settings->ech = ECH_DENY;
    else
        return SETTING_BAD_VALUE;
    return SETTING_OK;
}

static enum setting_status set_cold_start(struct settings *settings, const char *value)
{
    if (strcmp(value, "parallel") == 0)
        settings->cold_start = COLD_START_PARALLEL;
    else if (strcmp(value, "serial") == 0)
        settings->cold_start = COLD_START_SERIAL;
    else
        return SETTING_BAD_VALUE;
    return SETTING_OK;
}

static enum setting_status set_resumption(struct settings *settings, const char *value)
{
    if (strcmp(value, "allow") == 0)
        settings->resumption = RESUMPTION_ALLOW;
    else if (strcmp(value, "deny") == 0)
        settings->resumption = RESUMPTION_DENY;
    else
        return SETTING_BAD_VALUE;
    return SETTING_OK;
}

static enum setting_status set_forged_answer_error(struct settings *settings, const char *value)
{
    bool is_on = strcmp(value, "on") == 0;
    if (!is_on && strcmp(value, "off") != 0)
        return SETTING_BAD_VALUE;
    settings->has_forged_answer_error = is_on;
    return SETTING_OK;
}

/* Takes one element of a list, which ends in NUL; false where it can't be read. */
typedef bool (*element_fn)(struct settings *settings, const char *element);

static bool add_network(struct settings *settings, const char *element)
{
    uint32_t count = settings->allowed_private_network_count;
    if (count == PRIVATE_NETWORKS_MAX ||
        !ip_network_parse(element, &settings->allowed_private_networks[count]))
        return false;
    settings->allowed_private_network_count++;
    return true;
}

static bool add_search_domain(struct settings *settings, const char *element)
{
    struct host_name *place = &settings->search_domain[settings->search_domain_count];
    if (settings->search_domain_count == SEARCH_DOMAINS_MAX ||
        host_name_parse(element, strlen(element), place) != HOST_NAME_OK)
        return false;
    settings->search_domain_count++;
    return true;
}

/* One element of a list, without the spaces around it. */
static bool take_element(struct settings *settings, const char *start, size_t size, element_fn take)
{
    char element[HOST_NAME_TEXT_MAX + 1];
    while (size > 0 && start[0] == ' ') {
        start++;
        size--;
    }
    while (size > 0 && start[size - 1] == ' ')
        size--;
    if (size >= sizeof(element))
        return false;
    memcpy(element, start, size);
    element[size] = '\0';
    return take(settings, element);
}

static enum setting_status read_list(struct settings *settings, const char *value, element_fn take)
{
    enum setting_status status = SETTING_OK;
    while (*value != '\0') {
        size_t size = strcspn(value, ",");
        if (!take_element(settings, value, size, take))
            status = SETTING_BAD_VALUE; /* what can't be read opens nothing; the others hold */
        value += size;
        value += *value == ',' ? 1 : 0;
    }
    return status;
}

static enum setting_status set_allowed_private_networks(struct settings *settings,
                                                        const char *value)
{
    settings->allowed_private_network_count = 0;
    return read_list(settings, value, add_network);
}

static enum setting_status set_search_domains(struct settings *settings, const char *value)
{
    settings->search_domain_count = 0;
    return read_list(settings, value, add_search_domain);
}

static const struct {
    const char *name;
    enum setting_status (*set)(struct settings *settings, const char *value);
} known[] = {
    { "ech", set_ech },
    { "cold_start", set_cold_start },
    { "resumption", set_resumption },
    { "forged_answer_error", set_forged_answer_error },
    { "deny_answer", set_deny_answer },
    { "allowed_private_networks", set_allowed_private_networks },
    { "search_domains", set_search_domains },
};

enum setting_status settings_set(struct settings *settings, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint32_t *number = (uint32_t *)(void *)((char *)settings + numbers[i].offset);
        if (strcmp(name, numbers[i].name) == 0)
            return read_number(value, numbers[i].least, numbers[i].most, number);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].set(settings, value);
    return SETTING_UNKNOWN;
}
