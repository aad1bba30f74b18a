/* app/record_thread.c - the thread that writes what was observed. */
#include "app/record_thread.h"
#include "app/certificate_writer.h"
#include "app/denial_writer.h"
#include "base/clock.h"
#include "db/change_log.h"
#include "db/rule_history.h"
#include "db/status_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { RETRY_MS = 20, CHECKPOINT_TRIES = 25, QUIET_MS = 30, QUIET_MAX_MS = 5000 };
enum { BATCHES_MAX = 16, NOTES_MAX = 256 };

struct job {
    struct job *next;
    struct policy *policy; /* owns a reference */
    bool is_for_all;       /* all rules; else those of `ids` */
    struct rule_ids ids;   /* owned */
};

/* What one worker handed over at once. */
struct denial_batch {
    struct denial_batch *next;
    size_t count;
    struct denial denials[];
};

/* What one check found. */
struct note {
    struct note *next;
    struct host_name name;
    uint16_t port;
    int64_t seen_s;                      /* Unix seconds */
    struct certificate_finding *finding; /* owns a reference */
};

struct record_thread {
    pthread_t thread;
    const char *path;
    struct database_guard *guard;
    struct event_log log;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct job *first, **last;              /* guarded by lock */
    struct denial_batch *batches;           /* guarded by lock; in no order */
    uint32_t batch_count;                   /* guarded by lock */
    struct note *notes;                     /* guarded by lock; the newest first */
    uint32_t note_count;                    /* guarded by lock */
    uint64_t notes_left_out;                /* guarded by lock; not told of yet */
    struct record_reading *readings;        /* guarded by lock; in no order */
    bool is_stopping;                       /* guarded by lock */
    struct denial_writer denials;           /* the thread's own */
    struct certificate_writer certificates; /* likewise */
    bool writing_has_failed;                /* likewise: the last try */
};

static void job_free(struct job *job)
{
    policy_unref(job->policy);
    free(job->ids.id);
    free(job);
}

static void note_free(struct note *note)
{
    certificate_finding_unref(note->finding);
    free(note);
}

static struct timespec monotonic_at(int64_t at_ms)
{
    struct timespec at = { 0 };
    at.tv_sec = at_ms / 1000;
    at.tv_nsec = at_ms % 1000 * 1000000;
    return at;
}

static struct timespec monotonic_in(int64_t wait_ms)
{
    return monotonic_at(clock_monotonic_ms() + wait_ms);
}

/* Waits for a job, or until `wait_ms` are over (negative: for ever). The job is the caller's; NULL:
 * none came. */
static struct job *take_job(struct record_thread *thread, int64_t wait_ms)
{
    struct timespec until = monotonic_in(wait_ms);
    int waited = 0;
    (void)pthread_mutex_lock(&thread->lock);
    while (thread->first == NULL && !thread->is_stopping && waited == 0)
        waited = wait_ms < 0 ? pthread_cond_wait(&thread->changed, &thread->lock)
                             : pthread_cond_timedwait(&thread->changed, &thread->lock, &until);
    struct job *job = thread->is_stopping ? NULL : thread->first;
    if (job != NULL) {
        thread->first = job->next;
        if (thread->first == NULL)
            thread->last = &thread->first;
    }
    (void)pthread_mutex_unlock(&thread->lock);
    return job;
}

static bool is_stopping(struct record_thread *thread)
{
    (void)pthread_mutex_lock(&thread->lock);
    bool stopping = thread->is_stopping;
    (void)pthread_mutex_unlock(&thread->lock);
    return stopping;
}

/* Somebody else writes: gives them time, since SQLite tells nobody when a lock is let go. False
 * when the thread is to stop instead. */
