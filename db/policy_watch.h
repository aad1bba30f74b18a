/* db/policy_watch.h - noticing edits of the policy file.
 *
 * A descriptor wakes the caller at once where the system can (inotify on the file's folder); a
 * check every POLICY_WATCH_INTERVAL_MS finds the same without. What a check compares is the file
 * and the log beside it, so it finds commits of any program, a file replaced by `mv` and a swapped
 * symlink alike. One thread.
 *
 * The reading of what changed follows the check, so nothing committed before the check is missed by
 * it; and what is committed after it makes the next check differ. While the log is not empty, a
 * commit may still be on its way without another trace in the file system, so checks answer CHANGED
 * until it is. */
#pragma once
#include "db/database.h"
#include "db/policy_file.h"

enum { POLICY_WATCH_INTERVAL_MS = 50, POLICY_WATCH_PAUSE_MS = 20 };

enum policy_watch_answer {
    POLICY_WATCH_GONE = 0, /* no file is there: the last good policy stays in force */
    POLICY_WATCH_REPLACED, /* another file is there: close the database and open it anew */
    POLICY_WATCH_CHANGED,  /* or may have: read the changes */
    POLICY_WATCH_UNCHANGED,
};

struct policy_watch {
    char *path;
    int descriptor; /* poll it for reading; -1: none, rely on the interval */
    struct policy_file_look seen;
    bool is_linked;           /* the path leads to a file of another name */
    int64_t looked_at_ms;     /* monotonic */
    int64_t answered_at_ms;   /* monotonic: when a check last answered anything but UNCHANGED */
    int64_t checkpoint_at_ms; /* monotonic: when the log is emptied if nobody else has by then */
    bool is_settled; /* what was seen last has been read, and nothing more can be on its way */
    bool must_repeat;
    bool has_left_over_log; /* the last REPLACED left one behind */
};

/* Watches `path`, which is copied, from now on: what is read after this misses no later edit. False
 * when out of memory. */
bool policy_watch_init(struct policy_watch *watch, const char *path);
void policy_watch_release(struct policy_watch *watch);

/* What happened to the file since the last check, as of `now_ms` (monotonic). `database` is the
 * caller's, or NULL while it has none; where a log was left full for seconds, it is emptied through
 * it. */
enum policy_watch_answer policy_watch_check(struct policy_watch *watch, struct database *database,
                                            int64_t now_ms);

struct database_guard;

/* After REPLACED, and before the new file is opened: takes away a write-ahead log that the old file
 * left behind, once nobody in this process is connected to the old file. `guard` is the one that
 * its databases share. */
void policy_watch_drop_left_over_log(struct policy_watch *watch, struct database_guard *guard);

/* How long to wait for the descriptor before the next check: an interval, or only a pause while a
 * commit may be on its way, since the log is written before the commit counts and nothing tells
 * that it does. */
int policy_watch_wait_ms(const struct policy_watch *watch);

/* Whoever could not read what the last check spoke of calls this: the next check answers at least
 * CHANGED. */
void policy_watch_again(struct policy_watch *watch);
