/* tests/unit/db/denied_store_test.c - the table denied_name: what is added to it, and who makes
 * room for whom. */
#include "db/denied_store.h"
#include "names.h"
#include "workspace.h"

enum { NOW_S = 1800000000, DENIALS_MAX = 6000 };

struct bench {
    const char *path;
    struct database *database;
    struct denial *denials; /* of the next walk */
    size_t count;
    uint64_t left_out;
};

static void bench_open(struct bench *bench, const char *path)
{
    struct fault fault = { 0 };
    make_policy(path, "INSERT INTO client_group (name) VALUES ('build'), ('lab')");
    *bench = (struct bench){ .path = path,
                             .database = database_open(path, DATABASE_READ_WRITE, &fault),
                             .denials = calloc(DENIALS_MAX, sizeof(struct denial)) };
    assert_string_equal(fault.what, "");
    assert_non_null(bench->denials);
}

static void bench_close(struct bench *bench)
{
    database_close(bench->database);
    free(bench->denials);
}

static uint32_t id_of(const char *group)
{
    return strcmp(group, "build") == 0 ? 2 : strcmp(group, "lab") == 0 ? 3 : 0;
}

/* A name that was asked for `often` times lately, all of them since the last walk. */
static struct denial *add(struct bench *bench, const char *group, const char *name, uint32_t often)
{
    assert_in_range(bench->count, 0, DENIALS_MAX - 1);
    struct denial *denial = &bench->denials[bench->count++];
    *denial = (struct denial){ .group = id_of(group),
                               .port = 443,
                               .count = often,
                               .often = often,
                               .first_seen_s = NOW_S - 5,
                               .last_seen_s = NOW_S,
                               .name = name_of(name) };
    (void)snprintf(denial->group_name, sizeof(denial->group_name), "%s", group);
    return denial;
}

static void add_many(struct bench *bench, const char *group, const char *prefix, unsigned count,
                     uint32_t often)
{
    for (unsigned i = 0; i < count; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s%u.example", prefix, i);
        add(bench, group, name, often);
    }
}

static void leave_out(void *context, const struct denial *denial)
{
    struct bench *bench = context;
    bench->left_out += denial->count;
}

static struct denied_walk *begin_walk(struct bench *bench, int64_t now_s)
{
    struct denied_plan plan = { .denials = bench->denials,
                                .count = bench->count,
                                .now_s = now_s,
                                .left_out = leave_out,
                                .context = bench };
    struct denied_walk *walk = denied_walk_new(&plan);
    assert_non_null(walk);
    return walk;
}

static void write_all(struct bench *bench, int64_t now_s)
{
    struct fault fault = { 0 };
    bool is_done = false;
    struct denied_walk *walk = begin_walk(bench, now_s);
    while (!is_done)
        assert_int_equal(denied_walk_step(walk, bench->database, &is_done, &fault), DATABASE_OK);
    denied_walk_free(walk);
    bench->count = 0;
}

#define COUNT_WHERE(condition) "SELECT count(*) FROM denied_name WHERE " condition

static void adds_to_what_is_there(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add(&bench, "any", "api.example", 1);
    add(&bench, "any", "api.example", 2)->port = 8443;
    add(&bench, "build", "api.example", 3);
    write_all(&bench, NOW_S);
    struct denial *again = add(&bench, "build", "api.example", 4);
    again->reason = REASON_DENY_RULE;
    again->first_seen_s = again->last_seen_s = NOW_S + 9;
    write_all(&bench, NOW_S + 9);
    int64_t expected = ask(
        bench.path,
        COUNT_WHERE("(target, client_group, \"count\", reason, first_seen, last_seen) IN (VALUES"
                    " ('api.example', 'any', 1, 'no_rule', 1799999995, 1800000000),"
                    " ('api.example:8443', 'any', 2, 'no_rule', 1799999995, 1800000000),"
                    " ('api.example', 'build', 7, 'deny_rule', 1799999995, 1800000009))"));
    assert_int_equal(expected, 3);
    assert_int_equal(ask(bench.path, COUNT_WHERE("1")), 3);
    assert_int_equal(bench.left_out, 0);
    bench_close(&bench);
}

static void nothing_changes_the_policy(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    const char *sequence = "SELECT max(sequence) FROM policy_change";
    int64_t before = ask(bench.path, sequence);
    add(&bench, "build", "api.example", 1);
    write_all(&bench, NOW_S);
    run_sql(bench.path, "DELETE FROM denied_name");
    assert_int_equal(ask(bench.path, sequence), before);
    bench_close(&bench);
}

static void a_group_has_its_share_alone(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add_many(&bench, "lab", "lab", 10, 1);
    add_many(&bench, "build", "often", 20, 5);
    write_all(&bench, NOW_S);
    add_many(&bench, "build", "flood", 5000, 1);
    write_all(&bench, NOW_S + 1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("client_group = 'build'")), DENIED_STORE_SHARE);
    assert_int_equal(ask(bench.path, COUNT_WHERE("client_group = 'lab'")), 10);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'often%' AND \"count\" = 5")), 20);
    assert_int_equal(bench.left_out, 5020 - DENIED_STORE_SHARE);
    bench_close(&bench);
}

