/* base/clock.h - the two clocks. Deadlines and TTLs use the monotonic one; rules expire by the
 * real-time one. */
#pragma once
#include <stdint.h>

/* Milliseconds of the monotonic clock; only differences mean anything. */
int64_t clock_monotonic_ms(void);

/* Nanoseconds of the same clock. */
int64_t clock_monotonic_ns(void);

/* Milliseconds since the Unix epoch. */
int64_t clock_realtime_ms(void);

/* Microseconds since the Unix epoch. */
int64_t clock_realtime_us(void);

/* Seconds since the Unix epoch, from the kernel's coarse clock: at most one tick late, and cheap
 * enough for every query. */
int64_t clock_realtime_s(void);
