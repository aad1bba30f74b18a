/* app/log_thread.h - the thread that writes the log to standard error, so that nobody else ever
 * waits for it. Each logging thread has a ring of its own (base/log_ring.h). A reader of standard
 * error that stops reading holds up this thread alone; the rings fill, drop and count. */
#pragma once
#include "app/options.h"
#include "base/log_ring.h"

struct log_thread;

/* Starts the thread, with `ring_count` rings. NULL with a fault. */
struct log_thread *log_thread_start(uint32_t ring_count, enum log_format format,
                                    struct fault *fault);

/* The ring of one logging thread; the log thread's own memory. */
struct log_ring *log_thread_ring(struct log_thread *log, uint32_t index);

/* Lines that full rings have dropped so far. Any thread. */
uint64_t log_thread_dropped(const struct log_thread *log);

/* Any thread, after publishing to its ring: costs a system call only when the log thread sleeps. */
void log_thread_wake(struct log_thread *log);

/* Writes what is left, for a second at most, and frees. NULL is fine. */
void log_thread_stop(struct log_thread *log);
