/* db/group_reader.c - the tables client_group and client_network. */
#include "db/group_reader.h"
#include "db/statement.h"

#include <sqlite3.h>
#include <string.h>

/* A text without a NUL inside; NULL for all else. */
static const char *plain_text(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) != SQLITE_TEXT)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(statement, column);
    bool is_plain = text != NULL && strlen(text) == (size_t)sqlite3_column_bytes(statement, column);
    return is_plain ? text : NULL;
}

static bool add_group(sqlite3_stmt *statement, struct client_groups_builder *builder)
{
    int64_t id = sqlite3_column_int64(statement, 0);
    const char *mode = plain_text(statement, 2);
    struct client_group_row row = { .name = plain_text(statement, 1),
                                    .is_observing = mode != NULL && strcmp(mode, "observe") == 0 };
    if (row.name == NULL || id <= 0 || id > UINT32_MAX)
        return true;
    row.id = (uint32_t)id;
    return client_groups_builder_add_group(builder, &row);
}

static bool add_network(sqlite3_stmt *statement, struct client_groups_builder *builder)
{
    struct ip_network network;
    const char *group = plain_text(statement, 0), *cidr = plain_text(statement, 1);
    bool is_readable = cidr != NULL && ip_network_parse(cidr, &network);
    if (group == NULL)
        return true;
    return client_groups_builder_add_network(builder, group, is_readable ? &network : NULL);
}

static int read_rows(sqlite3 *connection, const char *sql, struct client_groups_builder *builder,
                     bool (*add)(sqlite3_stmt *statement, struct client_groups_builder *builder))
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        code = add(statement, builder) ? SQLITE_OK : SQLITE_NOMEM;
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* `length` keeps values away that are too large for a row to be read at all. */
int group_reader_read(sqlite3 *connection, struct client_groups **ret_groups)
{
    struct client_groups_builder *builder = client_groups_builder_new();
    if (builder == NULL)
        return SQLITE_NOMEM;
    int code = read_rows(connection,
                         "SELECT id, name, mode FROM client_group WHERE length(name) < 64"
                         " ORDER BY id",
                         builder, add_group);
    if (code == SQLITE_OK)
        code = read_rows(connection,
                         "SELECT client_group, CASE WHEN length(cidr) < 64 THEN cidr END"
                         " FROM client_network WHERE length(client_group) < 64",
                         builder, add_network);
    if (code != SQLITE_OK) {
        client_groups_builder_free(builder);
        return code;
    }
    struct client_groups *groups = client_groups_builder_finish(builder);
    if (groups == NULL)
        return SQLITE_NOMEM;
    *ret_groups = groups;
    return SQLITE_OK;
}
