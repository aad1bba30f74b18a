/* db/policy_store.c - rules and settings out of the database. */
#include "db/policy_store.h"
#include "base/fault.h"
#include "db/connection.h"
#include "db/group_changes.h"
#include "db/group_reader.h"
#include "db/provider_reader.h"
#include "db/rule_reader.h"
#include "db/statement.h"

#include <stdlib.h>

void policy_store_init(struct policy_store *store, struct database *database)
{
    *store = (struct policy_store){ .database = database };
}

void policy_store_release(struct policy_store *store)
{
    store->providers = provider_catalogue_unref(store->providers);
    store->groups = client_groups_unref(store->groups);
}

static struct rule_context context_of(const struct policy_store *store, int64_t now_s)
{
    return (struct rule_context){ .now_s = now_s,
                                  .providers = store->providers,
                                  .groups = store->groups };
}

/* The moment that `sql` gives, whose ?1 is `now_s`. */
static int read_moment(sqlite3 *connection, const char *sql, int64_t now_s, int64_t *ret_next_s)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, now_s);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW)
        *ret_next_s = sqlite3_column_int64(statement, 0);
    else if (code == SQLITE_DONE)
        *ret_next_s = RULE_NEVER_EXPIRES;
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* When the next rule or pin expires. Only what can be compared with a clock: a text in this column
 * expires no more or has expired already. */
static int read_next_expiry(sqlite3 *connection, int64_t now_s, int64_t *ret_next_s)
{
    int64_t of_rules, of_pins;
    int code = read_moment(connection,
                           "SELECT expires_at FROM rule WHERE expires_at > ?1"
                           " AND typeof(expires_at) = 'integer' ORDER BY expires_at LIMIT 1",
                           now_s, &of_rules);
    if (code == SQLITE_OK)
        code = read_moment(connection,
                           "SELECT expires_at FROM pin WHERE expires_at > ?1"
                           " AND typeof(expires_at) = 'integer' ORDER BY expires_at LIMIT 1",
                           now_s, &of_pins);
    if (code == SQLITE_OK)
        *ret_next_s = of_rules < of_pins ? of_rules : of_pins;
    return code;
}

static int add_row(struct rule_reader *reader, const struct rule_context *context,
                   struct policy_builder *builder)
{
    struct rule_row row;
    struct compiled_rule rule;
    int code = rule_reader_get(reader, &row);
    if (code != SQLITE_OK || !rule_compile(&row, context, &rule, NULL))
        return code;
    bool is_added = policy_builder_add(builder, &rule);
    compiled_rule_release(&rule);
    return is_added ? SQLITE_OK : SQLITE_NOMEM;
}

static int read_rules(sqlite3 *connection, const struct rule_context *context,
                      struct policy_builder *builder, uint64_t *ret_count)
{
    struct rule_reader reader;
    uint64_t count = 0;
    int code = rule_reader_open(&reader, connection,
                                "SELECT " RULE_COLUMNS " FROM rule WHERE id > ?1 ORDER BY id");
    if (code == SQLITE_OK)
        rule_reader_start(&reader, INT64_MIN);
    while (code == SQLITE_OK) {
        code = rule_reader_next(&reader);
        if (code == SQLITE_ROW)
            code = add_row(&reader, context, builder);
        else if (code == SQLITE_TOOBIG)
            code = SQLITE_OK;
        count += code == SQLITE_OK ? 1 : 0;
    }
    rule_reader_close(&reader);
    *ret_count = count;
    return statement_result(code);
}