static bool wait_for_writer(struct record_thread *thread)
{
    struct timespec until = monotonic_in(RETRY_MS);
    int waited = 0;
    (void)pthread_mutex_lock(&thread->lock);
    while (!thread->is_stopping && waited == 0)
        waited = pthread_cond_timedwait(&thread->changed, &thread->lock, &until);
    bool goes_on = !thread->is_stopping;
    (void)pthread_mutex_unlock(&thread->lock);
    return goes_on;
}

static void log_failure(struct record_thread *thread, const struct fault *fault)
{
    struct log_record *record = event_log_start(&thread->log, "record_failed");
    if (record == NULL)
        return;
    log_record_text(record, "what", fault->what);
    log_record_text(record, "where", fault->where);
    log_record_text(record, "remedy", fault->remedy);
    event_log_send(&thread->log);
}

/* A rule that says something else than what is in force is worth a line. */
static void log_rule(void *context, const struct status_report *report)
{
    struct record_thread *thread = context;
    enum rule_state state = report->outcome->state;
    if (state == RULE_STATE_INVALID || state == RULE_STATE_REFUSED)
        event_log_rule_not_in_force(&thread->log, report->rule_id, report->outcome);
}

/* Readings wait for nothing but a step of what is written. */
static void carry_out_readings(struct record_thread *thread)
{
    struct fault fault = { 0 };
    (void)pthread_mutex_lock(&thread->lock);
    struct record_reading *reading = thread->readings;
    thread->readings = NULL;
    (void)pthread_mutex_unlock(&thread->lock);
    if (reading == NULL)
        return;
    struct database *database =
        database_open_guarded(thread->path, DATABASE_READ, thread->guard, &fault);
    for (struct record_reading *next; reading != NULL; reading = next) {
        next = reading->next;
        reading->act(reading->context, database, &fault);
    }
    if (database != NULL)
        database_sleep(database); /* closed awake, it might lock everybody out for a moment */
    database_close(database);
}

static void run_job(struct record_thread *thread, struct database *database, const struct job *job)
{
    struct fault fault = { 0 };
    struct status_plan plan = { .database = database,
                                .policy = job->policy,
                                .now_s = clock_realtime_s(),
                                .ids = job->ids.id,
                                .id_count = job->ids.count,
                                .report = log_rule,
                                .context = thread };
    if (!job->is_for_all && job->ids.count == 0)
        return;
    struct status_walk *walk = status_walk_new(&plan);
    bool is_done = walk == NULL;
    while (!is_done) {
        enum database_status status = status_walk_step(walk, &is_done, &fault);
        carry_out_readings(thread);
        if (status == DATABASE_FAILED)
            log_failure(thread, &fault);
        if (status == DATABASE_FAILED || (status == DATABASE_BUSY && !wait_for_writer(thread)) ||
            is_stopping(thread))
            break;
    }
    status_walk_free(walk);
}

static void empty_log(struct record_thread *thread, struct database *database)
{
    for (int tries = 0; tries < CHECKPOINT_TRIES && !database_checkpoint(database); tries++)
        if (!wait_for_writer(thread))
            break;
}

/* Leaves a short log, a short history and an empty WAL behind, where nobody is in the way. */
static void tidy_up(struct record_thread *thread, struct database *database)
{
    struct fault fault = { 0 };
    bool has_more = true;
    while (has_more && change_log_prune(database, &has_more, &fault) == DATABASE_OK &&
           !is_stopping(thread))
        continue;
    has_more = true;
    while (has_more &&
           rule_history_prune(database, clock_realtime_s(), &has_more, &fault) == DATABASE_OK &&
           !is_stopping(thread))
        continue;
    empty_log(thread, database);
}

/* Runs `job` and those that came with it, on one connection. */
static void run_jobs(struct record_thread *thread, struct job *job)
{
    struct fault fault = { 0 };
    struct database *database =
        database_open_guarded(thread->path, DATABASE_READ_WRITE, thread->guard, &fault);
    if (database == NULL)
        log_failure(thread, &fault);
    for (; job != NULL; job = take_job(thread, 0)) {
        if (database != NULL)
            run_job(thread, database, job);
        job_free(job);
    }
    if (database != NULL && !is_stopping(thread))
        tidy_up(thread, database);
    if (database != NULL)
        database_sleep(database); /* closed awake, it might lock everybody out for a moment */
    database_close(database);
    event_log_tell_left_out(&thread->log, clock_monotonic_ms());
}

