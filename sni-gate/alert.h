/* sni-gate/alert.h - what a refused client is told: a fatal TLS alert (RFC 8446 6.2) that is true
 * and never blames the client's certificate. Pure. */
#pragma once
#include "policy/verdict.h"

#include <stdbool.h>
#include <stddef.h>

enum { ALERT_RECORD_BYTES = 7 };

/* Writes the record with the alert for `reason`; returns its size, or 0 where there is none to
 * send: to a client that does not speak TLS, or for what is no refusal. `offers_tls13` as far as
 * the hello was read. */
size_t alert_write(enum reason reason, bool offers_tls13, uint8_t ret_record[ALERT_RECORD_BYTES]);
