/* app/pin_report.h - what `pinhole pin` prints: the chains, what the check says, and the SQL that
 * pins them. Subjects and issuers come from the server: they stand in quotes, and on one line. */
#pragma once
#include "app/pin_probe.h"

void pin_report_print_text(const struct pin_probe *probe);
void pin_report_print_json(const struct pin_probe *probe);