/* Waits until no job came for QUIET_MS, but not for ever: a shell without a timeout that types
 * edits in a row should not be told that the file is locked because we write in between. */
static void wait_until_quiet(struct record_thread *thread)
{
    int64_t latest_ms = clock_monotonic_ms() + QUIET_MAX_MS;
    struct job **last = NULL;
    (void)pthread_mutex_lock(&thread->lock);
    while (last != thread->last && !thread->is_stopping && clock_monotonic_ms() < latest_ms) {
        struct timespec until = monotonic_in(QUIET_MS);
        int waited = 0;
        last = thread->last;
        while (last == thread->last && !thread->is_stopping && waited == 0)
            waited = pthread_cond_timedwait(&thread->changed, &thread->lock, &until);
    }
    (void)pthread_mutex_unlock(&thread->lock);
}

static int64_t next_write_ms(const struct record_thread *thread)
{
    int64_t denials_ms = denial_writer_due_ms(&thread->denials);
    int64_t certificates_ms = certificate_writer_due_ms(&thread->certificates);
    return denials_ms < certificates_ms ? denials_ms : certificates_ms;
}

/* Waits until there is something to do. False when the thread is to stop. */
static bool wait_for_work(struct record_thread *thread)
{
    int64_t due_ms = next_write_ms(thread);
    struct timespec until = monotonic_at(due_ms);
    int waited = 0;
    (void)pthread_mutex_lock(&thread->lock);
    while (thread->first == NULL && thread->batches == NULL && thread->notes == NULL &&
           thread->readings == NULL && !thread->is_stopping && waited == 0)
        waited = due_ms == INT64_MAX
                     ? pthread_cond_wait(&thread->changed, &thread->lock)
                     : pthread_cond_timedwait(&thread->changed, &thread->lock, &until);
    bool goes_on = !thread->is_stopping;
    (void)pthread_mutex_unlock(&thread->lock);
    return goes_on;
}

static void gather_denials(struct record_thread *thread)
{
    (void)pthread_mutex_lock(&thread->lock);
    struct denial_batch *batch = thread->batches;
    thread->batches = NULL;
    thread->batch_count = 0;
    (void)pthread_mutex_unlock(&thread->lock);
    for (struct denial_batch *next; batch != NULL; batch = next) {
        next = batch->next;
        denial_writer_gather(&thread->denials, batch->denials, batch->count);
        free(batch);
    }
    event_log_tell_not_recorded(&thread->log, thread->denials.table, &thread->denials.told);
}

static void tell_left_out_certificates(struct record_thread *thread, uint64_t count)
{
    struct log_record *record =
        count > 0 ? event_log_start(&thread->log, "certificates_not_recorded") : NULL;
    if (record == NULL)
        return;
    log_record_number(record, "count", (int64_t)count);
    event_log_send(&thread->log);
}

static void gather_certificates(struct record_thread *thread)
{
    (void)pthread_mutex_lock(&thread->lock);
    struct note *note = thread->notes;
    uint64_t left_out = thread->notes_left_out;
    thread->notes = NULL;
    thread->note_count = 0;
    thread->notes_left_out = 0;
    (void)pthread_mutex_unlock(&thread->lock);
    for (struct note *next; note != NULL; note = next) {
        next = note->next;
        certificate_writer_gather(&thread->certificates, &note->name, note->port, note->finding,
                                  note->seen_s);
        note_free(note);
    }
    tell_left_out_certificates(thread, left_out + thread->certificates.left_out);
    thread->certificates.left_out = 0;
}

