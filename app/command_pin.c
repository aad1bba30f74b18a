/* app/command_pin.c - pinhole pin: shows a server's certificates, and how to pin them. It asks the
 * server as the gate's own checks do; the policy plays no part. */
#include "app/commands.h"
#include "app/pin_probe.h"
#include "app/pin_report.h"

#include <stdlib.h>

int command_pin(const struct options *options, struct fault *fault)
{
    struct pin_probe *probe = calloc(1, sizeof(*probe));
    int status = -1;
    fault_what(fault, "out of memory");
    if (probe != NULL && pin_probe_run(probe, options, fault)) {
        status = pin_probe_verdict(probe) == REASON_ALLOWED ? 0 : 1;
        if (options->as_json)
            pin_report_print_json(probe);
        else
            pin_report_print_text(probe);
    }
    if (probe != NULL)
        pin_probe_release(probe);
    free(probe);
    return status;
}
