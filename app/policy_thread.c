/* app/policy_thread.c - the thread that keeps the policy in force. */
#include "app/policy_thread.h"
#include "app/policy_source.h"
#include "app/record_thread.h"
#include "base/clock.h"
#include "base/text.h"
#include "db/database_guard.h"
#include "db/policy_file.h"
#include "db/policy_watch.h"
#include "policy/provider.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LONG_LOCK_MS = 1000 };

/* The overlay folded into a new base, in the background. */
struct merge {
    pthread_t thread;
    bool is_running;
    struct policy *from, *merged; /* own references; `merged` NULL: out of memory */
    atomic_bool is_done;
};

struct policy_thread {
    pthread_t thread;
    bool is_started;
    struct policy_feed feed;
    struct database_guard guard; /* of the policy file; the source's and the record thread's */
    struct policy_source source;
    struct policy_watch watch;
    struct record_thread *record;
    struct event_log log;
    struct merge merge;
    int stop; /* eventfd */
    void (*published)(void *context);
    void *published_context;
    bool is_stale;
    pthread_mutex_t state_lock;
    struct policy_state state; /* guarded by state_lock */
    struct histogram edits;
    int64_t busy_since_ms;                                 /* monotonic; 0: not busy */
    char stale_what[sizeof(((struct fault *)NULL)->what)]; /* what was said of it last */
};

static void log_loaded(struct policy_thread *thread, const struct policy *policy, bool is_whole)
{
    struct log_record *record = event_log_start(&thread->log, "policy_loaded");
    if (record == NULL)
        return;
    log_record_number(record, "version", (int64_t)policy_version(policy));
    log_record_number(record, "rules", (int64_t)policy_rule_count(policy));
    log_record_text(record, "how", is_whole ? "whole" : "changes");
    event_log_send(&thread->log);
}

/* `name` NULL: there is none. */
static void log_unreadable(struct policy_thread *thread, const char *event, const char *key,
                           const char *name)
{
    struct log_record *record = name != NULL ? event_log_start(&thread->log, event) : NULL;
    if (record == NULL)
        return;
    log_record_text(record, key, name);
    event_log_send(&thread->log);
}

static void log_unreadable_settings(struct policy_thread *thread)
{
    const struct setting_values *values = &thread->source.values;
    for (uint32_t i = 0; i < values->unreadable_count; i++)
        log_unreadable(thread, "setting_unreadable", "setting", values->unreadable[i]);
}

static void log_unreadable_rows(struct policy_thread *thread)
{
    const struct policy_store *store = &thread->source.store;
    log_unreadable(thread, "network_unreadable", "group",
                   client_groups_first_missing(store->groups));
    log_unreadable(thread, "provider_unreadable", "provider",
                   provider_catalogue_first_unreadable(store->providers));
    log_unreadable_settings(thread);
}

/* For those who ask from outside. */
static void keep_loaded(struct policy_thread *thread)
{
    (void)pthread_mutex_lock(&thread->state_lock);
    thread->state.loads++;
    thread->state.loaded_s = clock_realtime_s();
    (void)pthread_mutex_unlock(&thread->state_lock);
}

static void keep_stale(struct policy_thread *thread, const struct fault *fault)
{
    (void)pthread_mutex_lock(&thread->state_lock);
    struct text text = text_in(thread->state.fault, sizeof(thread->state.fault));
    fault_add_to(fault, &text);
    thread->state.faults++;
    if (!thread->state.is_stale)
        thread->state.stale_s = clock_realtime_s();
    thread->state.is_stale = true;
    (void)pthread_mutex_unlock(&thread->state_lock);
}

static void keep_fresh(struct policy_thread *thread)
{
    (void)pthread_mutex_lock(&thread->state_lock);
    thread->state.is_stale = false;
    (void)pthread_mutex_unlock(&thread->state_lock);
}

struct policy_state policy_thread_state(struct policy_thread *thread)
{
    (void)pthread_mutex_lock(&thread->state_lock);
    struct policy_state state = thread->state;
    (void)pthread_mutex_unlock(&thread->state_lock);
    return state;
}

const struct histogram *policy_thread_edits(const struct policy_thread *thread)
{
    return &thread->edits;
}

/* Said once for each trouble, not once for each look. */
static void log_stale(struct policy_thread *thread, const struct fault *fault)
{
    if (thread->is_stale && strcmp(thread->stale_what, fault->what) == 0)
        return;
    thread->is_stale = true;
    keep_stale(thread, fault);
    memcpy(thread->stale_what, fault->what, sizeof(thread->stale_what));
    struct log_record *record = event_log_start(&thread->log, "policy_stale");
    if (record == NULL)
        return;
    log_record_text(record, "what", fault->what);
    log_record_text(record, "where", fault->where);
    log_record_text(record, "remedy", fault->remedy);
    log_record_text(record, "in_force", "the last good policy");
    event_log_send(&thread->log);
}