static void gather(struct record_thread *thread)
{
    gather_denials(thread);
    gather_certificates(thread);
}

/* Says a trouble once, not once for each try. */
static void note_writing(struct record_thread *thread, enum database_status status,
                         const struct fault *fault)
{
    bool has_failed = status == DATABASE_FAILED;
    if (has_failed && !thread->writing_has_failed)
        log_failure(thread, fault);
    if (status != DATABASE_BUSY)
        thread->writing_has_failed = has_failed;
}

static bool has_job(struct record_thread *thread)
{
    (void)pthread_mutex_lock(&thread->lock);
    bool has = thread->first != NULL && !thread->is_stopping;
    (void)pthread_mutex_unlock(&thread->lock);
    return has;
}

/* Somebody who edits comes first: then the rest is written later. */
static enum database_status write_steps(struct record_thread *thread, struct database *database,
                                        struct fault *fault)
{
    enum database_status status = DATABASE_OK;
    bool is_done = denial_writer_due_ms(&thread->denials) == INT64_MAX;
    while (!is_done && status == DATABASE_OK && !has_job(thread))
        status = denial_writer_step(&thread->denials, database, &is_done, fault);
    if (!is_done && status == DATABASE_OK)
        denial_writer_put_off(&thread->denials);
    is_done = thread->certificates.count == 0;
    while (!is_done && status == DATABASE_OK && !has_job(thread))
        status = certificate_writer_step(&thread->certificates, database, &is_done, fault);
    if (thread->certificates.count > 0)
        certificate_writer_put_off(&thread->certificates);
    return status;
}

static void write_observations(struct record_thread *thread)
{
    struct fault fault = { 0 };
    enum database_status status = DATABASE_FAILED;
    struct database *database =
        database_open_guarded(thread->path, DATABASE_READ_WRITE, thread->guard, &fault);
    if (database != NULL)
        status = write_steps(thread, database, &fault);
    if (database == NULL) {
        denial_writer_put_off(&thread->denials);
        certificate_writer_put_off(&thread->certificates);
    }
    if (status == DATABASE_OK)
        empty_log(thread, database);
    if (database != NULL)
        database_sleep(database); /* closed awake, it might lock everybody out for a moment */
    database_close(database);
    note_writing(thread, status, &fault);
}

static void write_last(struct record_thread *thread)
{
    struct fault fault = { 0 };
    gather(thread);
    if (next_write_ms(thread) == INT64_MAX)
        return;
    write_observations(thread);
    if (next_write_ms(thread) == INT64_MAX)
        return;
    fault_what(&fault, "the last denials and certificates are not written down: somebody else held "
                       "the file");
    fault_where(&fault, "%s", thread->path);
    log_failure(thread, &fault);
}

static void *run(void *context)
{
    struct record_thread *thread = context;
    while (wait_for_work(thread)) {
        carry_out_readings(thread);
        struct job *job = take_job(thread, 0);
        if (job != NULL) {
            wait_until_quiet(thread);
            run_jobs(thread, job);
            denial_writer_note_edit(&thread->denials);
            certificate_writer_note_edit(&thread->certificates);
        }
        gather(thread);
        if (next_write_ms(thread) <= clock_monotonic_ms())
            write_observations(thread);
    }
    carry_out_readings(thread);
    write_last(thread);
    return NULL;
}

static void release(struct record_thread *thread)
{
    for (struct job *job = thread->first, *next; job != NULL; job = next) {
        next = job->next;
        job_free(job);
    }
    for (struct denial_batch *batch = thread->batches, *next; batch != NULL; batch = next) {
        next = batch->next;
        free(batch);
    }
    for (struct note *note = thread->notes, *next; note != NULL; note = next) {
        next = note->next;
        note_free(note);
    }
    certificate_writer_release(&thread->certificates);
    denial_writer_release(&thread->denials);
    (void)pthread_cond_destroy(&thread->changed);
    (void)pthread_mutex_destroy(&thread->lock);
    free(thread);
}

