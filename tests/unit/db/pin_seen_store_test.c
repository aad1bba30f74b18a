/* tests/unit/db/pin_seen_store_test.c - the table pin_seen: what is added to it, and what finds no
 * place. */
#include "db/pin_seen_store.h"
#include "workspace.h"

enum { NOW_S = 1800000000, DAY_S = 86400 };

struct bench {
    const char *path;
    struct database *database;
    uint64_t left_out;
};

static struct bench bench_open(const struct workspace *workspace)
{
    struct fault fault = { 0 };
    make_policy(workspace->path, "");
    struct bench bench = { workspace->path,
                           database_open(workspace->path, DATABASE_READ_WRITE, &fault), 0 };
    assert_string_equal(fault.what, "");
    return bench;
}

static struct pin_seen seen(const char *hostname, uint32_t pin, int64_t seen_s)
{
    struct pin_seen row = { .place = PIN_ROOT,
                            .not_before_s = NOW_S - DAY_S,
                            .not_after_s = NOW_S + DAY_S,
                            .seen_s = seen_s };
    memcpy(row.spki.sha256, &pin, sizeof(pin));
    (void)snprintf(row.hostname, sizeof(row.hostname), "%s", hostname);
    (void)snprintf(row.subject, sizeof(row.subject), "CN=%u", pin);
    (void)snprintf(row.issuer, sizeof(row.issuer), "CN=root");
    return row;
}

static enum database_status put(struct bench *bench, struct pin_seen row)
{
    struct fault fault = { 0 };
    enum database_status status =
        pin_seen_store_write(bench->database, &row, 1, &bench->left_out, &fault);
    assert_int_equal(status == DATABASE_FAILED, fault.what[0] != '\0' && status != DATABASE_BUSY);
    return status;
}

static void rows_are_written_and_updated(void **state)
{
    struct bench bench = bench_open(*state);
    struct pin_seen row = seen("a.example", 1, NOW_S);
    assert_int_equal(put(&bench, row), DATABASE_OK);
    row.seen_s += 60; /* nothing new */
    assert_int_equal(put(&bench, row), DATABASE_OK);
    assert_int_equal(ask(bench.path, "SELECT last_seen FROM pin_seen WHERE hostname = 'a.example'"
                                     " AND place = 'root' AND subject = 'CN=1'"),
                     NOW_S);
    row.seen_s += PIN_SEEN_AGAIN_S;
    assert_int_equal(put(&bench, row), DATABASE_OK);
    assert_int_equal(ask(bench.path, "SELECT last_seen - first_seen FROM pin_seen"),
                     PIN_SEEN_AGAIN_S + 60);
    row.not_after_s += DAY_S; /* renewed with the same key: written at once */
    assert_int_equal(put(&bench, row), DATABASE_OK);
    assert_int_equal(ask(bench.path, "SELECT not_after FROM pin_seen"), NOW_S + 2 * DAY_S);
    assert_int_equal(bench.left_out, 0);
    database_close(bench.database);
}

static void a_name_has_its_share(void **state)
{
    struct bench bench = bench_open(*state);
    for (uint32_t i = 0; i < PIN_SEEN_OF_NAME_MAX; i++)
        assert_int_equal(put(&bench, seen("a.example", i, NOW_S + i)), DATABASE_OK);
    assert_int_equal(put(&bench, seen("a.example", 100, NOW_S + 100)), DATABASE_OK);
    assert_int_equal(bench.left_out, 1);
    assert_int_equal(put(&bench, seen("b.example", 100, NOW_S + 100)), DATABASE_OK);
    assert_int_equal(bench.left_out, 1);
    /* The first was not seen for a day. */
    assert_int_equal(put(&bench, seen("a.example", 101, NOW_S + PIN_SEEN_FORGOTTEN_S)),
                     DATABASE_OK);
    assert_int_equal(bench.left_out, 1);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen WHERE hostname = 'a.example'"),
                     PIN_SEEN_OF_NAME_MAX);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen WHERE subject = 'CN=0'"), 0);
    database_close(bench.database);
}

static void the_table_is_bounded(void **state)
{
    struct bench bench = bench_open(*state);
    run_sql(bench.path,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
            " INSERT INTO pin_seen SELECT 'n' || i, i, 'leaf', '', '', 0, 0, 1800000000,"
            " 1800000000 + i FROM n");
    assert_int_equal(put(&bench, seen("a.example", 1, NOW_S + 100)), DATABASE_OK);
    assert_int_equal(bench.left_out, 1);
    assert_int_equal(put(&bench, seen("a.example", 1, NOW_S + 1 + PIN_SEEN_FORGOTTEN_S)),
                     DATABASE_OK);
    assert_int_equal(bench.left_out, 1);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen"), PIN_SEEN_MAX);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen WHERE hostname = 'n1'"), 0);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen WHERE hostname = 'a.example'"),
                     1);
    database_close(bench.database);
}

static void a_batch_is_written_at_once(void **state)
{
    struct bench bench = bench_open(*state);
    struct fault fault = { 0 };
    struct pin_seen rows[PIN_SEEN_AT_ONCE];
    for (uint32_t i = 0; i < PIN_SEEN_AT_ONCE; i++)
        rows[i] = seen(i % 2 > 0 ? "a.example" : "b.example:8443", i / 2 % 10, NOW_S);
    assert_int_equal(
        pin_seen_store_write(bench.database, rows, PIN_SEEN_AT_ONCE, &bench.left_out, &fault),
        DATABASE_OK);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen"), 20);
    assert_int_equal(bench.left_out, 0);
    database_close(bench.database);
}

static void locked_file_is_tried_again(void **state)
{
    struct bench bench = bench_open(*state);
    sqlite3 *writer;
    assert_int_equal(sqlite3_open(bench.path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(put(&bench, seen("a.example", 1, NOW_S)), DATABASE_BUSY);
    sqlite3_close(writer);
    assert_int_equal(put(&bench, seen("a.example", 1, NOW_S)), DATABASE_OK);
    assert_int_equal(ask(bench.path, "SELECT count(*) FROM pin_seen"), 1);
    database_close(bench.database);
}

int main(void)
{
    static struct tests tests;
    const struct CMUnitTest list[] = {
        WORKSPACE_TEST(rows_are_written_and_updated), WORKSPACE_TEST(a_name_has_its_share),
        WORKSPACE_TEST(the_table_is_bounded),         WORKSPACE_TEST(a_batch_is_written_at_once),
        WORKSPACE_TEST(locked_file_is_tried_again),
    };
    for (size_t i = 0; i < COUNT(list); i++)
        tests.list[tests.count++] = list[i];
    return tests_run(&tests, "pin_seen_store");
}
