/* tests/fuzz/dns_reply_fuzz.c - any bytes as a DNS reply: addresses of the family asked for, no
 * more than are kept, and none without the status that says so. */
#include "net/dns_reply.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct dns_lookup_result result;
        dns_reply_read(data, size, family, &result);
        if (result.address_count > DNS_REPLY_ADDRESSES_MAX || result.ttl_s > INT32_MAX)
            abort();
        if ((result.status == DNS_LOOKUP_OK) != (result.address_count > 0))
            abort();
        for (uint32_t i = 0; i < result.address_count; i++)
            if (result.address[i].family != family)
                abort();
    }
    return 0;
}
