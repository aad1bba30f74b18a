/* db/pin_seen_store.c - the table pin_seen. */
#include "db/pin_seen_store.h"
#include "base/text.h"
#include "db/connection.h"
#include "db/statement.h"

#include <assert.h>
#include <string.h>

/* What is to be done with a row. */
enum task { TASK_NONE = 0, TASK_UPDATE, TASK_INSERT };

struct batch {
    const struct pin_seen *rows;
    size_t count;
    enum task task[PIN_SEEN_AT_ONCE];
    bool has_task;
    int64_t row_count; /* of the table; known where there is something to insert */
    uint64_t left_out;
};

static const char *word_of(enum pin_place place)
{
    static const char *const words[] = {
        [PIN_LEAF] = "leaf", [PIN_INTERMEDIATE] = "intermediate", [PIN_ROOT] = "root"
    };
    return words[place];
}

static int bind_key(sqlite3_stmt *statement, const struct pin_seen *row)
{
    char buffer[SPKI_PIN_TEXT + 1];
    struct text pin = text_in(buffer, sizeof(buffer));
    spki_pin_add_to(&row->spki, &pin);
    sqlite3_reset(statement); /* what the last step said was handled then */
    sqlite3_bind_text(statement, 1, row->hostname, -1, SQLITE_STATIC);
    return sqlite3_bind_text(statement, 2, buffer, -1, SQLITE_TRANSIENT);
}

static void bind_values(sqlite3_stmt *statement, const struct pin_seen *row)
{
    sqlite3_bind_text(statement, 3, word_of(row->place), -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, row->subject, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 5, row->issuer, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 6, row->not_before_s);
    sqlite3_bind_int64(statement, 7, row->not_after_s);
    sqlite3_bind_int64(statement, 8, row->seen_s);
}

/* Gives a row where there is one: whether it says the same, and was seen lately. */
static const char find_sql[] =
    "SELECT place = ?3 AND subject = ?4 AND issuer = ?5 AND not_before = ?6 AND not_after = ?7"
    " AND abs(?8 - last_seen) < ?9 FROM pin_seen WHERE hostname = ?1 AND spki_sha256 = ?2";

static int sort_out(sqlite3 *connection, struct batch *batch)
{
    sqlite3_stmt *find = NULL;
    bool has_new = false;
    int code = sqlite3_prepare_v2(connection, find_sql, -1, &find, NULL);
    for (size_t i = 0; code == SQLITE_OK && i < batch->count; i++) {
        code = bind_key(find, &batch->rows[i]);
        bind_values(find, &batch->rows[i]);
        sqlite3_bind_int64(find, 9, PIN_SEEN_AGAIN_S);
        if (code == SQLITE_OK)
            code = sqlite3_step(find);
        if (code == SQLITE_ROW)
            batch->task[i] = sqlite3_column_int(find, 0) != 0 ? TASK_NONE : TASK_UPDATE;
        else
            batch->task[i] = TASK_INSERT;
        has_new |= batch->task[i] == TASK_INSERT;
        batch->has_task |= batch->task[i] != TASK_NONE;
        code = statement_result(code);
    }
    sqlite3_finalize(find);
    if (code == SQLITE_OK && has_new)
        code =
            statement_read_integer(connection, "SELECT count(*) FROM pin_seen", &batch->row_count);
    return code;
}

/* How rows are written; prepared before the file is locked for others. */
struct writing {
    sqlite3_stmt *put, *forget_of_name, *forget;
};

static int prepare_writing(sqlite3 *connection, struct writing *writing)
{
    /* Another process may have written the row meanwhile. */
    static const char put[] =
        "INSERT INTO pin_seen (hostname, spki_sha256, place, subject, issuer, not_before,"
        " not_after, first_seen, last_seen) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8"
        " WHERE ?9 OR (SELECT count(*) FROM pin_seen WHERE hostname = ?1) < ?10"
        " ON CONFLICT (hostname, spki_sha256) DO UPDATE SET place = excluded.place,"
        " subject = excluded.subject, issuer = excluded.issuer, not_before = excluded.not_before,"
        " not_after = excluded.not_after, last_seen = excluded.last_seen";
    static const char forget_of_name[] =
        "DELETE FROM pin_seen WHERE hostname = ?1 AND spki_sha256 ="
        " (SELECT spki_sha256 FROM pin_seen WHERE hostname = ?1 AND last_seen <= ?2"
        " ORDER BY last_seen LIMIT 1)"
        " AND (SELECT count(*) FROM pin_seen WHERE hostname = ?1) >= ?3";
    static const char forget[] =
        "DELETE FROM pin_seen WHERE (hostname, spki_sha256) ="
        " (SELECT hostname, spki_sha256 FROM pin_seen WHERE last_seen <= ?1"
        " ORDER BY last_seen LIMIT 1)";
    int code = sqlite3_prepare_v2(connection, put, -1, &writing->put, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, forget_of_name, -1, &writing->forget_of_name, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, forget, -1, &writing->forget, NULL);
    return code;
}

