/* policy/gate_address.c - which address a name is answered with. */
#include "policy/gate_address.h"

bool gate_addresses_add(struct gate_addresses *addresses, const struct ip_address *address)
{
    bool is_v4 = address->family == 4;
    struct ip_address *list = is_v4 ? addresses->v4 : addresses->v6;
    uint32_t *count = is_v4 ? &addresses->v4_count : &addresses->v6_count;
    if (ip_address_is_unspecified(address))
        return false;
    for (uint32_t i = 0; i < *count; i++)
        if (ip_address_equal(&list[i], address))
            return true;
    if (*count == GATE_ADDRESSES_MAX)
        return false;
    list[(*count)++] = *address;
    return true;
}
