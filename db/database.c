/* db/database.c - one connection to the policy file. */
#include "base/fault.h"
#include "base/text.h"
#include "db/connection.h"
#include "db/database_guard.h"
#include "db/migrations.h"
#include "db/policy_file.h"
#include "db/statement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAIT_AT_START_MS = 1000,
    URI_BYTES = 3 * PATH_MAX + 64,
    SMALLEST_DATABASE_BYTES =
        512, /* one page of the smallest size (SQLite, "Database File Format" 1.3.2) */
};

enum database_status database_explain(struct database *database, int code, struct fault *ret_fault)
{
    const char *path = database->path;
    sqlite3 *connection = database->connection;
    fault_where(ret_fault, "%s", path);
    switch (code & 0xff) { /* the rest of the bits says more than a person needs */
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        fault_what(ret_fault, "the policy file is locked");
        fault_remedy(ret_fault, "another program writes to it: let that finish, then try again");
        return DATABASE_BUSY;
    case SQLITE_NOTADB:
        fault_what(ret_fault, "the policy file is not a SQLite database");
        fault_remedy(ret_fault,
                     "name another file with --db, or move this one away and run: "
                     "pinhole init --db %s",
                     path);
        break;
    case SQLITE_CORRUPT:
        fault_what(ret_fault, "the policy file is damaged");
        fault_remedy(ret_fault, "restore it from a copy, or try: sqlite3 %s .recover", path);
        break;
    case SQLITE_NOMEM:
        fault_what(ret_fault, "out of memory while reading the policy file");
        fault_remedy(ret_fault, "give Pinhole more memory");
        break;
    case SQLITE_FULL:
        fault_what(ret_fault, "no space is left to write the policy file");
        fault_remedy(ret_fault, "free some space on its disk");
        break;
    default: /* result codes are SQLite's, and grow */
        fault_what(ret_fault, "can't use the policy file (%s)",
                   connection != NULL ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
        fault_remedy(ret_fault, "check who may read and write it and its folder, and that it is a "
                                "Pinhole policy");
    }
    return DATABASE_FAILED;
}

enum database_status database_explain_replaced(struct database *database, struct fault *ret_fault)
{
    fault_what(ret_fault, "the policy file was replaced while it was in use");
    fault_where(ret_fault, "%s", database->path);
    fault_remedy(ret_fault, "try again");
    return DATABASE_BUSY;
}

bool database_has_moved(struct database *database)
{
    int has_moved = 0;
    int code =
        sqlite3_file_control(database->connection, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    return code != SQLITE_OK || has_moved != 0;
}

/* A leading "./" keeps ":memory:" and the like from meaning anything but a file. */
static void make_uri(const char *path, const char *query, char ret_uri[URI_BYTES])
{
    struct text uri = text_in(ret_uri, URI_BYTES);
    text_add(&uri, path[0] == '/' ? "file://" : "file:./");
    for (; *path != '\0'; path++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-", *path) !=
            NULL)
            text_add_bytes(&uri, path, 1);
        else
            text_add_format(&uri, "%%%02X", (unsigned char)*path);
    }
    text_add(&uri, query);
}

static enum database_status explain_missing(const struct database *database,
                                            struct fault *ret_fault)
{
    char folder[PATH_MAX];
    fault_where(ret_fault, "%s", database->path);
    if (!database->may_create) {
        fault_what(ret_fault, "the policy file does not exist");
        fault_remedy(ret_fault, "make it with: pinhole init --db %s", database->path);
    } else if (!policy_file_folder(database->path, folder)) {
        fault_what(ret_fault, "can't make the policy file: no such folder (%s)", strerror(errno));
        fault_remedy(ret_fault, "make the folder first, or name another file with --db");
    } else {
        fault_what(ret_fault, "can't make the policy file: its folder can't be written");
        fault_remedy(ret_fault, "let user id %u write to %s, or name another file with --db",
                     (unsigned)geteuid(), folder);
    }
    return DATABASE_FAILED;
}

/* An empty file is an empty database. Made here and not by SQLite, so that it can be looked at
 * before it is opened. */
static bool make_file(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file >= 0)
        (void)close(file);
    return file >= 0;
}

