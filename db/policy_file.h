/* db/policy_file.h - the policy file as the file system shows it, without opening it. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Two looks are equal when nobody wrote in between: whoever commits writes the file or the log
 * beside it. */
struct policy_file_look {
    bool exists;
    uint64_t device, inode; /* of what the path leads to: symlinks are followed */
    int64_t size_bytes, changed_at_ns;
    int64_t placed_at_ns; /* when it was last written, renamed or linked */
    /* Of FILE-wal: 0 where it is missing or empty. */
    int64_t log_size_bytes, log_changed_at_ns;
    /* Of FILE-wal, though it may be empty: 0 where it is missing. */
    uint64_t log_inode;
    int64_t log_placed_at_ns;
};

/* Never fails: what can't be looked at does not exist. */
struct policy_file_look policy_file_look(const char *path);

bool policy_file_look_equal(const struct policy_file_look *left,
                            const struct policy_file_look *right);
bool policy_file_is_same(const struct policy_file_look *left, const struct policy_file_look *right);

/* True when FILE-wal, as `now` shows it, was left behind by the file that `before` shows and that
 * is no longer there: it lay there before, or it is older than the file that came. SQLite would
 * take it for the new file's. */
bool policy_file_log_is_left_over(const struct policy_file_look *before,
                                  const struct policy_file_look *now);

/* Takes FILE-wal and FILE-shm away. Nobody may be connected to the file. */
void policy_file_remove_log(const char *path);

/* True when both the file and its folder can be written, which SQLite needs for any commit. */
bool policy_file_is_writable(const char *path);

/* The folder in which the file (or, where it is missing, its name) lies; symlinks are followed.
 * False, with errno, where there is none. */
bool policy_file_folder(const char *path, char ret_folder[PATH_MAX]);