/* A short lock is part of every edit; a long one is worth a word. */
static void note_busy(struct policy_thread *thread)
{
    struct fault fault = { 0 };
    int64_t now_ms = clock_monotonic_ms();
    if (thread->busy_since_ms == 0)
        thread->busy_since_ms = now_ms;
    if (now_ms - thread->busy_since_ms < LONG_LOCK_MS)
        return;
    fault_what(&fault, "the policy file is locked");
    fault_where(&fault, "%s", thread->source.path);
    fault_remedy(&fault, "another program holds it: let that finish");
    log_stale(thread, &fault);
}

static void note_fresh(struct policy_thread *thread)
{
    thread->busy_since_ms = 0;
    if (!thread->is_stale)
        return;
    thread->is_stale = false;
    keep_fresh(thread);
    if (event_log_start(&thread->log, "policy_fresh") != NULL)
        event_log_send(&thread->log);
}

/* Takes over what `next` owns. The log speaks of what is in force. */
static void publish(struct policy_thread *thread, struct policy_source_next *next)
{
    struct policy *policy = policy_ref(next->policy);
    if (next->touches_all)
        free(next->touched.id);
    record_thread_refresh(thread->record, next->policy, next->touches_all ? NULL : &next->touched);
    policy_feed_publish(&thread->feed, next->policy);
    thread->published(thread->published_context);
    keep_loaded(thread);
    log_loaded(thread, policy, next->is_whole);
    log_unreadable_rows(thread);
    policy_unref(policy);
}

/* Returns whether another policy is in force now. */
static bool look(struct policy_thread *thread, bool is_replaced)
{
    struct policy_source_next next;
    struct fault fault = { 0 };
    struct policy *latest = policy_feed_latest(&thread->feed);
    switch (policy_source_look(&thread->source, latest, is_replaced, &next, &fault)) {
    case POLICY_SOURCE_FAILED:
        log_stale(thread, &fault);
        policy_watch_again(&thread->watch);
        break;
    case POLICY_SOURCE_BUSY:
        note_busy(thread);
        policy_watch_again(&thread->watch);
        break;
    case POLICY_SOURCE_CHANGED:
        note_fresh(thread);
        publish(thread, &next);
        policy_unref(latest);
        return true;
    case POLICY_SOURCE_SAME:
        note_fresh(thread);
        break;
    }
    policy_unref(latest);
    return false;
}

/* What somebody wrote. When, the file says; looked at before, as the record thread writes too once
 * there is another policy. */
static void look_at_edit(struct policy_thread *thread)
{
    struct policy_file_look file = policy_file_look(thread->source.path);
    int64_t written_ns =
        file.log_changed_at_ns > file.changed_at_ns ? file.log_changed_at_ns : file.changed_at_ns;
    if (look(thread, false))
        histogram_add(&thread->edits, clock_realtime_ms() * 1000000 - written_ns);
}

static void look_if_changed(struct policy_thread *thread)
{
    struct fault fault = { 0 };
    switch (policy_watch_check(&thread->watch, thread->source.database, clock_monotonic_ms())) {
    case POLICY_WATCH_GONE:
        fault_what(&fault, "the policy file is gone");
        fault_where(&fault, "%s", thread->source.path);
        fault_remedy(&fault, "put it back");
        log_stale(thread, &fault);
        policy_source_rest(&thread->source, INT64_MAX); /* what lies in its log goes with it */
        break;
    case POLICY_WATCH_REPLACED:
        policy_watch_drop_left_over_log(&thread->watch, &thread->guard);
        (void)look(thread, true);
        break;
    case POLICY_WATCH_CHANGED:
        look_at_edit(thread);
        break;
    case POLICY_WATCH_UNCHANGED:
        if (policy_source_is_due(&thread->source))
            (void)look(thread, false);
        break;
    }
}

static void *run_merge(void *context)
{
    struct merge *merge = context;
    merge->merged = policy_merge(merge->from);
    atomic_store(&merge->is_done, true);
    return NULL;
}

