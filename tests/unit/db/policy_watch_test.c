/* tests/unit/db/policy_watch_test.c - noticing edits, and leaving files that are replaced alone. */
#include "db/policy_store.h"
#include "db/policy_watch.h"
#include "workspace.h"

#include <fcntl.h>
#include <poll.h>

/* A watcher as serve has one: it reads what changed whenever it is told to. Its clock is the
 * test's. */
struct watcher {
    const char *path;
    struct policy_watch watch;
    struct database *database;
    struct policy_store store;
    struct rule_change room[POLICY_STORE_CHANGES_MAX];
    int64_t now_ms;
    size_t changes_read, loads;
};

static void load(struct watcher *watcher)
{
    struct fault fault = { 0 };
    struct policy_content content;
    struct policy_ports ports = { .port = { 443 }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    assert_int_equal(policy_store_load(&watcher->store, 0, builder, &content, &fault), DATABASE_OK);
    policy_builder_free(builder);
    watcher->loads++;
}

static void open_file(struct watcher *watcher)
{
    struct fault fault = { 0 };
    policy_store_release(&watcher->store);
    database_close(watcher->database);
    watcher->database = database_open(watcher->path, DATABASE_READ_WRITE, &fault);
    assert_string_equal(fault.what, "");
    policy_store_init(&watcher->store, watcher->database);
    load(watcher);
}

static struct watcher *watcher_new(const char *path)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    assert_non_null(watcher);
    watcher->path = path;
    assert_true(policy_watch_init(&watcher->watch, path));
    open_file(watcher);
    return watcher;
}

static void watcher_free(struct watcher *watcher)
{
    policy_watch_release(&watcher->watch);
    policy_store_release(&watcher->store);
    database_close(watcher->database);
    free(watcher);
}

static void read_changes(struct watcher *watcher)
{
    struct fault fault = { 0 };
    struct policy_changes changes = { .changes = watcher->room };
    enum database_status status = policy_store_changes(&watcher->store, 0, &changes, &fault);
    if (status == DATABASE_OK && changes.is_too_many)
        load(watcher);
    else if (status == DATABASE_OK)
        watcher->changes_read += changes.count + changes.has_settings;
    else
        policy_watch_again(&watcher->watch);
}

/* One turn of the loop, an interval later. */
static enum policy_watch_answer turn(struct watcher *watcher)
{
    watcher->now_ms += POLICY_WATCH_INTERVAL_MS;
    enum policy_watch_answer answer =
        policy_watch_check(&watcher->watch, watcher->database, watcher->now_ms);
    if (answer == POLICY_WATCH_REPLACED)
        open_file(watcher);
    else if (answer == POLICY_WATCH_CHANGED)
        read_changes(watcher);
    else if (answer == POLICY_WATCH_GONE)
        database_sleep(watcher->database);
    return answer;
}

/* Turns, after the checkpoint that the record thread makes, until nothing goes on any more; then it
 * lets the file go. */
static void settle(struct watcher *watcher)
{
    struct fault fault = { 0 };
    struct database *record = database_open(watcher->path, DATABASE_READ_WRITE, &fault);
    assert_non_null(record);
    (void)database_checkpoint(record);
    database_close(record);
    for (int i = 0; i < 100; i++)
        if (turn(watcher) == POLICY_WATCH_UNCHANGED) {
            database_sleep(watcher->database);
            return;
        }
    fail_msg("the watcher never comes to rest");
}

static void assert_awaits_event(const struct watcher *watcher)
{
    struct pollfd waiting = { .fd = watcher->watch.descriptor, .events = POLLIN };
    assert_int_equal(poll(&waiting, 1, 60000), 1);
}

static void add_rule(const char *path, const char *target)
{
    char statement[200];
    (void)snprintf(statement, sizeof(statement), "INSERT INTO rule (target) VALUES ('%s')", target);
    assert_int_equal(type_into_shell(path, statement), 0);
}

static void comes_to_rest_and_stays_there(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "");
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(turn(watcher), POLICY_WATCH_UNCHANGED);
        assert_int_equal(policy_watch_wait_ms(&watcher->watch), POLICY_WATCH_INTERVAL_MS);
        assert_false(database_is_awake(watcher->database));
    }
    watcher_free(watcher);
}

