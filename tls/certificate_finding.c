/* tls/certificate_finding.c - the counting of findings. */
#include "tls/certificate_finding.h"

#include <stdlib.h>

struct certificate_finding *certificate_finding_ref(struct certificate_finding *finding)
{
    if (finding != NULL)
        atomic_fetch_add_explicit(&finding->references, 1, memory_order_relaxed);
    return finding;
}

struct certificate_finding *certificate_finding_unref(struct certificate_finding *finding)
{
    if (finding != NULL &&
        atomic_fetch_sub_explicit(&finding->references, 1, memory_order_acq_rel) == 1)
        free(finding);
    return NULL;
}
