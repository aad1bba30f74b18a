/* app/policy_thread.h - the thread that keeps the policy in force: notices edits, compiles,
 * publishes. With it runs the record thread, which writes what became of the rules. A policy file
 * that can't be read any more leaves the last good policy in force, and the log says so. */
#pragma once
#include "app/event_log.h"
#include "base/histogram.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"

struct policy_thread;
struct record_thread;

struct policy_thread_setup {
    const char *path; /* of the policy file; borrowed for the thread's life */
    struct policy_ports ports;
    struct log_thread *log;            /* borrowed */
    uint32_t policy_ring, record_ring; /* in it */
    void (*published)(void *context);  /* on the policy thread, after each policy but the first */
    void *context;
};

/* Opens the file (creating and migrating it where need be) and loads the first policy. NULL with a
 * fault. */
struct policy_thread *policy_thread_new(const struct policy_thread_setup *setup,
                                        struct fault *fault);

/* Where it publishes; there is a policy from the start. Lives as long as the thread. */
struct policy_feed *policy_thread_feed(struct policy_thread *thread);

/* How loading the policy goes. */
struct policy_state {
    uint64_t loads;   /* policies that were published, the first among them */
    uint64_t faults;  /* troubles that kept one from being loaded */
    int64_t loaded_s; /* Unix seconds: when the last was published */
    bool is_stale;    /* the last look at the file failed, */
    int64_t stale_s;  /* since then, */
    char fault[1024]; /* for this reason, in words */
};
/* Any thread; waits for moments. */
struct policy_state policy_thread_state(struct policy_thread *thread);

/* From the last write to the file until what was written is in force. Any thread reads. */
const struct histogram *policy_thread_edits(const struct policy_thread *thread);

/* The record thread that runs with it, and lives as long. */
struct record_thread *policy_thread_record(struct policy_thread *thread);

/* Starts to notice edits. False with a fault. */
bool policy_thread_start(struct policy_thread *thread, struct fault *fault);

/* Notices no more edits, and publishes nothing more; policies stay to be read. NULL is fine. */
void policy_thread_stop(struct policy_thread *thread);

/* Stops and frees; nobody may hold a view of the feed any more. NULL is fine. */
void policy_thread_free(struct policy_thread *thread);