static void edit_at_rest_is_read_at_once(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('first.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    add_rule(workspace->path, "a.example");
    assert_awaits_event(watcher);
    assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
    assert_int_equal(watcher->changes_read, 1);
    watcher_free(watcher);
}

static void edits_in_a_row_are_read_at_once(void **state)
{
    const struct workspace *workspace = *state;
    char target[64];
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('first.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    for (size_t i = 1; i <= 20; i++) {
        (void)snprintf(target, sizeof(target), "host%zu.example", i);
        add_rule(workspace->path, target);
        assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
        assert_int_equal(watcher->changes_read, i);
    }
    watcher_free(watcher);
}

static void edits_of_a_shell_that_stays_open_are_read(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *shell;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    assert_int_equal(sqlite3_open(workspace->path, &shell), SQLITE_OK);
    for (size_t i = 1; i <= 10; i++) {
        assert_int_equal(
            sqlite3_exec(shell, "UPDATE rule SET enabled = 1 - enabled", NULL, NULL, NULL),
            SQLITE_OK);
        (void)turn(watcher);
        assert_int_equal(watcher->changes_read, i);
        if (i % 3 == 0)
            settle(watcher); /* comes to rest beside the open shell */
    }
    sqlite3_close(shell);
    watcher_free(watcher);
}

/* Nobody but the watcher is there to empty the log; a shell that reads keeps it from that for a
 * while. */
static void log_that_was_left_full_is_emptied(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *shell;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('first.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    assert_int_equal(sqlite3_open(workspace->path, &shell), SQLITE_OK);
    assert_int_equal(sqlite3_exec(shell, "BEGIN; SELECT * FROM rule", NULL, NULL, NULL), SQLITE_OK);
    add_rule(workspace->path, "a.example");
    for (int i = 0; i < 200; i++)
        assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
    assert_int_equal(sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    int turns = 0;
    while (turn(watcher) != POLICY_WATCH_UNCHANGED)
        assert_true(++turns < 100);
    assert_int_equal(watcher->changes_read, 1);
    sqlite3_close(shell);
    watcher_free(watcher);
}

/* Frames are in the log some time before they are committed; the file system shows nothing at the
 * commit itself. */
static void commit_after_its_frames_were_seen_is_read(void **state)
{
    const struct workspace *workspace = *state;
    sqlite3 *shell;
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    assert_int_equal(sqlite3_open(workspace->path, &shell), SQLITE_OK);
    /* A small cache spills frames into the log long before the commit. */
    assert_int_equal(
        sqlite3_exec(shell,
                     "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;"
                     "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                     " SELECT i + 1 FROM n WHERE i < 900) SELECT 'host' || i || '.example' FROM n",
                     NULL, NULL, NULL),
        SQLITE_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
        assert_int_equal(policy_watch_wait_ms(&watcher->watch), POLICY_WATCH_PAUSE_MS);
    }
    assert_int_equal(watcher->changes_read, 0);
    assert_int_equal(sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    (void)turn(watcher);
    assert_int_equal(watcher->changes_read, 900);
    sqlite3_close(shell);
    watcher_free(watcher);
}

static void what_could_not_be_read_is_repeated(void **state)
{
    const struct workspace *workspace = *state;
    make_policy(workspace->path, "");
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    assert_int_equal(turn(watcher), POLICY_WATCH_UNCHANGED);
    policy_watch_again(&watcher->watch);
    assert_int_equal(policy_watch_wait_ms(&watcher->watch), POLICY_WATCH_PAUSE_MS);
    assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
    settle(watcher);
    watcher_free(watcher);
}

static void make_next(const struct workspace *workspace, const char *statements, char next[128])
{
    make_policy(workspace_path(workspace, "next.db", next), statements);
}

#define INTEGRITY "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"

#define MANY_RULES                                                                                 \
    "INSERT INTO rule (target) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"     \
    " WHERE i < 3000) SELECT 'host' || i || '.example' FROM n"

/* One file replaces another under the watcher, and at once, before it can notice, somebody edits
 * the new one in the shell. Both must hold: the shell is not told that the file is malformed, and
 * its edit is not lost. */
static const struct replaced_row {
    const char *name, *old_rules, *new_rules;
    int64_t expected;
} replaced_rows[] = {
    { "a larger file", "INSERT INTO rule (target) VALUES ('a.example')", MANY_RULES, 3001 },
    { "a smaller file", MANY_RULES, "INSERT INTO rule (target) VALUES ('a.example')", 2 },
    { "an empty one", MANY_RULES, "", 1 },
};

static void replaced_file_can_be_edited_at_once(void **state)
{
    const struct replaced_row *row = *state;
    void *workspace_state = NULL;
    char next[128];
    assert_int_equal(workspace_setup(&workspace_state), 0);
    const struct workspace *workspace = workspace_state;
    make_policy(workspace->path, row->old_rules);
    struct watcher *watcher = watcher_new(workspace->path);
    add_rule(workspace->path, "edit.example");
    (void)turn(watcher);
    settle(watcher);
    make_next(workspace, row->new_rules, next);
    assert_int_equal(rename(next, workspace->path), 0);
    add_rule(workspace->path, "new.example");
    assert_int_equal(turn(watcher), POLICY_WATCH_REPLACED);
    settle(watcher);
    add_rule(workspace->path, "later.example");
    (void)turn(watcher);
    settle(watcher);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), row->expected + 1);
    assert_int_equal(ask(workspace->path, INTEGRITY), 1);
    watcher_free(watcher);
    assert_int_equal(workspace_teardown(&workspace_state), 0);
}

/* One of Pinhole's connections is awake, so the shell leaves its edit in the log, and then the file
 * is replaced: what is in the log is the old file's, and must not become the new one's. */
static void log_of_the_old_file_is_not_taken_for_the_new_ones(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    struct stat status;
    char next[128], path[128];
    make_policy(workspace->path, MANY_RULES);
    struct database *record = database_open(workspace->path, DATABASE_READ_WRITE, &fault);
    assert_non_null(record);
    add_rule(workspace->path, "edit.example");
    assert_int_equal(stat(workspace_path(workspace, "policy.db-wal", path), &status), 0);
    assert_true(status.st_size > 0);
    make_next(workspace, "INSERT INTO rule (target) VALUES ('b.example')", next);
    assert_int_equal(rename(next, workspace->path), 0);
    database_sleep(record);
    add_rule(workspace->path, "c.example");
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 2);
    assert_int_equal(ask(workspace->path, INTEGRITY), 1);
    database_close(record);
}

