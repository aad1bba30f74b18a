/* app/certificate_log.h - what is said in the log of servers' certificates. */
#pragma once
#include "app/event_log.h"

struct certificate_event;
struct certificate_finding;
struct gate_event;

/* A chain, or the last of a rule's pins, that ends soon is told once a day for each name, as far as
 * names fit in here: a name may take another's place, which is then told once more. All zero,
 * nothing was told yet. */
enum { EXPIRY_NOTES = 256 };
struct expiry_notes {
    struct {
        uint64_t name; /* its hash */
        int64_t day;
    } note[EXPIRY_NOTES];
};

/* Adds how a connection's server was verified; where that failed, what was seen and what SQL would
 * accept it. */
void certificate_log_add_connection(struct log_record *record, const struct gate_event *event);

/* Tells of a check: that it failed, that no pin which only reports was in the chain, or that the
 * chain, or the last enforcing pin, ends within `warning_days`. Nothing else is worth a line. */
void certificate_log_checked(struct event_log *log, const struct certificate_event *event,
                             uint32_t warning_days, struct expiry_notes *notes);
