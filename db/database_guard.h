/* db/database_guard.h - keeps the databases of one process from being connected to two files of one
 * name at once.
 *
 * After a `mv` the old file and the new one share FILE-shm. POSIX drops a process's locks on a file
 * with the first descriptor it closes on it (fcntl(2)), so a process that has both files open and
 * lets go of one loses its lock on the FILE-shm of the other; the next opener cuts that file, and
 * touching it is a SIGBUS (this was seen). All databases of a path that several threads use must
 * therefore have one guard. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct policy_file_look;

struct database_guard { /* one per path and process */
    pthread_mutex_t lock;
    pthread_cond_t left;
    uint64_t device, inode; /* guarded by lock; of the file that is in use */
    unsigned user_count;    /* guarded by lock */
};

void database_guard_init(struct database_guard *guard);
/* Nobody may use it any more. */
void database_guard_release(struct database_guard *guard);

/* Joins those who use the file that `look` shows. Waits `wait_ms` at most while another file is in
 * use; false when it still is then. NULL guards nothing. Any thread. */
bool database_guard_enter(struct database_guard *guard, const struct policy_file_look *look,
                          int wait_ms);
void database_guard_leave(struct database_guard *guard);
