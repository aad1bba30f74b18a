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

/* A table: all of its rows, and one of them without the columns that may be missing. */
struct table {
    const char *rows, *row_in_part;
    bool (*add)(sqlite3_stmt *statement, struct client_groups_builder *builder);
};

/* The row at `place` was too large to read. Where what is left of it is too large as well, it has
 * no name that a rule could say. */
static int read_in_part(sqlite3 *connection, const struct table *table, int64_t place,
                        struct client_groups_builder *builder)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, table->row_in_part, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, place);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW && !table->add(statement, builder))
        code = SQLITE_NOMEM;
    sqlite3_finalize(statement);
    return code == SQLITE_TOOBIG ? SQLITE_OK : statement_result(code);
}

static int read_rows(sqlite3 *connection, const struct table *table,
                     struct client_groups_builder *builder)
{
    struct statement_walk walk = { 0 };
    int code = sqlite3_prepare_v2(connection, table->rows, -1, &walk.statement, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_int64(walk.statement, 1, 0);
    while (code == SQLITE_OK && (code = statement_walk_next(&walk)) != SQLITE_DONE) {
        if (code == SQLITE_ROW)
            code = table->add(walk.statement, builder) ? SQLITE_OK : SQLITE_NOMEM;
        else if (code == SQLITE_TOOBIG)
            code = read_in_part(connection, table, walk.passed - 1, builder);
    }
    sqlite3_finalize(walk.statement);
    return statement_result(code);
}

int group_reader_read(sqlite3 *connection, struct client_groups **ret_groups)
{
    static const struct table group_table = {
        "SELECT id, name, mode FROM client_group LIMIT -1 OFFSET ?1",
        "SELECT id, name, NULL FROM client_group LIMIT 1 OFFSET ?1", add_group
    };
    static const struct table network_table = {
        "SELECT client_group, cidr FROM client_network LIMIT -1 OFFSET ?1",
        "SELECT client_group, NULL FROM client_network LIMIT 1 OFFSET ?1", add_network
    };
    struct client_groups_builder *builder = client_groups_builder_new();
    if (builder == NULL)
        return SQLITE_NOMEM;
    int code = read_rows(connection, &group_table, builder);
    if (code == SQLITE_OK)
        code = read_rows(connection, &network_table, builder);
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
