/* db/database_guard.c - one file at a time. */
#include "db/database_guard.h"
#include "base/clock.h"
#include "db/policy_file.h"

#include <time.h>

void database_guard_init(struct database_guard *guard)
{
    pthread_condattr_t monotonic;
    *guard = (struct database_guard){ 0 };
    (void)pthread_mutex_init(&guard->lock, NULL); /* these cannot fail for such objects on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&guard->left, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

void database_guard_release(struct database_guard *guard)
{
    (void)pthread_cond_destroy(&guard->left);
    (void)pthread_mutex_destroy(&guard->lock);
}

bool database_guard_enter(struct database_guard *guard, const struct policy_file_look *look,
                          int wait_ms)
{
    if (guard == NULL)
        return true;
    int64_t until_ms = clock_monotonic_ms() + wait_ms;
    struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
    bool is_free = true;
    (void)pthread_mutex_lock(&guard->lock);
    while (guard->user_count > 0 &&
           (guard->device != look->device || guard->inode != look->inode)) {
        is_free = wait_ms > 0 && pthread_cond_timedwait(&guard->left, &guard->lock, &until) == 0;
        if (!is_free)
            break;
    }
    if (is_free) {
        guard->device = look->device;
        guard->inode = look->inode;
        guard->user_count++;
    }
    (void)pthread_mutex_unlock(&guard->lock);
    return is_free;
}

void database_guard_leave(struct database_guard *guard)
{
    if (guard == NULL)
        return;
    (void)pthread_mutex_lock(&guard->lock);
    guard->user_count--;
    (void)pthread_cond_broadcast(&guard->left);
    (void)pthread_mutex_unlock(&guard->lock);
}
