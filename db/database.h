/* db/database.h - one connection to the policy file, opened for a use and let go soon after.
 *
 * In WAL mode whoever has the file open also has FILE-wal and FILE-shm open, and finds those by
 * name alone. If a person replaces the file by `mv` meanwhile, the next opener of the new file
 * meets the old file's: it reads "database disk image is malformed", its commits are thrown away
 * with the old log, or pages of the old file become pages of the new one (all of these were seen).
 * SQLite can't be told otherwise, so nobody here stays connected while nothing happens: a database
 * is awake (connected) or asleep, and wakes by itself when it is used. Who writes empties the log
 * at once. Waking where nobody else is connected locks the others out for a moment, so whoever uses
 * a database over and over lets some tenths of a second pass before it sleeps.
 *
 * What is safe: `mv` and a symlink swap at any time when nobody has written for some tenths of a
 * second. What is not: replacing the file while somebody, Pinhole or a shell, is in the
 * middle of a write to it, or keeps it open in a shell. Nothing here writes to, or takes anything
 * from, a file that has been moved away from its path.
 *
 * A database belongs to one thread at a time. Nothing waits for a lock but database_open() and
 * database_migrate(). */
#pragma once
#include <stdbool.h>

struct database;
struct database_guard;
struct fault;

enum database_mode {
    DATABASE_READ = 0,   /* an existing file of this binary's version; nothing is ever written */
    DATABASE_READ_WRITE, /* the same; written if it can be */
    DATABASE_CREATE,     /* made if missing, of any version: call database_migrate() before anything
                            else */
};

/* What became of an attempt. */
enum database_status {
    DATABASE_FAILED = 0, /* the fault says why */
    DATABASE_BUSY,       /* somebody else holds it, or it is just being replaced: try again in some
                            milliseconds */
    DATABASE_OK,
};

/* Opens `path` and looks inside: missing, no database, locked (for about a second), newer than this
 * binary and older than it (unless it is to be migrated) are faults. A file that can't be written
 * is opened all the same, and reads as it was when it was opened. NULL sets `*ret_fault`. */
struct database *database_open(const char *path, enum database_mode mode, struct fault *ret_fault);

/* The same, for a process in which several threads have a database of `path`: they share `guard`,
 * which is borrowed for the database's life. While another thread is connected to a file that was
 * replaced since, this waits about a second, and what wakes the database later is DATABASE_BUSY. */
struct database *database_open_guarded(const char *path, enum database_mode mode,
                                       struct database_guard *guard, struct fault *ret_fault);

/* Lets go of the file for good; who is the last leaves no other file beside it. One that was
 * replaced is left as it is. NULL is fine. */
void database_close(struct database *database);

/* As given to database_open(); lives as long as the database. */
const char *database_path(const struct database *database);

/* File or folder can't be written (or it was opened to read): nothing will be. */
bool database_is_read_only(const struct database *database);

/* Asleep until its next use. Waits for nothing and locks nobody out, so FILE-wal and FILE-shm stay
 * as they are; an empty FILE-wal does no harm to a file that replaces this one. */
void database_sleep(struct database *database);
bool database_is_awake(const struct database *database);

/* Brings what was committed from FILE-wal into the file and empties FILE-wal; nobody has to wait.
 * True when nothing is left in there; false when somebody is reading or writing: try again soon,
 * because until then the file is not safely replaced. May wait for the disk, so it is not for the
 * thread that enforces. Always true for a read-only database. The database sleeps afterwards. */
bool database_checkpoint(struct database *database);