/* However often a flood's names come, as long as that is less often than what stands there. */
static void newcomers_must_come_more_often(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add_many(&bench, "build", "weak", 10, 2);
    add_many(&bench, "build", "strong", DENIED_STORE_SHARE - 10, 9);
    write_all(&bench, NOW_S);
    add_many(&bench, "build", "equal", 100, 2);
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'equal%'")), 0);
    add(&bench, "build", "weak3.example", 8);
    add_many(&bench, "build", "more", 100, 3);
    add(&bench, "build", "most.example", 4);
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target = 'most.example'")), 1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'more%'")), 8);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'weak%'")), 1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target = 'weak3.example' AND \"count\" = 10")),
                     1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'strong%'")),
                     DENIED_STORE_SHARE - 10);
    assert_int_equal(bench.left_out, 100 * 2 + 92 * 3);
    bench_close(&bench);
}

static void one_walk_takes_few_rows_from_others(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add_many(&bench, "build", "once", DENIED_STORE_SHARE, 1);
    write_all(&bench, NOW_S);
    add_many(&bench, "build", "twice", 3000, 2);
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target LIKE 'twice%'")),
                     DENIED_STORE_REPLACED_MAX);
    assert_int_equal(ask(bench.path, COUNT_WHERE("1")), DENIED_STORE_SHARE);
    bench_close(&bench);
}

static void what_was_not_seen_for_a_day_makes_room(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add_many(&bench, "build", "old", DENIED_STORE_SHARE, 1000);
    write_all(&bench, NOW_S);
    add(&bench, "build", "early.example", 1);
    write_all(&bench, NOW_S + DENIED_STORE_FORGOTTEN_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target = 'early.example'")), 0);
    add(&bench, "build", "late.example", 1);
    write_all(&bench, NOW_S + DENIED_STORE_FORGOTTEN_S + 1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("target = 'late.example'")), 1);
    assert_int_equal(ask(bench.path, COUNT_WHERE("1")), DENIED_STORE_SHARE);
    bench_close(&bench);
}

static void rows_go_with_their_group(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    add(&bench, "build", "api.example", 1);
    add(&bench, "lab", "api.example", 1);
    write_all(&bench, NOW_S);
    run_sql(bench.path, "DELETE FROM client_group WHERE name = 'build'");
    add(&bench, "build", "late.example", 1); /* was on its way */
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("client_group = 'build'")), 0);
    assert_int_equal(ask(bench.path, COUNT_WHERE("client_group = 'lab'")), 1);
    bench_close(&bench);
}

/* Somebody is inside BEGIN IMMEDIATE: nothing waits, and nothing is lost. */
static void a_locked_file_is_written_later(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    struct fault fault = { 0 };
    bool is_done = false;
    sqlite3 *other;
    bench_open(&bench, workspace->path);
    add_many(&bench, "build", "n", 200, 1);
    struct denied_walk *walk = begin_walk(&bench, NOW_S);
    assert_int_equal(sqlite3_open(bench.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    enum database_status status = DATABASE_OK;
    while (status == DATABASE_OK)
        status = denied_walk_step(walk, bench.database, &is_done, &fault);
    assert_int_equal(status, DATABASE_BUSY);
    assert_int_equal(denied_walk_step(walk, bench.database, &is_done, &fault), DATABASE_BUSY);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    while (!is_done)
        assert_int_equal(denied_walk_step(walk, bench.database, &is_done, &fault), DATABASE_OK);
    denied_walk_free(walk);
    assert_int_equal(ask(bench.path, COUNT_WHERE("\"count\" = 1")), 200);
    bench_close(&bench);
}

static void a_count_stops_at_its_highest(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    bench_open(&bench, workspace->path);
    run_sql(workspace->path, "INSERT INTO denied_name VALUES ('api.example', 'any',"
                             " 9007199254740991, 'no_rule', 0, 0)");
    add(&bench, "any", "api.example", 5);
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, "SELECT \"count\" FROM denied_name"), 9007199254740992);
    bench_close(&bench);
}

/* The longest name there is, with the longest port, is a target that rule takes. */
static void the_longest_target(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    char name[HOST_NAME_TEXT_MAX + 1];
    for (size_t i = 0; i < HOST_NAME_TEXT_MAX; i++)
        name[i] = i % 64 == 63 ? '.' : 'a';
    name[HOST_NAME_TEXT_MAX] = '\0';
    bench_open(&bench, workspace->path);
    add(&bench, "any", name, 1)->port = 65535;
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, "SELECT length(target) FROM denied_name"), 259);
    run_sql(bench.path, "INSERT OR IGNORE INTO rule (target) SELECT target FROM denied_name");
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM rule"), 1);
    bench_close(&bench);
}

static void a_read_only_file_stays_as_it_is(void **state)
{
    const struct workspace *workspace = *state;
    struct bench bench;
    struct fault fault = { 0 };
    bench_open(&bench, workspace->path);
    struct database *writable = bench.database;
    bench.database = database_open(workspace->path, DATABASE_READ, &fault);
    add(&bench, "any", "api.example", 1);
    write_all(&bench, NOW_S);
    assert_int_equal(ask(bench.path, COUNT_WHERE("1")), 0);
    database_close(writable);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKSPACE_TEST(adds_to_what_is_there),
        WORKSPACE_TEST(nothing_changes_the_policy),
        WORKSPACE_TEST(a_group_has_its_share_alone),
        WORKSPACE_TEST(newcomers_must_come_more_often),
        WORKSPACE_TEST(one_walk_takes_few_rows_from_others),
        WORKSPACE_TEST(what_was_not_seen_for_a_day_makes_room),
        WORKSPACE_TEST(rows_go_with_their_group),
        WORKSPACE_TEST(a_locked_file_is_written_later),
        WORKSPACE_TEST(a_count_stops_at_its_highest),
        WORKSPACE_TEST(the_longest_target),
        WORKSPACE_TEST(a_read_only_file_stays_as_it_is),
    };
    return cmocka_run_group_tests_name("denied_store", tests, NULL, NULL);
}
