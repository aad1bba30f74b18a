/* base/counter.h - counts that one thread writes and any thread reads. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

/* Adds; the owner alone. Load and store apart, as no one else writes: no locked instruction. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t more)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + more, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t counter_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}
