/* db/provider_reader.c - the table `provider`. */
#include "db/provider_reader.h"
#include "db/statement.h"

#include <string.h>

/* The columns, texts first, in the order of struct provider_row. */
#define TEXT_COLUMNS                                                                               \
    "name, path_style, virtual_host, placeholders, bucket_dots, bucket_underscores,"               \
    " bucket_capitals, bucket_like, bucket_never, bucket_elsewhere, bucket_dotted, not_buckets,"   \
    " bare_host, host_allows, note, clients"
enum { COLUMN_BUCKET_MIN = 16, COLUMN_BUCKET_MAX, COLUMN_BUCKET_MAX_DOTTED };

/* False where the row can't be read: a NUL inside, or out of memory. */
static bool read_texts(sqlite3_stmt *statement, struct provider_row *row)
{
    const char **const texts[] = {
        &row->name,
        &row->path_style,
        &row->virtual_host,
        &row->placeholders,
        &row->bucket_dots,
        &row->bucket_underscores,
        &row->bucket_capitals,
        &row->bucket_like,
        &row->bucket_never,
        &row->bucket_elsewhere,
        &row->bucket_dotted,
        &row->not_buckets,
        &row->bare_host,
        &row->host_allows,
        &row->note,
        &row->clients,
    };
    for (int i = 0; i < COLUMN_BUCKET_MIN; i++) {
        bool is_null = sqlite3_column_type(statement, i) == SQLITE_NULL;
        const char *text = is_null ? "" : (const char *)sqlite3_column_text(statement, i);
        if (text == NULL ||
            (!is_null && strlen(text) != (size_t)sqlite3_column_bytes(statement, i)))
            return false;
        *texts[i] = text;
    }
    return true;
}

static int add_row(sqlite3_stmt *statement, struct provider_catalogue *catalogue)
{
    struct provider_row row = {
        .bucket_min = sqlite3_column_int64(statement, COLUMN_BUCKET_MIN),
        .bucket_max = sqlite3_column_int64(statement, COLUMN_BUCKET_MAX),
        .bucket_max_dotted = sqlite3_column_int64(statement, COLUMN_BUCKET_MAX_DOTTED),
    };
    if (!read_texts(statement, &row))
        return SQLITE_MISMATCH;
    return provider_catalogue_add(catalogue, &row) != PROVIDER_NO_MEMORY ? SQLITE_OK : SQLITE_NOMEM;
}

/* The row of that name, by itself, so that one too large to read leaves the others readable. */
static int read_row(sqlite3_stmt *names, sqlite3_stmt *rows, struct provider_catalogue *catalogue)
{
    sqlite3_reset(rows); /* what the last step said was handled then */
    sqlite3_bind_value(rows, 1, sqlite3_column_value(names, 0));
    int code = sqlite3_step(rows);
    if (code == SQLITE_ROW)
        code = add_row(rows, catalogue);
    if (code == SQLITE_TOOBIG || code == SQLITE_MISMATCH) {
        const char *name = (const char *)sqlite3_column_text(names, 0);
        provider_catalogue_note_unreadable(catalogue, name != NULL ? name : "");
        code = SQLITE_OK;
    }
    return statement_result(code);
}

static int read_rows(sqlite3_stmt *names, sqlite3_stmt *rows, struct provider_catalogue *catalogue)
{
    struct statement_walk walk = { .statement = names };
    int code = SQLITE_OK;
    while (code == SQLITE_OK && (code = statement_walk_next(&walk)) != SQLITE_DONE) {
        if (code == SQLITE_ROW) {
            code = read_row(names, rows, catalogue);
        } else if (code == SQLITE_TOOBIG) {
            provider_catalogue_note_unreadable(catalogue, "(a name that is too long)");
            code = SQLITE_OK;
        }
    }
    return statement_result(code);
}

int provider_reader_read(sqlite3 *connection, struct provider_catalogue **ret_catalogue)
{
    sqlite3_stmt *names = NULL, *rows = NULL;
    struct provider_catalogue *catalogue = provider_catalogue_new();
    int code = catalogue != NULL ? SQLITE_OK : SQLITE_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, "SELECT name FROM provider LIMIT -1 OFFSET ?1", -1,
                                  &names, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection,
                                  "SELECT " TEXT_COLUMNS ", bucket_min, bucket_max,"
                                  " bucket_max_dotted FROM provider WHERE name IS ?1",
                                  -1, &rows, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_int64(names, 1, 0);
    if (code == SQLITE_OK)
        code = read_rows(names, rows, catalogue);
    sqlite3_finalize(names);
    sqlite3_finalize(rows);
    if (code == SQLITE_OK)
        *ret_catalogue = catalogue;
    else
        provider_catalogue_unref(catalogue);
    return code;
}
