/* app/record_thread.h - the thread that writes what was observed: rule_status, denied_name and
 * pin_seen. It never holds the write lock for long and never waits for it; whoever edits comes
 * first. */
#pragma once
#include "app/event_log.h"
#include "policy/denial_table.h"
#include "policy/policy_builder.h"

struct certificate_finding;
struct database_guard;
struct record_thread;

/* Starts the thread for the policy file at `path`, which is borrowed, as is the `guard` that it
 * shares with the other databases of the path. NULL with a fault. */
struct record_thread *record_thread_start(const char *path, struct database_guard *guard,
                                          struct log_thread *log, uint32_t ring,
                                          struct fault *fault);

/* Any thread: the state of these rules may differ now; `ids` NULL: that of any rule. `policy` says
 * which rule shadows which; a reference is taken. Takes `ids` over. Out of memory it does nothing:
 * the next whole load makes up for it. */
void record_thread_refresh(struct record_thread *thread, struct policy *policy,
                           struct rule_ids *ids);

/* A worker's thread: takes the denials out of `denials`, to be written down some seconds later.
 * While too much waits here already, or out of memory, they stay where they are. */
void record_thread_take_denials(struct record_thread *thread, struct denial_table *denials);

/* Any thread: what was found of the server behind `name`, at the port as rules name it, to be
 * written down some seconds later. Takes a reference of its own. While too much waits here already,
 * or out of memory, it is left out, counted and told: the next check shows it again. */
void record_thread_take_certificate(struct record_thread *thread, const struct host_name *name,
                                    uint16_t port, struct certificate_finding *finding);

/* Reads the policy file for somebody. */
struct database;
struct fault;
struct record_reading {
    struct record_reading *next; /* the thread's */
    /* Called once, on the record thread. `database` NULL: it can't be read, and `fault` says why.
     */
    void (*act)(void *context, struct database *database, const struct fault *fault);
    void *context;
};

/* Any thread: has `reading` carried out soon, between other work, and before record_thread_stop()
 * returns. It must live until `act` was called. */
void record_thread_read(struct record_thread *thread, struct record_reading *reading);

/* Writes the last denials and certificates, if nobody is in the way, and no more; frees. NULL is
 * fine. */
void record_thread_stop(struct record_thread *thread);