/* Refuses at once what SQLite would only fail on later, with fewer words. */
static enum database_status check_path(struct database *database, struct fault *ret_fault)
{
    struct stat status;
    bool exists = stat(database->path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode)) {
        fault_what(ret_fault, "the policy file is not a file");
        fault_where(ret_fault, "%s", database->path);
        fault_remedy(ret_fault, "name a file with --db");
        return DATABASE_FAILED;
    }
    if (exists && status.st_size > 0 && status.st_size < SMALLEST_DATABASE_BYTES)
        return database_explain(database, SQLITE_NOTADB,
                                ret_fault); /* SQLite would take it for empty */
    if (!exists && errno != ENOENT && errno != ENOTDIR) {
        fault_what(ret_fault, "can't look at the policy file (%s)", strerror(errno));
        fault_where(ret_fault, "%s", database->path);
        fault_remedy(ret_fault, "let user id %u reach its folder", (unsigned)geteuid());
        return DATABASE_FAILED;
    }
    if (exists && access(database->path, R_OK) != 0) {
        fault_what(ret_fault, "can't read the policy file (%s)", strerror(errno));
        fault_where(ret_fault, "%s", database->path);
        fault_remedy(ret_fault, "let user id %u read it", (unsigned)geteuid());
        return DATABASE_FAILED;
    }
    if (!exists && (!database->may_create || !make_file(database->path)))
        return explain_missing(database, ret_fault);
    return DATABASE_OK;
}

/* Where nothing can be written, SQLite must be told to do without locks and log (immutable). But
 * commits that still lie in the log would then be overlooked, so with a log beside it the file is
 * opened to be read with it. */
static int open_connection(struct database *database, const struct policy_file_look *look)
{
    char uri[URI_BYTES];
    bool is_writable = policy_file_is_writable(database->path);
    int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= is_writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    database->is_read_only = !is_writable || database->mode == DATABASE_READ;
    database->is_frozen = !is_writable && look->log_size_bytes == 0;
    make_uri(database->path, database->is_frozen ? "?immutable=1" : "", uri);
    return sqlite3_open_v2(uri, &database->connection, flags, NULL);
}

/* What Pinhole observed can be observed again, so a write of it doesn't wait for the disk, and lets
 * go of its lock the sooner. A power failure then costs the last of it, and harms nothing else: the
 * log is checked as it is read, and is on the disk before any of it goes into the file: that is why
 * whoever does not wait never checkpoints, not even by itself at a commit. */
static int wait_for_disk(sqlite3 *connection, bool waits)
{
    enum { PAGES_UNTIL_CHECKPOINT = 1000 }; /* SQLite's own default */
    (void)sqlite3_wal_autocheckpoint(connection, waits ? PAGES_UNTIL_CHECKPOINT : 0);
    return sqlite3_exec(connection,
                        waits ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = OFF", NULL,
                        NULL, NULL);
}

/* The file may come from anywhere: its schema gets no more power than it needs. */
static int configure(struct database *database)
{
    sqlite3 *connection = database->connection;
    sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, DATABASE_VALUE_BYTES_MAX);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_busy_timeout(connection, database->wait_ms);
    int code = sqlite3_exec(connection, "PRAGMA cell_size_check = ON", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = wait_for_disk(connection, database->mode == DATABASE_CREATE);
    if (code == SQLITE_OK && database->mode == DATABASE_READ)
        code = sqlite3_exec(connection, "PRAGMA query_only = ON", NULL, NULL, NULL);
    return code;
}

static enum database_status check_version(struct database *database, struct fault *ret_fault)
{
    int64_t version = 0;
    int code = statement_read_integer(database->connection, "PRAGMA user_version", &version);
    if (code == SQLITE_OK) /* user_version is in the header; this reads the tables too */
        code = sqlite3_exec(database->connection, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL,
                            NULL);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault);
    if (version > migration_count) {
        fault_what(ret_fault, "the policy file is of version %lld, newer than this Pinhole (%d)",
                   (long long)version, migration_count);
        fault_remedy(ret_fault, "use the Pinhole that made it, or a newer one");
    } else if (version != migration_count && !database->takes_any_version) {
        fault_what(ret_fault, "the policy file is of version %lld, older than this Pinhole (%d)",
                   (long long)version, migration_count);
        fault_remedy(ret_fault, "bring it up to date with: pinhole init --db %s", database->path);
    } else {
        return DATABASE_OK;
    }
    fault_where(ret_fault, "%s", database->path);
    return DATABASE_FAILED;
}

/* Opens the file that `look` shows, and no other that took its place meanwhile. */
static enum database_status open_as_seen(struct database *database,
                                         const struct policy_file_look *look,
                                         struct fault *ret_fault)
{
    int code = open_connection(database, look);
    if (code != SQLITE_OK)
        return database_explain(database, code, ret_fault);
    struct policy_file_look now = policy_file_look(database->path);
    if (!policy_file_is_same(look, &now) || database_has_moved(database))
        return database_explain_replaced(database, ret_fault);
    code = configure(database);
    return code == SQLITE_OK ? check_version(database, ret_fault)
                             : database_explain(database, code, ret_fault);
}

