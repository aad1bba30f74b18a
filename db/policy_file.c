/* db/policy_file.c - the policy file as the file system shows it. */
#include "db/policy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t changed_at_ns(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

static void look_at_log(const char *path, struct policy_file_look *look)
{
    char real_path[PATH_MAX], log_path[PATH_MAX + 8];
    struct stat status;
    if (realpath(path, real_path) ==
        NULL) /* SQLite keeps the log beside the file, not beside a symlink */
        return;
    (void)snprintf(log_path, sizeof(log_path), "%s-wal", real_path);
    if (stat(log_path, &status) != 0 || status.st_size == 0)
        return;
    look->log_size_bytes = status.st_size;
    look->log_changed_at_ns = changed_at_ns(&status);
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
    look.changed_at_ns = changed_at_ns(&status);
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