struct record_thread *record_thread_start(const char *path, struct database_guard *guard,
                                          struct log_thread *log, uint32_t ring,
                                          struct fault *fault)
{
    pthread_condattr_t monotonic;
    struct record_thread *thread = calloc(1, sizeof(*thread));
    fault_what(fault, "can't start the record thread");
    if (thread == NULL)
        return NULL;
    thread->path = path;
    thread->guard = guard;
    thread->last = &thread->first;
    event_log_init(&thread->log, log, ring);
    (void)pthread_mutex_init(&thread->lock,
                             NULL); /* these cannot fail for default objects on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&thread->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (denial_writer_init(&thread->denials) &&
        pthread_create(&thread->thread, NULL, run, thread) == 0)
        return thread;
    release(thread);
    return NULL;
}

void record_thread_refresh(struct record_thread *thread, struct policy *policy,
                           struct rule_ids *ids)
{
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        if (ids != NULL)
            free(ids->id);
        return;
    }
    job->policy = policy_ref(policy);
    job->is_for_all = ids == NULL;
    if (ids != NULL)
        job->ids = *ids;
    (void)pthread_mutex_lock(&thread->lock);
    *thread->last = job;
    thread->last = &job->next;
    (void)pthread_cond_signal(&thread->changed);
    (void)pthread_mutex_unlock(&thread->lock);
}

void record_thread_read(struct record_thread *thread, struct record_reading *reading)
{
    (void)pthread_mutex_lock(&thread->lock);
    reading->next = thread->readings;
    thread->readings = reading;
    (void)pthread_cond_signal(&thread->changed);
    (void)pthread_mutex_unlock(&thread->lock);
}

void record_thread_take_denials(struct record_thread *thread, struct denial_table *denials)
{
    size_t count = denial_table_count(denials);
    struct denial_batch *batch =
        count > 0 ? malloc(sizeof(*batch) + count * sizeof(batch->denials[0])) : NULL;
    if (batch == NULL)
        return;
    /* The copy is made outside of the lock, which other workers want too. */
    (void)pthread_mutex_lock(&thread->lock);
    bool has_room = thread->batch_count < BATCHES_MAX;
    thread->batch_count += has_room;
    (void)pthread_mutex_unlock(&thread->lock);
    if (!has_room) {
        free(batch);
        return;
    }
    batch->count = denial_table_take(denials, batch->denials);
    (void)pthread_mutex_lock(&thread->lock);
    batch->next = thread->batches;
    thread->batches = batch;
    (void)pthread_cond_signal(&thread->changed);
    (void)pthread_mutex_unlock(&thread->lock);
}

void record_thread_take_certificate(struct record_thread *thread, const struct host_name *name,
                                    uint16_t port, struct certificate_finding *finding)
{
    struct note *note = calloc(1, sizeof(*note));
    if (note != NULL)
        *note = (struct note){ .name = *name,
                               .port = port,
                               .seen_s = clock_realtime_s(),
                               .finding = certificate_finding_ref(finding) };
    (void)pthread_mutex_lock(&thread->lock);
    bool has_room = note != NULL && thread->note_count < NOTES_MAX;
    if (has_room) {
        note->next = thread->notes;
        thread->notes = note;
        thread->note_count++;
        (void)pthread_cond_signal(&thread->changed);
    } else {
        thread->notes_left_out++;
    }
    (void)pthread_mutex_unlock(&thread->lock);
    if (note != NULL && !has_room)
        note_free(note);
}

void record_thread_stop(struct record_thread *thread)
{
    if (thread == NULL)
        return;
    (void)pthread_mutex_lock(&thread->lock);
    thread->is_stopping = true;
    (void)pthread_cond_signal(&thread->changed);
    (void)pthread_mutex_unlock(&thread->lock);
    (void)pthread_join(thread->thread, NULL);
    release(thread);
}
