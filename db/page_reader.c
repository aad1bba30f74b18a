/* db/page_reader.c - pages of the tables that people look at. */
#include "db/page_reader.h"
#include "db/connection.h"
#include "db/provider_reader.h"
#include "db/statement.h"

/* NULL, or out of memory, is "". */
static const char *text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text != NULL ? text : "";
}

static uint64_t count_at(sqlite3_stmt *statement, int column)
{
    int64_t value = sqlite3_column_int64(statement, column);
    return value > 0 ? (uint64_t)value : 0;
}

static void give_rule(const struct rule_page *page, sqlite3_stmt *statement)
{
    struct rule_page_row row = { .id = sqlite3_column_int64(statement, 0),
                                 .target = text_at(statement, 1),
                                 .action = text_at(statement, 2),
                                 .clients = text_at(statement, 3),
                                 .comment = text_at(statement, 4),
                                 .expires_at = sqlite3_column_int64(statement, 5),
                                 .state = text_at(statement, 6),
                                 .hostname = text_at(statement, 7),
                                 .reason = text_at(statement, 8),
                                 .verify = text_at(statement, 9),
                                 .pin_count = count_at(statement, 10),
                                 .certificate_ends = sqlite3_column_int64(statement, 11) };
    page->row(page->context, &row);
}

/* In any case of ASCII letters. LIKE takes a third of the time that instr() and lower() would. */
#define CONTAINS_SEARCH                                                                            \
    "LIKE '%' || replace(replace(replace(?3, '!', '!!'), '%', '!%'), '_', '!_') || '%' ESCAPE '!'"

/* A row too large to read is shown without its texts. */
#define RULES_WHERE(condition, order)                                                              \
    "SELECT id, substr(target, 1, 2048), action, substr(clients, 1, 256),"                         \
    " substr(coalesce(comment, ''), 1, 1000), rule.expires_at, state, hostname, reason, verify,"   \
    " (SELECT count(*) FROM pin WHERE pin.rule_id = rule.id AND mode = 'enforce'"                  \
    "  AND coalesce(pin.expires_at, ?5 + 1) > ?5),"                                                \
    " (SELECT not_after FROM pin_seen WHERE pin_seen.hostname = rule_status.hostname"              \
    "  AND place = 'leaf' ORDER BY last_seen DESC, first_seen DESC LIMIT 1)"                       \
    " FROM rule LEFT JOIN rule_status ON rule_status.rule_id = rule.id WHERE " condition           \
    " AND (?2 = '' OR coalesce(state, '') = ?2) AND (?3 = '' OR target " CONTAINS_SEARCH           \
    " OR clients " CONTAINS_SEARCH " OR comment " CONTAINS_SEARCH ")"                              \
    " ORDER BY " order " LIMIT ?4"

/* Parameter 1 is the condition's. */
static int prepare_rules(sqlite3 *connection, const char *sql, const struct rule_page *page,
                         sqlite3_stmt **ret_statement)
{
    int code = sqlite3_prepare_v2(connection, sql, -1, ret_statement, NULL);
    if (code != SQLITE_OK)
        return code;
    sqlite3_bind_text(*ret_statement, 2, page->state, -1, SQLITE_STATIC);
    sqlite3_bind_text(*ret_statement, 3, page->search, -1, SQLITE_STATIC);
    sqlite3_bind_int64(*ret_statement, 4, (int64_t)page->limit + 1);
    return sqlite3_bind_int64(*ret_statement, 5, page->now_s);
}

static int read_rules(sqlite3 *connection, const struct rule_page *page)
{
    sqlite3_stmt *statement = NULL;
    int64_t latest = page->after_id > 0 ? page->after_id - 1 : INT64_MAX;
    const char *sql =
        page->is_newest_first ? RULES_WHERE("id <= ?1", "id DESC") : RULES_WHERE("id > ?1", "id");
    int code = prepare_rules(connection, sql, page, &statement);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(statement, 1, page->is_newest_first ? latest : page->after_id);
    if (code == SQLITE_OK)
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            give_rule(page, statement);
    sqlite3_finalize(statement);
    return code;
}

