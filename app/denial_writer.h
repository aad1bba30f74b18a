/* app/denial_writer.h - the record thread's hands for denied_name: gathers the denials of all
 * workers in a table of its own, and writes them down once some seconds. Edits come first: while
 * somebody edits, and while the file is locked, what was gathered waits, and more is added to it.
 * Belongs to the record thread. */
#pragma once
#include "app/event_log.h"
#include "db/denied_store.h"
#include "policy/denial_table.h"

enum {
    DENIAL_WRITER_PLACES = 2048,
    DENIAL_WRITER_EVERY_MS = 2000,
    DENIAL_WRITER_AFTER_EDIT_MS = 1000,
    DENIAL_WRITER_LATEST_MS = 10000, /* however many edits come */
    DENIAL_WRITER_RETRY_MS = 200,
};

struct denial_writer {
    struct denial_table *table; /* owned: what is not being written yet */
    struct denied_walk *walk;   /* owned; NULL: nothing is being written */
    struct denial *walked;      /* owned: what is being written */
    /* Monotonic: */
    int64_t oldest_ms;        /* when the first of the table came; 0: it is empty */
    int64_t oldest_walked_ms; /* the same of what is being written */
    int64_t edited_ms;
    int64_t retry_ms; /* not before */
    struct denial_tally told;
};

/* False when out of memory; release it all the same. */
bool denial_writer_init(struct denial_writer *writer);
void denial_writer_release(struct denial_writer *writer);

void denial_writer_gather(struct denial_writer *writer, const struct denial *denials, size_t count);
/* Somebody edited the file just now. */
void denial_writer_note_edit(struct denial_writer *writer);

/* Not now: all is due again some time later. */
void denial_writer_put_off(struct denial_writer *writer);

/* When to write (monotonic); INT64_MAX: there is nothing to write. */
int64_t denial_writer_due_ms(const struct denial_writer *writer);
/* Writes some rows, in one short transaction; `*ret_is_done` is set by DATABASE_OK: there are no
 * more. One may stop before that; the rest stays due. DATABASE_BUSY: try again when it is due.
 * DATABASE_FAILED: the rest is lost. */
enum database_status denial_writer_step(struct denial_writer *writer, struct database *database,
                                        bool *ret_is_done, struct fault *ret_fault);