enum database_status database_wake(struct database *database, struct fault *ret_fault)
{
    if (database->connection != NULL)
        return DATABASE_OK;
    enum database_status status = check_path(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    struct policy_file_look look = policy_file_look(database->path);
    if (!database_guard_enter(database->guard, &look, database->wait_ms))
        return database_explain_replaced(database, ret_fault);
    database->has_entered = true;
    status = open_as_seen(database, &look, ret_fault);
    if (status != DATABASE_OK)
        database_sleep(database);
    return status;
}

struct database *database_open(const char *path, enum database_mode mode, struct fault *ret_fault)
{
    return database_open_guarded(path, mode, NULL, ret_fault);
}

struct database *database_open_guarded(const char *path, enum database_mode mode,
                                       struct database_guard *guard, struct fault *ret_fault)
{
    struct database *database = calloc(1, sizeof(*database));
    char *copy = strdup(path);
    if (database == NULL || copy == NULL) {
        fault_what(ret_fault, "out of memory");
        free(database);
        free(copy);
        return NULL;
    }
    *database = (struct database){ .path = copy,
                                   .mode = mode,
                                   .guard = guard,
                                   .wait_ms = WAIT_AT_START_MS,
                                   .may_create = mode == DATABASE_CREATE,
                                   .takes_any_version = mode == DATABASE_CREATE };
    if (database_wake(database, ret_fault) != DATABASE_OK) {
        database_close(database);
        return NULL;
    }
    database->may_create = false;
    database_set_wait(database, 0);
    return database;
}

void database_set_wait(struct database *database, int wait_ms)
{
    database->wait_ms = wait_ms;
    if (database->connection != NULL)
        sqlite3_busy_timeout(database->connection, wait_ms);
}

const char *database_path(const struct database *database)
{
    return database->path;
}

bool database_is_read_only(const struct database *database)
{
    return database->is_read_only;
}

static bool is_later(const struct timespec *left, const struct timespec *right)
{
    return left->tv_sec > right->tv_sec ||
           (left->tv_sec == right->tv_sec && left->tv_nsec > right->tv_nsec);
}

/* The file went from its path, and its log stayed there, where the next file's opener would take it
 * for its own. What was written to the log before that can only be the old file's: it is brought
 * home, and the log left empty. What was written later is the new file's, and stays. (rename() sets
 * the status-change time of what it moves.) */
static void rescue_log(sqlite3 *connection)
{
    struct stat file, log;
    const char *path = sqlite3_db_filename(connection, "main");
    if (stat(sqlite3_filename_wal(path), &log) != 0 || log.st_size == 0)
        return;
    if (stat(path, &file) == 0 && is_later(&log.st_mtim, &file.st_ctim))
        return;
    if (wait_for_disk(connection, true) == SQLITE_OK)
        (void)sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                        NULL); /* or it was busy */
}

static void let_go(struct database *database)
{
    if (database->connection != NULL && !database->is_read_only && database_has_moved(database))
        rescue_log(database->connection);
    sqlite3_close_v2(database->connection); /* with its last statement; NULL is fine */
    database->connection = NULL;
    if (database->has_entered)
        database_guard_leave(database->guard);
    database->has_entered = false;
}

/* SQLite's own tidying at the last close locks out everybody, readers too, for as long as the disk
 * takes. */
void database_sleep(struct database *database)
{
    if (database->connection != NULL)
        sqlite3_db_config(database->connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    let_go(database);
}

void database_close(struct database *database)
{
    if (database == NULL)
        return;
    if (database->connection != NULL && wait_for_disk(database->connection, true) != SQLITE_OK)
        database_sleep(database); /* without a checkpoint, that is */
    let_go(database); /* the last to close takes FILE-wal and FILE-shm away, unless the file was
                         moved */
    free(database->path);
    free(database);
}

bool database_is_awake(const struct database *database)
{
    return database->connection != NULL;
}

/* A passive checkpoint copies without holding anybody up. Only when it left nothing to copy is the
 * log emptied, because that holds up writers, if for less than a millisecond. */
static bool empty_log(sqlite3 *connection)
{
    int frames = 0, copied = 0;
    int code = wait_for_disk(connection, true);
    if (code == SQLITE_OK)
        code = sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_PASSIVE, &frames,
                                         &copied);
    if (code != SQLITE_OK || copied < frames)
        return false;
    return sqlite3_wal_checkpoint_v2(connection, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) ==
           SQLITE_OK;
}

bool database_checkpoint(struct database *database)
{
    struct fault unused;
    if (database->is_read_only)
        return true;
    if (policy_file_look(database->path).log_size_bytes == 0) {
        database_sleep(database);
        return true;
    }
    if (database_wake(database, &unused) != DATABASE_OK)
        return false;
    bool is_empty = !database_has_moved(database) && empty_log(database->connection);
    database_sleep(database);
    return is_empty;
}
