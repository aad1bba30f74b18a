/* app/log_thread.c - the thread that writes the log. */
#include "app/log_thread.h"
#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    WRITE_BYTES = 4096, /* what a pipe that poll() calls writable takes without blocking (PIPE_BUF,
                           pipe(7)) */
    BATCH_BYTES = WRITE_BYTES + LOG_LINE_BYTES,
    SLEEP_MS = 1000,
    LINGER_MS = 5, /* less than a ring takes to fill */
    LAST_WORDS_MS = 1000,
};

struct log_thread {
    pthread_t thread;
    enum log_format format;
    int wake; /* eventfd */
    atomic_bool is_asleep, is_stopping;
    int64_t stop_by_ms; /* monotonic; the log thread's own, set when it sees is_stopping */
    uint32_t ring_count;
    uint64_t *dropped_told; /* per ring; the log thread's own */
    struct log_ring *rings;
};

/* True once it is no use to wait for the reader of standard error any longer. */
static bool has_given_up(struct log_thread *log)
{
    if (!atomic_load(&log->is_stopping))
        return false;
    if (log->stop_by_ms == 0)
        log->stop_by_ms = clock_monotonic_ms() + LAST_WORDS_MS;
    return clock_monotonic_ms() >= log->stop_by_ms;
}

/* Waits for a slow reader, but not beyond the stop. A terminal may still block the write itself. */
static void write_out(struct log_thread *log, const char *bytes, size_t size)
{
    while (size > 0 && !has_given_up(log)) {
        struct pollfd output = { STDERR_FILENO, POLLOUT, 0 };
        if (poll(&output, 1, 100) <= 0)
            continue;
        ssize_t written = write(STDERR_FILENO, bytes, size < WRITE_BYTES ? size : WRITE_BYTES);
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            return; /* nobody reads, nor ever will: there is no place to say so */
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

static void format_record(const struct log_thread *log, const struct log_record *record,
                          struct text *batch)
{
    if (log->format == LOG_FORMAT_JSON)
        log_record_add_json(record, batch);
    else
        log_record_add_text(record, batch);
}

static void tell_dropped(struct log_thread *log, uint32_t index, struct text *batch)
{
    uint64_t dropped = atomic_load_explicit(&log->rings[index].dropped, memory_order_relaxed);
    if (dropped == log->dropped_told[index])
        return;
    struct log_record record;
    log_record_start(&record, "log_dropped");
    log_record_number(&record, "count", (int64_t)(dropped - log->dropped_told[index]));
    log->dropped_told[index] = dropped;
    format_record(log, &record, batch);
}

/* Writes everything that stands in the rings; true if there was something. */
static bool drain(struct log_thread *log)
{
    char buffer[BATCH_BYTES];
    struct text batch = text_in(buffer, sizeof(buffer));
    bool found = false;
    for (uint32_t i = 0; i < log->ring_count; i++) {
        const struct log_record *record;
        while ((record = log_ring_peek(&log->rings[i])) != NULL) {
            format_record(log, record, &batch);
            log_ring_release(&log->rings[i]);
            found = true;
            if (batch.size >= WRITE_BYTES) {
                write_out(log, batch.at, batch.size);
                batch = text_in(buffer, sizeof(buffer));
            }
        }
        tell_dropped(log, i, &batch);
    }
    write_out(log, batch.at, batch.size);
    return found;
}

static void sleep_until_woken(struct log_thread *log, int most_ms)
{
    uint64_t count;
    struct pollfd wake = { log->wake, POLLIN, 0 };
    if (poll(&wake, 1, most_ms) > 0)
        (void)!read(log->wake, &count,
                    sizeof(count)); /* resets the event; there is nothing to learn */
}

/* Where there was something there soon is more: it is waited for without the others having to wake
 * us for each record. */
static void linger(struct log_thread *log)
{
    if (!atomic_load(&log->is_stopping))
        sleep_until_woken(log, LINGER_MS);
}

static void *run(void *context)
{
    struct log_thread *log = context;
    for (;;) {
        bool is_stopping = atomic_load(&log->is_stopping);
        if (drain(log)) {
            linger(log);
            continue;
        }
        if (is_stopping)
            return NULL;
        /* Say that we sleep, then look once more: who publishes after this look sees that we sleep.
         */
        atomic_store(&log->is_asleep, true);
        if (!drain(log))
            sleep_until_woken(log, SLEEP_MS);
        atomic_store(&log->is_asleep, false);
    }
}

static void release(struct log_thread *log)
{
    if (log->wake >= 0)
        (void)close(log->wake);
    free(log->rings);
    free(log->dropped_told);
    free(log);
}

struct log_thread *log_thread_start(uint32_t ring_count, enum log_format format,
                                    struct fault *fault)
{
    struct log_thread *log = calloc(1, sizeof(*log));
    fault_what(fault, "can't start the log: out of memory or descriptors");
    if (log == NULL)
        return NULL;
    log->format = format;
    log->ring_count = ring_count;
    log->rings = calloc(ring_count, sizeof(*log->rings));
    log->dropped_told = calloc(ring_count, sizeof(*log->dropped_told));
    log->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (log->rings == NULL || log->dropped_told == NULL || log->wake < 0 ||
        pthread_create(&log->thread, NULL, run, log) != 0) {
        release(log);
        return NULL;
    }
    return log;
}

struct log_ring *log_thread_ring(struct log_thread *log, uint32_t index)
{
    return &log->rings[index];
}

uint64_t log_thread_dropped(const struct log_thread *log)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < log->ring_count; i++)
        count += atomic_load_explicit(&log->rings[i].dropped, memory_order_relaxed);
    return count;
}

void log_thread_wake(struct log_thread *log)
{
    uint64_t one = 1;
    atomic_thread_fence(memory_order_seq_cst); /* the record is seen before our look at is_asleep */
    if (atomic_exchange(&log->is_asleep, false))
        (void)!write(log->wake, &one, sizeof(one)); /* full means woken already */
}

void log_thread_stop(struct log_thread *log)
{
    uint64_t one = 1;
    if (log == NULL)
        return;
    atomic_store(&log->is_stopping, true);
    (void)!write(log->wake, &one, sizeof(one));
    /* A terminal that nobody reads may hold the thread inside write(): then it stays there, since
     * the process is about to end. */
    struct timespec until = { 0 };
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2 * LAST_WORDS_MS / 1000;
    if (pthread_timedjoin_np(log->thread, NULL, &until) == 0)
        release(log);
}
