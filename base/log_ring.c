/* base/log_ring.c - a bounded queue of log records from one thread to one other. */
#include "base/log_ring.h"

#include <stddef.h>

struct log_record *log_ring_claim(struct log_ring *ring)
{
    uint_fast64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    uint_fast64_t read = atomic_load_explicit(&ring->read, memory_order_acquire);
    if (written - read == LOG_RING_RECORDS) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return NULL;
    }
    return &ring->records[written % LOG_RING_RECORDS];
}

void log_ring_publish(struct log_ring *ring)
{
    atomic_fetch_add_explicit(&ring->written, 1, memory_order_release);
}

const struct log_record *log_ring_peek(struct log_ring *ring)
{
    uint_fast64_t read = atomic_load_explicit(&ring->read, memory_order_relaxed);
    if (read == atomic_load_explicit(&ring->written, memory_order_acquire))
        return NULL;
    return &ring->records[read % LOG_RING_RECORDS];
}

void log_ring_release(struct log_ring *ring)
{
    atomic_fetch_add_explicit(&ring->read, 1, memory_order_release);
}
