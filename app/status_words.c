/* app/status_words.c - names, clients and groups in the words of the status page. */
#include "app/status_words.h"
#include "base/text.h"
#include "policy/policy.h"
#include "status/arena.h"

#include <string.h>

void status_write_name(const struct host_name *name, uint16_t port,
                       char ret_text[STATUS_NAME_BYTES])
{
    struct text text = text_in(ret_text, STATUS_NAME_BYTES);
    host_name_add_to(name, &text);
    if (port != 0 && port != RULE_DEFAULT_PORT)
        text_add_format(&text, ":%u", port);
}

void status_write_address(const struct ip_address *address, char ret_text[STATUS_CLIENT_BYTES])
{
    struct text text = text_in(ret_text, STATUS_CLIENT_BYTES);
    ip_address_add_to(address, &text);
}

const char *status_copy_endpoint(const struct endpoint *endpoint, struct arena *arena)
{
    char buffer[80];
    struct text text = text_in(buffer, sizeof(buffer));
    endpoint_add_to(endpoint, &text);
    return arena_copy(arena, buffer);
}

const char *status_group_of(const struct policy *policy, const struct ip_address *address)
{
    const struct client_groups *groups = policy_client_groups(policy);
    struct client client = client_of(groups, address);
    return client_groups_name(groups, client_home_group(&client));
}

bool status_contains(const char *text, const char *search)
{
    return strcasestr(text, search) != NULL;
}
