/* db/policy_file.c - the policy file as the file system shows it. */
#include "db/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

enum { LOG_PATH_BYTES = PATH_MAX + 8 };

/* SQLite keeps the log beside the file, not beside a symlink. False where there is no file. */
static bool name_beside(const char *path, const char *suffix, char ret_path[LOG_PATH_BYTES])
{
    char real_path[PATH_MAX];
    if (realpath(path, real_path) == NULL)
        return false;
    (void)snprintf(ret_path, LOG_PATH_BYTES, "%s%s", real_path, suffix);
    return true;
}

static void look_at_log(const char *path, struct policy_file_look *look)
{
    char log_path[LOG_PATH_BYTES];
    struct stat status;
    if (!name_beside(path, "-wal", log_path) || stat(log_path, &status) != 0)
        return;
    look->log_inode = status.st_ino;
    look->log_placed_at_ns = nanoseconds(status.st_ctim);
    if (status.st_size == 0)
        return;
    look->log_size_bytes = status.st_size;
    look->log_changed_at_ns = nanoseconds(status.st_mtim);
}

void policy_file_remove_log(const char *path)
{
    static const char *const suffixes[] = { "-wal", "-shm" };
    char beside[LOG_PATH_BYTES];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (name_beside(path, suffixes[i], beside))
            (void)unlink(beside); /* one that is not there is as good */
}

bool policy_file_log_is_left_over(const struct policy_file_look *before,
                                  const struct policy_file_look *now)
{
    if (!before->exists || !now->exists || policy_file_is_same(before, now) ||
        now->log_size_bytes == 0)
        return false;
    return now->log_inode == before->log_inode || now->log_placed_at_ns <= now->placed_at_ns;
}

struct policy_file_look policy_file_look(const char *path)
{
    struct policy_file_look look = { 0 };
    struct stat status;
    if (stat(path, &status) != 0)
        return look;
    look.exists = true;
    look.device = status.st_dev;
    look.inode = status.st_ino;
    look.size_bytes = status.st_size;
    look.changed_at_ns = nanoseconds(status.st_mtim);
    look.placed_at_ns = nanoseconds(status.st_ctim);
    look_at_log(path, &look);
    return look;
}

bool policy_file_is_same(const struct policy_file_look *left, const struct policy_file_look *right)
{
    return left->exists == right->exists && left->device == right->device &&
           left->inode == right->inode;
}

bool policy_file_look_equal(const struct policy_file_look *left,
                            const struct policy_file_look *right)
{
    return policy_file_is_same(left, right) && left->size_bytes == right->size_bytes &&
           left->changed_at_ns == right->changed_at_ns &&
           left->log_size_bytes == right->log_size_bytes &&
           left->log_changed_at_ns == right->log_changed_at_ns;
}

bool policy_file_folder(const char *path, char ret_folder[PATH_MAX])
{
    char target[PATH_MAX];
    if (realpath(path, target) != NULL) {
        char *slash = strrchr(target, '/');
        slash[slash == target ? 1 : 0] = '\0';
        memcpy(ret_folder, target, strlen(target) + 1);
        return true;
    }
    const char *slash = strrchr(path, '/');
    int size = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    (void)snprintf(target, sizeof(target), "%.*s", size, path);
    return realpath(size == 0 ? "." : target, ret_folder) != NULL;
}

bool policy_file_is_writable(const char *path)
{
    char folder[PATH_MAX];
    return access(path, W_OK) == 0 && policy_file_folder(path, folder) &&
           access(folder, W_OK | X_OK) == 0;
}
