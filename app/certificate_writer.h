/* app/certificate_writer.h - the record thread's hands for pin_seen: gathers what checked servers
 * showed, and writes it down some seconds later, a few rows at a time. Edits come first, as with
 * denials (app/denial_writer.h). Belongs to the record thread. */
#pragma once
#include "db/pin_seen_store.h"
#include "policy/host_name.h"
#include "tls/certificate_finding.h"

enum { CERTIFICATE_WRITER_ROWS = 1024 };

struct certificate_writer {
    struct pin_seen *rows; /* owned; CERTIFICATE_WRITER_ROWS of them, made with the first */
    size_t count, written;
    uint64_t left_out; /* rows that found no place, here or in the table, and were not told of */
    /* Monotonic: */
    int64_t oldest_ms; /* when the first of the rows came */
    int64_t edited_ms;
    int64_t retry_ms; /* not before */
};

/* What was found of the server behind `name` at `seen_s` (Unix seconds): of a good certificate,
 * and of one that only has none of the pins, each row of its chain. */
void certificate_writer_gather(struct certificate_writer *writer, const struct host_name *name,
                               uint16_t port, const struct certificate_finding *finding,
                               int64_t seen_s);
void certificate_writer_release(struct certificate_writer *writer);

/* As with denials. */
void certificate_writer_note_edit(struct certificate_writer *writer);
void certificate_writer_put_off(struct certificate_writer *writer);
int64_t certificate_writer_due_ms(const struct certificate_writer *writer);
enum database_status certificate_writer_step(struct certificate_writer *writer,
                                             struct database *database, bool *ret_is_done,
                                             struct fault *ret_fault);