static int read_rules_of(sqlite3 *connection, const struct rule_page *page,
                         const struct rule_ids *ids, size_t *ret_looked_at)
{
    sqlite3_stmt *statement = NULL;
    uint32_t given = 0;
    size_t i;
    int code = prepare_rules(connection, RULES_WHERE("id = ?1", "id"), page, &statement);
    for (i = 0; code == SQLITE_OK && i < ids->count && given < page->limit; i++) {
        sqlite3_reset(statement); /* what the last step said was handled then */
        sqlite3_bind_int64(statement, 1, ids->id[i]);
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            give_rule(page, statement);
            given++;
        }
        code = statement_result(code);
    }
    sqlite3_finalize(statement);
    if (code == SQLITE_OK)
        *ret_looked_at = i;
    return code;
}

enum database_status page_reader_rules(struct database *database, const struct rule_page *page,
                                       struct fault *ret_fault)
{
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(database, read_rules(database->connection, page), ret_fault);
}

enum database_status page_reader_rules_of(struct database *database, const struct rule_page *page,
                                          const struct rule_ids *ids, size_t *ret_looked_at,
                                          struct fault *ret_fault)
{
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(database, read_rules_of(database->connection, page, ids, ret_looked_at),
                        ret_fault);
}

enum database_status page_reader_providers(struct database *database,
                                           struct provider_catalogue **ret_catalogue,
                                           struct fault *ret_fault)
{
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(database, provider_reader_read(database->connection, ret_catalogue),
                        ret_fault);
}

static int read_states(sqlite3 *connection, const struct state_counts *counts)
{
    sqlite3_stmt *statement = NULL;
    int64_t rules = 0, judged = 0;
    int code = statement_read_integer(connection, "SELECT count(*) FROM rule", &rules);
    if (code == SQLITE_OK)
        code =
            sqlite3_prepare_v2(connection, "SELECT state, count(*) FROM rule_status GROUP BY state",
                               -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        counts->each(counts->context, text_at(statement, 0), count_at(statement, 1));
        judged += sqlite3_column_int64(statement, 1);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    if (code == SQLITE_DONE)
        counts->each(counts->context, "", rules > judged ? (uint64_t)(rules - judged) : 0);
    return code;
}

enum database_status page_reader_states(struct database *database,
                                        const struct state_counts *counts, struct fault *ret_fault)
{
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(database, read_states(database->connection, counts), ret_fault);
}

/* The window counts what the search finds, whatever the page. */
#define DENIED_PAGE(order)                                                                         \
    "SELECT target, client_group, reason, \"count\", first_seen, last_seen, count(*) OVER ()"      \
    " FROM denied_name WHERE ?1 = ''"                                                              \
    " OR instr(lower(target || ' ' || client_group || ' ' || reason), lower(?1)) > 0"              \
    " ORDER BY " order ", target, client_group LIMIT ?2 OFFSET ?3"

static const char *sql_of(enum denied_order order)
{
    switch (order) {
    case DENIED_ORDER_LAST:
        break;
    case DENIED_ORDER_FIRST:
        return DENIED_PAGE("first_seen DESC");
    case DENIED_ORDER_COUNT:
        return DENIED_PAGE("\"count\" DESC");
    case DENIED_ORDER_TARGET:
        return DENIED_PAGE("target");
    }
    return DENIED_PAGE("last_seen DESC");
}

static int read_denied(sqlite3 *connection, const struct denied_page *page, uint64_t *ret_total)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql_of(page->order), -1, &statement, NULL);
    *ret_total = 0;
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, page->search, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, page->limit);
        sqlite3_bind_int64(statement, 3, (int64_t)page->skip);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct denied_page_row row = { .target = text_at(statement, 0),
                                       .client_group = text_at(statement, 1),
                                       .reason = text_at(statement, 2),
                                       .count = count_at(statement, 3),
                                       .first_seen = sqlite3_column_int64(statement, 4),
                                       .last_seen = sqlite3_column_int64(statement, 5) };
        *ret_total = count_at(statement, 6);
        page->row(page->context, &row);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

enum database_status page_reader_denied(struct database *database, const struct denied_page *page,
                                        uint64_t *ret_total, struct fault *ret_fault)
{
    enum database_status status = database_begin_read(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(database, read_denied(database->connection, page, ret_total), ret_fault);
}