enum database_status policy_store_load(struct policy_store *store, int64_t now_s,
                                       struct policy_builder *builder,
                                       struct policy_content *ret_content, struct fault *ret_fault)
{
    struct policy_content content = { 0 };
    struct change_log_place end = { 0 };
    enum database_status status = database_begin_read(store->database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    sqlite3 *connection = store->database->connection;
    struct rule_context context = { .now_s = now_s };
    struct provider_catalogue *providers = NULL;
    struct client_groups *groups = NULL;
    int code = change_log_find_end(connection, &end);
    if (code == SQLITE_OK)
        code = provider_reader_read(connection, &providers);
    if (code == SQLITE_OK)
        code = group_reader_read(connection, &groups);
    context.providers = providers;
    context.groups = groups;
    if (code == SQLITE_OK) {
        policy_builder_set_groups(builder, groups);
        policy_builder_set_providers(builder, providers);
    }
    if (code == SQLITE_OK)
        code = read_rules(connection, &context, builder, &content.rule_count);
    if (code == SQLITE_OK)
        code = read_next_expiry(connection, now_s, &content.next_expiry_s);
    if (code == SQLITE_OK)
        code = setting_reader_read(connection, &content.values);
    status = database_end(store->database, code, ret_fault);
    if (status != DATABASE_OK) {
        provider_catalogue_unref(providers);
        client_groups_unref(groups);
        return status;
    }
    policy_store_release(store);
    store->providers = providers;
    store->groups = groups;
    store->read_until = end;
    store->has_loaded = true;
    *ret_content = content;
    return DATABASE_OK;
}

/* The ids that `sql` gives, one too many at most; ?1 and ?2 are `from` and `to`. */
static int read_ids(sqlite3 *connection, const char *sql, int64_t from, int64_t to,
                    struct policy_changes *changes)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, from);
        sqlite3_bind_int64(statement, 2, to);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
        changes->is_too_many = id == 0 || changes->count == POLICY_STORE_CHANGES_MAX;
        if (changes->is_too_many)
            break; /* more than there is room for, or a key that names no rule */
        changes->changes[changes->count++] = (struct rule_change){ .id = id };
    }
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* A row that is gone or can't be read leaves its change as "not in force". */
static int read_change(struct rule_reader *reader, const struct rule_context *context,
                       struct rule_change *change)
{
    struct rule_row row;
    int code = rule_reader_find(reader, change->id);
    if (code == SQLITE_TOOBIG)
        return SQLITE_OK;
    if (code == SQLITE_ROW)
        code = rule_reader_get(reader, &row);
    if (code == SQLITE_OK)
        change->is_in_force = rule_compile(&row, context, &change->rule, NULL);
    return statement_result(code);
}

static int read_changed_rules(sqlite3 *connection, const struct rule_context *context,
                              struct policy_changes *changes)
{
    struct rule_reader reader;
    int code =
        rule_reader_open(&reader, connection, "SELECT " RULE_COLUMNS " FROM rule WHERE id = ?1");
    for (size_t i = 0; code == SQLITE_OK && i < changes->count; i++)
        code = read_change(&reader, context, &changes->changes[i]);
    rule_reader_close(&reader);
    if (code == SQLITE_OK)
        code = read_next_expiry(connection, context->now_s, &changes->next_expiry_s);
    return code;
}

/* Whether `sql` gives a row; ?1 is `from`. */
static int has_row(sqlite3 *connection, const char *sql, const struct change_log_place *from,
                   bool *ret_has_row)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, from->sequence);
        code = sqlite3_step(statement);
    }
    *ret_has_row = code == SQLITE_ROW;
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* All but rules is read whole, be it of a table that this binary does not know. */
static int read_settings(sqlite3 *connection, const struct change_log_place *from,
                         struct policy_changes *changes)
{
    int code = has_row(connection,
                       "SELECT 1 FROM policy_change WHERE sequence > ?1"
                       " AND \"table\" <> 'rule' LIMIT 1",
                       from, &changes->has_settings);
    if (code == SQLITE_OK && changes->has_settings)
        code = setting_reader_read(connection, &changes->values);
    return code;
}

/* Groups are few, so that they are read whole; the rules that this concerns join the changes. */
static int read_groups(sqlite3 *connection, const struct change_log_place *from,
                       const struct client_groups *before, struct policy_changes *changes)
{
    bool has_groups = false;
    int code = has_row(connection,
                       "SELECT 1 FROM policy_change WHERE sequence > ?1"
                       " AND \"table\" IN ('client_group', 'client_network') LIMIT 1",
                       from, &has_groups);
    if (code == SQLITE_OK && has_groups)
        code = group_reader_read(connection, &changes->groups);
    if (code == SQLITE_OK && has_groups)
        code = group_changes_find(connection, before, changes);
    return code;
}

