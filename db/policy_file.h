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
    int64_t log_size_bytes,
        log_changed_at_ns; /* of FILE-wal; both 0 where it is missing or empty */
};

/* Never fails: what can't be looked at does not exist. */
struct policy_file_look policy_file_look(const char *path);

bool policy_file_look_equal(const struct policy_file_look *left,
                            const struct policy_file_look *right);
bool policy_file_is_same(const struct policy_file_look *left, const struct policy_file_look *right);

/* True when both the file and its folder can be written, which SQLite needs for any commit. */
bool policy_file_is_writable(const char *path);

/* The folder in which the file (or, where it is missing, its name) lies; symlinks are followed.
 * False, with errno, where there is none. */
bool policy_file_folder(const char *path, char ret_folder[PATH_MAX]);