static void edits_of_the_new_file_are_not_thrown_away_with_the_old_ones(void **state)
{
    const struct workspace *workspace = *state;
    struct fault fault = { 0 };
    sqlite3 *shell;
    char next[128];
    make_policy(workspace->path, "");
    struct database *record = database_open(workspace->path, DATABASE_READ_WRITE, &fault);
    assert_non_null(record);
    make_next(workspace, "", next);
    assert_int_equal(rename(next, workspace->path), 0);
    /* Left open, so that it does not empty the log itself. The clock of files must tick in between.
     */
    struct stat replaced, log;
    char path[128];
    assert_int_equal(stat(workspace->path, &replaced), 0);
    assert_int_equal(sqlite3_open(workspace->path, &shell), SQLITE_OK);
    do {
        assert_int_equal(
            sqlite3_exec(shell, "UPDATE setting SET value = value + 1 WHERE name = 'answer_ttl'",
                         NULL, NULL, NULL),
            SQLITE_OK);
        assert_int_equal(stat(workspace_path(workspace, "policy.db-wal", path), &log), 0);
    } while (log.st_mtim.tv_sec == replaced.st_ctim.tv_sec &&
             log.st_mtim.tv_nsec == replaced.st_ctim.tv_nsec);
    int64_t value = ask(workspace->path, "SELECT value FROM setting WHERE name = 'answer_ttl'");
    assert_true(value > 30);
    database_sleep(record);
    assert_int_equal(ask(workspace->path, "SELECT value FROM setting WHERE name = 'answer_ttl'"),
                     value);
    sqlite3_close(shell);
    assert_int_equal(ask(workspace->path, "SELECT value FROM setting WHERE name = 'answer_ttl'"),
                     value);
    assert_int_equal(ask(workspace->path, INTEGRITY), 1);
    database_close(record);
}

static void file_moved_away_keeps_its_edits(void **state)
{
    const struct workspace *workspace = *state;
    char aside[128];
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    add_rule(workspace->path, "b.example");
    (void)turn(watcher);
    assert_int_equal(rename(workspace->path, workspace_path(workspace, "aside.db", aside)), 0);
    assert_int_equal(turn(watcher), POLICY_WATCH_GONE);
    assert_int_equal(turn(watcher), POLICY_WATCH_GONE);
    assert_int_equal(ask(aside, "SELECT count(*) FROM rule"), 2);
    assert_int_equal(rename(aside, workspace->path), 0);
    assert_int_equal(turn(watcher), POLICY_WATCH_REPLACED);
    add_rule(workspace->path, "c.example");
    (void)turn(watcher);
    assert_int_equal(ask(workspace->path, "SELECT count(*) FROM rule"), 3);
    watcher_free(watcher);
}

/* Kubernetes: policy.db -> ..data/policy.db, ..data -> one, and a rename of ..data. */
static void swapped_symlink_is_another_file(void **state)
{
    const struct workspace *workspace = *state;
    char path[128], other[128];
    assert_int_equal(mkdir(workspace_path(workspace, "one", path), 0755), 0);
    assert_int_equal(mkdir(workspace_path(workspace, "two", path), 0755), 0);
    make_policy(workspace_path(workspace, "one/policy.db", path),
                "INSERT INTO rule (target) VALUES ('one.example')");
    make_policy(workspace_path(workspace, "two/policy.db", path), MANY_RULES);
    assert_int_equal(symlink("one", workspace_path(workspace, "..data", path)), 0);
    assert_int_equal(symlink("..data/policy.db", workspace->path), 0);
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    assert_int_equal(symlink("two", workspace_path(workspace, "next", other)), 0);
    assert_int_equal(rename(other, path), 0);
    assert_awaits_event(watcher);
    assert_int_equal(turn(watcher), POLICY_WATCH_REPLACED);
    settle(watcher);
    add_rule(workspace->path, "edit.example");
    assert_awaits_event(watcher); /* the folder of the new file is watched by now */
    assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
    assert_int_equal(watcher->changes_read, 1);
    watcher_free(watcher);
}

