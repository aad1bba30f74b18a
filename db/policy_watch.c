/* db/policy_watch.c - noticing edits of the policy file. */
#include "db/policy_watch.h"
#include "db/connection.h"
#include "db/database_guard.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* POLICY_WATCH_PAUSE_MS: two writes within one tick of the clock that stamps files look like one.
 * And reading wakes the descriptor itself, by what SQLite does to FILE-shm: without a pause, one
 * edit would be read over and over. */

/* Whoever writes what was observed empties the log soon after an edit. A shell that was in the way
 * then may have left it full; waiting for the disk does no harm once nobody has edited for so long.
 */
enum { QUIET_BEFORE_CHECKPOINT_MS = 2000, CHECKPOINT_INTERVAL_MS = 1000 };

/* How long another thread may take to let go of a file that was replaced. */
enum { WAIT_FOR_OTHERS_MS = 1000 };

static void watch_folder(int descriptor, const char *folder)
{
    /* Where this fails (a folder that is not there, too many watches) the interval finds what it
     * would have told. */
    (void)inotify_add_watch(descriptor, folder,
                            IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_TO |
                                IN_MOVED_FROM | IN_ONLYDIR);
}

/* The folder of the path, where symlinks are swapped, and that of the file, where it is edited;
 * often the same. Called anew after a swap: what is watched already stays watched once. */
static void watch_folders(struct policy_watch *watch)
{
    char folder[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(watch->path, '/');
    watch->is_linked = lstat(watch->path, &status) == 0 && S_ISLNK(status.st_mode);
    if (watch->descriptor < 0)
        return;
    if (policy_file_folder(watch->path, folder))
        watch_folder(watch->descriptor, folder);
    size_t size = slash != NULL ? (size_t)(slash - watch->path) : 0;
    if (size == 0 || size >= sizeof(folder)) {
        watch_folder(watch->descriptor, slash != NULL ? "/" : ".");
        return;
    }
    memcpy(folder, watch->path, size);
    folder[size] = '\0';
    watch_folder(watch->descriptor, folder);
}

bool policy_watch_init(struct policy_watch *watch, const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return false;
    *watch = (struct policy_watch){ .path = copy,
                                    .descriptor = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
    watch_folders(watch);
    watch->seen = policy_file_look(path);
    return true;
}

void policy_watch_release(struct policy_watch *watch)
{
    if (watch->descriptor >= 0)
        close(watch->descriptor);
    free(watch->path);
    *watch = (struct policy_watch){ .descriptor = -1 };
}

void policy_watch_again(struct policy_watch *watch)
{
    watch->must_repeat = true;
}

/* All that was seen has been read. */
static bool is_at_rest(const struct policy_watch *watch)
{
    return watch->is_settled && !watch->must_repeat;
}

int policy_watch_wait_ms(const struct policy_watch *watch)
{
    return is_at_rest(watch) ? POLICY_WATCH_INTERVAL_MS : POLICY_WATCH_PAUSE_MS;
}

/* Writes to other files of the folder, a log for instance, are nothing to look at ours for. Names
 * that come and go may be a symlink on the way to it. */
static bool is_of_interest(const struct policy_watch *watch, const struct inotify_event *event)
{
    const char *slash = strrchr(watch->path, '/');
    const char *name = slash != NULL ? slash + 1 : watch->path;
    if ((event->mask & ~(uint32_t)(IN_MODIFY | IN_ATTRIB)) != 0 || event->len == 0)
        return true;
    return strncmp(event->name, name, strlen(name)) == 0 || watch->is_linked;
}

/* Takes all events; true where one of them asks for a look, which tells more than they do. */
static bool drain(const struct policy_watch *watch)
{
    alignas(struct inotify_event) char events[4096];
    bool is_worth_it = false;
    ssize_t size;
    while (watch->descriptor >= 0 && (size = read(watch->descriptor, events, sizeof(events))) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);
            is_worth_it |= is_of_interest(watch, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    return is_worth_it;
}

/* Nobody wrote since the last check. Goes on reading while a commit may be on its way. */
static enum policy_watch_answer check_same(struct policy_watch *watch, struct database *database,
                                           int64_t now_ms)
{
    if (is_at_rest(watch) || now_ms - watch->answered_at_ms < POLICY_WATCH_PAUSE_MS)
        return POLICY_WATCH_UNCHANGED;
    bool is_log_empty = watch->seen.log_size_bytes == 0;
    watch->must_repeat = false;
    watch->is_settled = is_log_empty;
    watch->answered_at_ms = now_ms;
    if (database != NULL && !is_log_empty && now_ms >= watch->checkpoint_at_ms) {
        (void)database_checkpoint(database); /* or later: the next check tells */
        watch->checkpoint_at_ms = now_ms + CHECKPOINT_INTERVAL_MS;
    }
    return POLICY_WATCH_CHANGED;
}

void policy_watch_drop_left_over_log(struct policy_watch *watch, struct database_guard *guard)
{
    if (!watch->has_left_over_log || !database_guard_enter(guard, &watch->seen, WAIT_FOR_OTHERS_MS))
        return;
    policy_file_remove_log(watch->path);
    database_guard_leave(guard);
    watch->has_left_over_log = false;
}

enum policy_watch_answer policy_watch_check(struct policy_watch *watch, struct database *database,
                                            int64_t now_ms)
{
    if (!drain(watch) && is_at_rest(watch) &&
        now_ms - watch->looked_at_ms < POLICY_WATCH_INTERVAL_MS)
        return POLICY_WATCH_UNCHANGED;
    watch->looked_at_ms = now_ms;
    struct policy_file_look look = policy_file_look(watch->path);
    if (policy_file_look_equal(&look, &watch->seen))
        return look.exists ? check_same(watch, database, now_ms) : POLICY_WATCH_GONE;
    bool is_same_file = policy_file_is_same(&look, &watch->seen);
    watch->has_left_over_log = policy_file_log_is_left_over(&watch->seen, &look);
    watch->seen = look;
    watch->answered_at_ms = now_ms;
    watch->checkpoint_at_ms = now_ms + QUIET_BEFORE_CHECKPOINT_MS;
    watch->is_settled = watch->must_repeat = false;
    if (!look.exists)
        return POLICY_WATCH_GONE;
    if (is_same_file)
        return POLICY_WATCH_CHANGED;
    watch_folders(watch);
    return POLICY_WATCH_REPLACED;
}