/* `span` holds where to read from and until. */
static int read_changes(sqlite3 *connection, const struct change_log_place span[2],
                        const struct rule_context *context, struct policy_changes *changes)
{
    struct rule_context now = *context;
    /* What any rule means may change with a row of the catalogue. */
    int code = has_row(connection,
                       "SELECT 1 FROM policy_change WHERE sequence > ?1"
                       " AND \"table\" = 'provider' LIMIT 1",
                       &span[0], &changes->is_too_many);
    if (code == SQLITE_OK && !changes->is_too_many)
        code = read_ids(connection,
                        "SELECT DISTINCT CAST(\"key\" AS INTEGER) FROM policy_change"
                        " WHERE sequence > ?1 AND sequence <= ?2 AND \"table\" = 'rule' ORDER BY 1",
                        span[0].sequence, span[1].sequence, changes);
    if (code == SQLITE_OK && !changes->is_too_many)
        code = read_groups(connection, &span[0], context->groups, changes);
    if (code != SQLITE_OK || changes->is_too_many)
        return code;
    if (changes->groups != NULL)
        now.groups = changes->groups;
    code = read_changed_rules(connection, &now, changes);
    return code == SQLITE_OK ? read_settings(connection, &span[0], changes) : code;
}

void policy_changes_release(struct policy_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->changes[i].is_in_force)
            compiled_rule_release(&changes->changes[i].rule);
    changes->count = 0;
}

static struct policy_changes no_changes(const struct policy_changes *room)
{
    return (struct policy_changes){ .changes = room->changes };
}

/* Reads on from `span[0]`, and sets `span[1]` to where that ended. */
static int read_on(sqlite3 *connection, struct change_log_place span[2],
                   const struct rule_context *context, struct policy_changes *changes)
{
    bool leads = false;
    int code = change_log_find_end(connection, &span[1]);
    if (code == SQLITE_OK && change_log_place_equal(&span[0], &span[1]))
        return read_next_expiry(connection, context->now_s, &changes->next_expiry_s);
    if (code == SQLITE_OK)
        code = change_log_leads(connection, &span[0], &span[1], &leads);
    changes->is_too_many = !leads;
    return code == SQLITE_OK && leads ? read_changes(connection, span, context, changes) : code;
}

/* `groups` is NULL where they are as before. */
static void take_over(struct policy_store *store, const struct change_log_place *read_until,
                      struct client_groups *groups)
{
    store->read_until = *read_until;
    if (groups == NULL)
        return;
    client_groups_unref(store->groups);
    store->groups = groups;
}

enum database_status policy_store_changes(struct policy_store *store, int64_t now_s,
                                          struct policy_changes *changes, struct fault *ret_fault)
{
    struct policy_changes found = no_changes(changes);
    struct rule_context context = context_of(store, now_s);
    struct change_log_place span[2] = { store->read_until, { 0 } };
    found.is_too_many = !store->has_loaded;
    enum database_status status = database_begin_read(store->database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    int code = SQLITE_OK;
    if (store->has_loaded)
        code = read_on(store->database->connection, span, &context, &found);
    status = database_end(store->database, code, ret_fault);
    if (status != DATABASE_OK || found.is_too_many) {
        found.groups = client_groups_unref(found.groups);
        policy_changes_release(&found);
    }
    if (status != DATABASE_OK)
        return status;
    if (!found.is_too_many)
        take_over(store, &span[1], found.groups);
    *changes = found;
    return DATABASE_OK;
}

enum database_status policy_store_expiries(struct policy_store *store, int64_t from_s,
                                           int64_t now_s, struct policy_changes *changes,
                                           struct fault *ret_fault)
{
    struct policy_changes found = no_changes(changes);
    struct rule_context context = context_of(store, now_s);
    int64_t first = from_s < now_s ? from_s : now_s, last = from_s < now_s ? now_s : from_s;
    enum database_status status = database_begin_read(store->database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    sqlite3 *connection = store->database->connection;
    int code = read_ids(
        connection,
        "SELECT id FROM rule WHERE expires_at > ?1 AND expires_at <= ?2"
        " UNION SELECT rule_id FROM pin WHERE expires_at > ?1 AND expires_at <= ?2 ORDER BY 1",
        first, last, &found);
    if (code == SQLITE_OK && !found.is_too_many)
        code = read_changed_rules(connection, &context, &found);
    status = database_end(store->database, code, ret_fault);
    if (status == DATABASE_OK)
        *changes = found;
    else
        policy_changes_release(&found);
    return status;
}
