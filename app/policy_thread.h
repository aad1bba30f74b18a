/* app/policy_thread.h - the thread that keeps the policy in force: notices edits, compiles,
 * publishes. With it runs the record thread, which writes what became of the rules. A policy file
 * that can't be read any more leaves the last good policy in force, and the log says so. */
#pragma once
#include "app/event_log.h"
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

/* The record thread that runs with it, and lives as long. */
struct record_thread *policy_thread_record(struct policy_thread *thread);

/* Starts to notice edits. False with a fault. */
bool policy_thread_start(struct policy_thread *thread, struct fault *fault);

/* Notices no more edits, and publishes nothing more; policies stay to be read. NULL is fine. */
void policy_thread_stop(struct policy_thread *thread);

/* Stops and frees; nobody may hold a view of the feed any more. NULL is fine. */
void policy_thread_free(struct policy_thread *thread);