static void finish_writing(struct writing *writing)
{
    sqlite3_finalize(writing->put);
    sqlite3_finalize(writing->forget_of_name);
    sqlite3_finalize(writing->forget);
}

/* Runs a statement of which what it takes away is counted. */
static int run_forgetting(sqlite3_stmt *statement, struct batch *batch)
{
    int code = statement_result(sqlite3_step(statement));
    if (code == SQLITE_OK)
        batch->row_count -= sqlite3_changes(sqlite3_db_handle(statement));
    return code;
}

static int make_room(const struct writing *writing, const struct pin_seen *row, struct batch *batch)
{
    int64_t forgotten_s = row->seen_s - PIN_SEEN_FORGOTTEN_S;
    sqlite3_reset(writing->forget_of_name); /* the last step gave SQLITE_DONE */
    sqlite3_bind_text(writing->forget_of_name, 1, row->hostname, -1, SQLITE_STATIC);
    sqlite3_bind_int64(writing->forget_of_name, 2, forgotten_s);
    sqlite3_bind_int(writing->forget_of_name, 3, PIN_SEEN_OF_NAME_MAX);
    int code = run_forgetting(writing->forget_of_name, batch);
    if (code != SQLITE_OK || batch->row_count < PIN_SEEN_MAX)
        return code;
    sqlite3_reset(writing->forget);
    sqlite3_bind_int64(writing->forget, 1, forgotten_s);
    return run_forgetting(writing->forget, batch);
}

static int write_row(const struct writing *writing, const struct pin_seen *row, enum task task,
                     struct batch *batch)
{
    int code = task == TASK_INSERT ? make_room(writing, row, batch) : SQLITE_OK;
    if (task == TASK_INSERT && code == SQLITE_OK && batch->row_count >= PIN_SEEN_MAX) {
        batch->left_out++;
        return SQLITE_OK;
    }
    if (code == SQLITE_OK)
        code = bind_key(writing->put, row);
    if (code != SQLITE_OK)
        return code;
    bind_values(writing->put, row);
    sqlite3_bind_int(writing->put, 9, task == TASK_UPDATE);
    sqlite3_bind_int(writing->put, 10, PIN_SEEN_OF_NAME_MAX);
    code = statement_result(sqlite3_step(writing->put));
    bool is_written = sqlite3_changes(sqlite3_db_handle(writing->put)) > 0;
    batch->left_out += code == SQLITE_OK && !is_written;
    batch->row_count += code == SQLITE_OK && is_written && task == TASK_INSERT;
    return code;
}

static enum database_status write_batch(struct database *database, struct batch *batch,
                                        struct fault *ret_fault)
{
    struct writing writing = { 0 };
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    int code = prepare_writing(database->connection, &writing);
    status = code == SQLITE_OK ? database_begin_write(database, ret_fault)
                               : database_explain(database, code, ret_fault);
    for (size_t i = 0; status == DATABASE_OK && code == SQLITE_OK && i < batch->count; i++)
        if (batch->task[i] != TASK_NONE)
            code = write_row(&writing, &batch->rows[i], batch->task[i], batch);
    finish_writing(&writing);
    return status == DATABASE_OK ? database_end(database, code, ret_fault) : status;
}

enum database_status pin_seen_store_write(struct database *database, const struct pin_seen *rows,
                                          size_t count, uint64_t *left_out, struct fault *ret_fault)
{
    struct batch batch = { .rows = rows, .count = count };
    assert(count <= PIN_SEEN_AT_ONCE);
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    status = database_end(database, sort_out(database->connection, &batch), ret_fault);
    if (status == DATABASE_OK && batch.has_task && !database->is_read_only)
        status = write_batch(database, &batch, ret_fault);
    if (status == DATABASE_OK)
        *left_out += batch.left_out;
    return status;
}
