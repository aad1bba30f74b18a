/* app/certificate_watch.c - the certificate of DNS over TLS, read again when its files change. */
#include "app/certificate_watch.h"
#include "app/event_log.h"
#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 1000,
    AGAIN_AFTER_MS = 60 * 1000,        /* where a file could not be read */
    RENEW_AFTER_MS = 24 * 3600 * 1000, /* the key of session tickets (RFC 9325 4.4) */
};

/* What tells one content of a file from the next; zeros: there is no file. A symbolic link that
 * comes to lead elsewhere, as in a Kubernetes secret, changes it too. */
struct file_identity {
    dev_t device;
    ino_t number;
    off_t size;
    struct timespec changed;
};

struct certificate_watch {
    struct server_certificate certificate;
    struct server_context *first; /* owned */
    struct file_identity chain, key;
    bool is_stale;   /* and that was logged */
    int64_t next_ms; /* when to read again whatever the files are */
    struct certificate_watch_setup setup;
    struct event_log log;
    int stop; /* an eventfd */
    pthread_t thread;
    bool is_started;
};

static struct file_identity identify(const char *path)
{
    struct stat file;
    struct file_identity identity = { 0 };
    if (stat(path, &file) == 0) {
        identity.device = file.st_dev;
        identity.number = file.st_ino;
        identity.size = file.st_size;
        identity.changed = file.st_ctim;
    }
    return identity;
}

static bool is_same(const struct file_identity *left, const struct file_identity *right)
{
    return left->device == right->device && left->number == right->number &&
           left->size == right->size && left->changed.tv_sec == right->changed.tv_sec &&
           left->changed.tv_nsec == right->changed.tv_nsec;
}

/* True when a file is another than the last time. */
static bool note_files(struct certificate_watch *watch)
{
    struct file_identity chain = identify(watch->certificate.chain);
    struct file_identity key = identify(watch->certificate.key);
    bool is_changed = !is_same(&chain, &watch->chain) || !is_same(&key, &watch->key);
    watch->chain = chain;
    watch->key = key;
    return is_changed;
}

/* The files are noted before they are read: what changes meanwhile is seen the next time. */
static struct server_context *read_files(struct certificate_watch *watch, struct fault *fault)
{
    struct server_context *context = server_context_new(&watch->certificate, "dot", fault);
    watch->next_ms = clock_monotonic_ms() + (context != NULL ? RENEW_AFTER_MS : AGAIN_AFTER_MS);
    return context;
}

struct certificate_watch *certificate_watch_new(const struct server_certificate *certificate,
                                                struct fault *fault)
{
    struct certificate_watch *watch = calloc(1, sizeof(*watch));
    fault_what(fault, "out of memory");
    if (watch == NULL)
        return NULL;
    watch->stop = -1;
    watch->certificate = *certificate;
    (void)note_files(watch);
    watch->first = read_files(watch, fault);
    if (watch->first != NULL)
        return watch;
    free(watch);
    return NULL;
}

struct server_context *certificate_watch_first(const struct certificate_watch *watch)
{
    return watch->first;
}

static void log_loaded(struct certificate_watch *watch, const struct server_context *context)
{
    struct log_record *record = event_log_start(&watch->log, "dot_certificate_loaded");
    if (record == NULL)
        return;
    log_record_text(record, "certificate", watch->certificate.chain);
    log_record_number(record, "expires_at", context->not_after_s);
    event_log_send(&watch->log);
}

static void log_stale(struct certificate_watch *watch, const struct fault *fault)
{
    struct log_record *record = event_log_start(&watch->log, "dot_certificate_stale");
    if (record == NULL)
        return;
    log_record_text(record, "what", fault->what);
    log_record_text(record, "where", fault->where);
    log_record_text(record, "remedy", fault->remedy);
    event_log_send(&watch->log);
}

/* Between the writes of the two files they do not fit together, so a failure is no news until they
 * stay as they are. Returns whether there still is something to say. */
static bool look(struct certificate_watch *watch, bool has_news)
{
    struct fault fault = { 0 };
    bool is_changed = note_files(watch);
    if (!is_changed && !has_news && clock_monotonic_ms() < watch->next_ms)
        return false;
    struct server_context *next = read_files(watch, &fault);
    if (next == NULL) {
        if (!is_changed && !watch->is_stale)
            log_stale(watch, &fault);
        watch->is_stale = !is_changed;
        return is_changed;
    }
    watch->setup.changed(watch->setup.context, next);
    if (is_changed || has_news || watch->is_stale)
        log_loaded(watch, next);
    watch->is_stale = false;
    server_context_unref(next);
    return false;
}

static void *run(void *context)
{
    struct certificate_watch *watch = context;
    struct pollfd stop = { .fd = watch->stop, .events = POLLIN };
    bool has_news = false; /* that a certificate was replaced by one that can't be read */
    log_loaded(watch, watch->first);
    while (poll(&stop, 1, LOOK_EVERY_MS) <= 0)
        has_news = look(watch, has_news);
    return NULL;
}

bool certificate_watch_start(struct certificate_watch *watch,
                             const struct certificate_watch_setup *setup, struct fault *fault)
{
    watch->setup = *setup;
    event_log_init(&watch->log, setup->log, setup->ring);
    watch->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch->is_started = watch->stop >= 0 && pthread_create(&watch->thread, NULL, run, watch) == 0;
    if (!watch->is_started)
        fault_what(fault, "can't start a thread");
    return watch->is_started;
}

void certificate_watch_stop(struct certificate_watch *watch)
{
    const uint64_t one = 1;
    if (watch == NULL || !watch->is_started)
        return;
    (void)!write(watch->stop, &one, sizeof(one)); /* its counter is far from full */
    (void)pthread_join(watch->thread, NULL);
    watch->is_started = false;
}

void certificate_watch_free(struct certificate_watch *watch)
{
    if (watch == NULL)
        return;
    certificate_watch_stop(watch);
    if (watch->stop >= 0)
        (void)close(watch->stop);
    server_context_unref(watch->first);
    free(watch);
}
