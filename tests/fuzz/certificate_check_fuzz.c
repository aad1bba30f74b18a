/* tests/fuzz/certificate_check_fuzz.c - a certificate_list as a server sends it, judged by each of
 * its own certificates as the only pin: nothing passes without a pin, and the pin of the server's
 * own key always does. */
#include "tls/certificate_chain.h"
#include "tls/certificate_check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct certificate_chain *chain = certificate_chain_read(reader_over(bytes, size), NULL);
    struct certificate_demand demand = { .host = "a.example.com", .is_pin_only = true };
    if (chain == NULL)
        return 0;
    demand.now_s = 1893456000; /* 2030-01-01: when the corpus is valid */
    struct certificate_finding *all = certificate_check(NULL, chain, &demand);
    demand.pin_count = 1;
    for (uint32_t i = 0; i < all->count; i++) {
        demand.pins = &all->chain[i].spki;
        struct certificate_finding *one = certificate_check(NULL, chain, &demand);
        bool is_good = one->status == CERTIFICATE_GOOD;
        if ((is_good && !one->is_validated) || one->count > CERTIFICATE_CHAIN_MAX ||
            (i == 0 && !is_good && strstr(one->detail, "8192") == NULL))
            abort();
        (void)certificate_finding_unref(one);
    }
    if (all->status == CERTIFICATE_GOOD || all->count == 0)
        abort();
    (void)certificate_finding_unref(all);
    certificate_chain_free(chain);
    return 0;
}
