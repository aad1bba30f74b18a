/* base/log_ring.h - a bounded queue of log records from one thread to one other, without a lock.
 * A full ring drops the record and counts it: whoever logs never waits. */
#pragma once
#include "base/log_record.h"

#include <stdatomic.h>

enum { LOG_RING_RECORDS = 256 }; /* a power of two */

struct log_ring {
    atomic_uint_fast64_t written; /* records ever published; moved by the producer alone */
    atomic_uint_fast64_t read;    /* records ever consumed; moved by the consumer alone */
    atomic_uint_fast64_t dropped;
    struct log_record records[LOG_RING_RECORDS];
};

/* Producer: a record to fill, or NULL (and one more dropped) while the ring is full. */
struct log_record *log_ring_claim(struct log_ring *ring);
/* Producer: hands over the record of the last claim. */
void log_ring_publish(struct log_ring *ring);

/* Consumer: the oldest record, or NULL. It stays the ring's and valid until log_ring_release(). */
const struct log_record *log_ring_peek(struct log_ring *ring);
void log_ring_release(struct log_ring *ring);