/* As cp does: the file is the same, and all in it is another. */
static void overwritten_file_is_loaded_anew(void **state)
{
    const struct workspace *workspace = *state;
    char next[128], bytes[65536];
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    struct watcher *watcher = watcher_new(workspace->path);
    settle(watcher);
    make_next(workspace, "INSERT INTO rule (target) VALUES ('b.example')", next);
    FILE *from = fopen(next, "r"), *to = fopen(workspace->path, "r+");
    assert_true(from != NULL && to != NULL);
    for (size_t size; (size = fread(bytes, 1, sizeof(bytes), from)) > 0;)
        assert_int_equal(fwrite(bytes, 1, size, to), size);
    assert_int_equal(fclose(to), 0);
    fclose(from);
    assert_int_equal(turn(watcher), POLICY_WATCH_CHANGED);
    assert_int_equal(watcher->loads, 2);
    watcher_free(watcher);
}

/* In a process of another user, who may not write: exit status 0 when an edit of the owner is seen.
 */
static int sees_an_edit(const char *path)
{
    struct watcher *watcher = watcher_new(path);
    if (!database_is_read_only(watcher->database))
        return 1;
    for (int i = 0; i < 20; i++)
        (void)turn(watcher);
    if (turn(watcher) != POLICY_WATCH_UNCHANGED)
        return 2;
    char go[160];
    (void)snprintf(go, sizeof(go), "%s.go", path);
    int pipe_to_owner = open(go, O_WRONLY | O_CLOEXEC);
    if (pipe_to_owner < 0)
        return 3;
    close(pipe_to_owner);
    while (watcher->changes_read == 0) { /* the test's own deadline ends it */
        struct pollfd waiting = { .fd = watcher->watch.descriptor, .events = POLLIN };
        (void)poll(&waiting, 1, POLICY_WATCH_INTERVAL_MS);
        (void)turn(watcher);
    }
    watcher_free(watcher);
    return 0;
}

static void unwritable_file_is_watched_too(void **state)
{
    const struct workspace *workspace = *state;
    char go[128];
    if (geteuid() != 0)
        skip(); /* only root can be two users */
    make_policy(workspace->path, "INSERT INTO rule (target) VALUES ('a.example')");
    assert_int_equal(chmod(workspace->folder, 0755), 0);
    assert_int_equal(mkfifo(workspace_path(workspace, "policy.db.go", go), 0666), 0);
    assert_int_equal(chmod(go, 0666), 0);
    pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(99);
        _exit(sees_an_edit(workspace->path));
    }
    int from_child = open(go, O_RDONLY | O_CLOEXEC);
    char byte;
    assert_int_equal(read(from_child, &byte, 1), 0); /* the child has closed its end: it rests */
    close(from_child);
    add_rule(workspace->path, "b.example");
    int status;
    assert_int_equal(waitpid(process, &status, 0), process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest others[] = {
        WORKSPACE_TEST(comes_to_rest_and_stays_there),
        WORKSPACE_TEST(edit_at_rest_is_read_at_once),
        WORKSPACE_TEST(edits_in_a_row_are_read_at_once),
        WORKSPACE_TEST(edits_of_a_shell_that_stays_open_are_read),
        WORKSPACE_TEST(log_that_was_left_full_is_emptied),
        WORKSPACE_TEST(commit_after_its_frames_were_seen_is_read),
        WORKSPACE_TEST(what_could_not_be_read_is_repeated),
        WORKSPACE_TEST(log_of_the_old_file_is_not_taken_for_the_new_ones),
        WORKSPACE_TEST(edits_of_the_new_file_are_not_thrown_away_with_the_old_ones),
        WORKSPACE_TEST(file_moved_away_keeps_its_edits),
        WORKSPACE_TEST(swapped_symlink_is_another_file),
        WORKSPACE_TEST(overwritten_file_is_loaded_anew),
        WORKSPACE_TEST(unwritable_file_is_watched_too),
    };
    TESTS_ADD_TABLE(&tests, replaced_rows, replaced_file_can_be_edited_at_once);
    for (size_t i = 0; i < COUNT(others); i++)
        tests.list[tests.count++] = others[i];
    return tests_run(&tests, "policy_watch");
}