static void start_merge(struct policy_thread *thread)
{
    struct merge *merge = &thread->merge;
    struct policy *latest = policy_feed_latest(&thread->feed);
    if (policy_wants_merge(latest)) {
        merge->from = policy_ref(latest);
        atomic_store(&merge->is_done, false);
        merge->is_running = pthread_create(&merge->thread, NULL, run_merge, merge) == 0;
        if (!merge->is_running) /* tried again at the next look */
            merge->from = policy_unref(merge->from);
    }
    policy_unref(latest);
}

/* A policy that was loaded whole meanwhile did not come of the merge's source: then the merge was
 * for nothing. */
static void finish_merge(struct policy_thread *thread)
{
    struct merge *merge = &thread->merge;
    (void)pthread_join(merge->thread, NULL);
    merge->is_running = false;
    struct policy *latest = policy_feed_latest(&thread->feed);
    struct policy *rebased = merge->merged != NULL && policy_shares_base(latest, merge->from)
                                 ? policy_rebase(latest, merge->merged)
                                 : NULL;
    if (rebased != NULL)
        policy_feed_publish(&thread->feed, rebased);
    merge->merged = policy_unref(merge->merged);
    merge->from = policy_unref(merge->from);
    policy_unref(latest);
}

static void *run(void *context)
{
    struct policy_thread *thread = context;
    for (;;) {
        struct pollfd waits[] = { { thread->stop, POLLIN, 0 },
                                  { thread->watch.descriptor, POLLIN, 0 } };
        /* A negative descriptor is passed over (poll(2)). */
        (void)poll(waits, 2, policy_watch_wait_ms(&thread->watch));
        if (waits[0].revents != 0)
            return NULL;
        look_if_changed(thread);
        policy_source_rest(&thread->source, clock_monotonic_ms());
        if (thread->merge.is_running && atomic_load(&thread->merge.is_done))
            finish_merge(thread);
        else if (!thread->merge.is_running)
            start_merge(thread);
    }
}

static void release(struct policy_thread *thread)
{
    record_thread_stop(thread->record);
    policy_source_release(&thread->source);
    policy_watch_release(&thread->watch);
    database_guard_release(&thread->guard);
    if (thread->stop >= 0)
        (void)close(thread->stop);
    (void)pthread_mutex_destroy(&thread->state_lock);
    free(thread);
}

struct policy_thread *policy_thread_new(const struct policy_thread_setup *setup,
                                        struct fault *fault)
{
    struct policy_thread *thread = calloc(1, sizeof(*thread));
    fault_what(fault, "out of memory or descriptors");
    if (thread == NULL)
        return NULL;
    thread->published = setup->published;
    thread->published_context = setup->context;
    event_log_init(&thread->log, setup->log, setup->policy_ring);
    (void)pthread_mutex_init(&thread->state_lock, NULL); /* a plain one needs nothing */
    database_guard_init(&thread->guard);
    thread->stop = eventfd(0, EFD_CLOEXEC);
    bool is_watching = policy_watch_init(&thread->watch, setup->path);
    struct policy *first =
        thread->stop >= 0 && is_watching
            ? policy_source_open(&thread->source, setup->path, &thread->guard, &setup->ports, fault)
            : NULL;
    if (first != NULL)
        thread->record =
            record_thread_start(setup->path, &thread->guard, setup->log, setup->record_ring, fault);
    if (thread->record == NULL) {
        policy_unref(first);
        release(thread);
        return NULL;
    }
    policy_feed_init(&thread->feed, first);
    return thread;
}

struct policy_feed *policy_thread_feed(struct policy_thread *thread)
{
    return &thread->feed;
}

struct record_thread *policy_thread_record(struct policy_thread *thread)
{
    return thread->record;
}

bool policy_thread_start(struct policy_thread *thread, struct fault *fault)
{
    struct policy *first = policy_feed_latest(&thread->feed);
    log_loaded(thread, first, true);
    keep_loaded(thread);
    log_unreadable_rows(thread);
    record_thread_refresh(thread->record, first, NULL);
    policy_unref(first);
    thread->is_started = pthread_create(&thread->thread, NULL, run, thread) == 0;
    if (!thread->is_started)
        fault_what(fault, "can't start a thread");
    return thread->is_started;
}

void policy_thread_stop(struct policy_thread *thread)
{
    uint64_t one = 1;
    if (thread == NULL || !thread->is_started)
        return;
    (void)!write(thread->stop, &one, sizeof(one)); /* its counter is far from full */
    (void)pthread_join(thread->thread, NULL);
    thread->is_started = false;
}

void policy_thread_free(struct policy_thread *thread)
{
    if (thread == NULL)
        return;
    policy_thread_stop(thread);
    if (thread->merge.is_running)
        finish_merge(thread);
    policy_feed_release(&thread->feed);
    release(thread);
}
