/* app/denial_writer.h - the record thread's hands for denied_name: gathers the denials of all
 * workers in a table of its own, and writes them down once some seconds. Edits come first: while
 * somebody edits, and while the file is locked, what was gathered waits, and more is added to it.
 * Belongs to the record thread. */
#pragma once
#include "app/event_log.h"
#include "db/denied_store.h"
#include "policy/denial_table.h"

enum {
    DENIAL_WRITER_PLACES = 4096,
    DENIAL_WRITER_EVERY_MS = 2000,
    DENIAL_WRITER_AFTER_EDIT_MS = 1000,
    DENIAL_WRITER_LATEST_MS = 10000, /* however many edits come */
    DENIAL_WRITER_RETRY_MS = 200,
};

struct denial_writer {
    struct denial_table *table; /* owned: what is not being written yet */
    struct denied_walk *walk;   /* owned; NULL: nothing is being written */
    struct denial *walked;      /* owned: what is being written */
    int64_t oldest_ms;          /* monotonic; when the first of the table came; 0: it is empty */
    int64_t edited_ms;          /* monotonic */
    int64_t retry_ms;           /* monotonic; of the walk */
    struct denial_tally told;
};

/* False when out of memory; release it all the same. */
bool denial_writer_init(struct denial_writer *writer);
void denial_writer_release(struct denial_writer *writer);

void denial_writer_gather(struct denial_writer *writer, const struct denial *denials, size_t count);
/* Somebody edited the file just now. */
void denial_writer_note_edit(struct denial_writer *writer);

/* The file can't even be opened: all is due again some time later. */
void denial_writer_put_off(struct denial_writer *writer);

/* When to write (monotonic); INT64_MAX: there is nothing to write. */
int64_t denial_writer_due_ms(const struct denial_writer *writer);
/* Writes what there is. DATABASE_BUSY: the rest is due again a little later. DATABASE_FAILED: the
 * rest is lost. */
enum database_status denial_writer_write(struct denial_writer *writer, struct database *database,
                                         struct fault *ret_fault);
