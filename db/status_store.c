/* db/status_store.c - what each rule became. */
#include "db/status_store.h"
#include "base/text.h"
#include "db/connection.h"
#include "db/group_reader.h"
#include "db/provider_reader.h"
#include "db/rule_reader.h"
#include "db/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

/* One row of rule_status to write, or to take away. */
struct pending {
    int64_t rule_id;
    bool is_gone; /* the rule is; the status must go */
    struct rule_outcome outcome;
};

/* What a walk goes through, one after the other. */
enum phase { PHASE_RULES, PHASE_ORPHANS, PHASE_DONE };

struct status_walk {
    struct status_plan plan;
    struct provider_catalogue *providers; /* owned; read with the first rules */
    struct client_groups *groups;         /* likewise */
    enum phase phase;
    int64_t last_id;   /* of the rules, or the statuses, that were looked at */
    size_t next_index; /* in plan.ids */
    size_t pending_count;
    struct pending pending[BATCH];
};

struct status_walk *status_walk_new(const struct status_plan *plan)
{
    struct status_walk *walk = malloc(sizeof(*walk));
    if (walk == NULL)
        return NULL;
    walk->plan = *plan;
    walk->providers = NULL;
    walk->groups = NULL;
    walk->phase = PHASE_RULES;
    walk->last_id = INT64_MIN;
    walk->next_index = walk->pending_count = 0;
    return walk;
}

void status_walk_free(struct status_walk *walk)
{
    if (walk == NULL)
        return;
    provider_catalogue_unref(walk->providers);
    client_groups_unref(walk->groups);
    free(walk);
}

/* "Rule 3 (deny api.example.com) decides first." */
static void explain_shadow(sqlite3 *connection, int64_t by_id, const struct rule_context *context,
                           struct rule_outcome *outcome)
{
    struct rule_row row;
    struct compiled_rule rule;
    struct rule_outcome other;
    struct rule_reader reader;
    struct text reason = text_in(outcome->reason, sizeof(outcome->reason));
    outcome->state = RULE_STATE_SHADOWED;
    text_add_format(&reason, "Rule %lld", (long long)by_id);
    int code =
        rule_reader_open(&reader, connection, "SELECT " RULE_COLUMNS " FROM rule WHERE id = ?1");
    if (code == SQLITE_OK && rule_reader_find(&reader, by_id) == SQLITE_ROW &&
        rule_reader_get(&reader, &row) == SQLITE_OK && rule_compile(&row, context, &rule, &other)) {
        text_add_format(&reason, " (%s %s)", rule.action == RULE_ALLOW ? "allow" : "deny",
                        other.hostname);
        compiled_rule_release(&rule);
    }
    text_add(&reason, " decides first.");
    rule_reader_close(&reader);
}

static bool status_differs(sqlite3_stmt *statement, const struct rule_outcome *outcome)
{
    enum { COLUMN_STATE = RULE_COLUMN_COUNT, COLUMN_HOSTNAME, COLUMN_REASON };
    const char *state = (const char *)sqlite3_column_text(statement, COLUMN_STATE);
    const char *hostname = (const char *)sqlite3_column_text(statement, COLUMN_HOSTNAME);
    const char *reason = (const char *)sqlite3_column_text(statement, COLUMN_REASON);
    return state == NULL || hostname == NULL || reason == NULL ||
           strcmp(state, rule_state_word(outcome->state)) != 0 ||
           strcmp(hostname, outcome->hostname) != 0 || strcmp(reason, outcome->reason) != 0;
}

static void settle(struct status_walk *walk, const struct status_report *report, bool differs)
{
    if (walk->plan.report != NULL)
        walk->plan.report(walk->plan.context, report);
    if (!differs)
        return;
    walk->pending[walk->pending_count++] =
        (struct pending){ .rule_id = report->rule_id, .outcome = *report->outcome };
}

/* The row that the reader stands on. */
static int judge_row(struct status_walk *walk, struct rule_reader *reader)
{
    struct rule_row row;
    struct compiled_rule rule = { 0 };
    struct rule_outcome outcome;
    int64_t by_id;
    struct rule_context context = { .now_s = walk->plan.now_s,
                                    .providers = walk->providers,
                                    .groups = walk->groups };
    int code = rule_reader_get(reader, &row);
    if (code != SQLITE_OK)
        return code;
    bool is_in_force = rule_compile(&row, &context, &rule, &outcome);
    if (is_in_force && walk->plan.policy != NULL &&
        policy_is_shadowed(walk->plan.policy, &rule, &by_id))
        explain_shadow(sqlite3_db_handle(reader->rules), by_id, &context, &outcome);
    struct status_report report = { .rule_id = row.id,
                                    .target = row.target,
                                    .outcome = &outcome,
                                    .is_verified = is_in_force && rule.action == RULE_ALLOW,
                                    .requirement = rule.requirement };
    settle(walk, &report, status_differs(reader->rules, &outcome));
    compiled_rule_release(&rule);
    return SQLITE_OK;
}

/* What its status says comes with it, so it can't be compared and is written each time. */
static void judge_unreadable(struct status_walk *walk, int64_t id)
{
    struct rule_outcome outcome = { .state = RULE_STATE_INVALID };
    struct status_report report = { .rule_id = id, .target = "", .outcome = &outcome };
    (void)snprintf(outcome.reason, sizeof(outcome.reason),
                   "The rule is too large to read; delete it, and type it anew.");
    settle(walk, &report, true);
}

static int judge_next_rules(struct status_walk *walk, sqlite3 *connection)
{
    struct rule_reader reader;
    int code = rule_reader_open(&reader, connection,
                                "SELECT " RULE_COLUMNS ", state, hostname, reason FROM rule"
                                " LEFT JOIN rule_status ON rule_id = id WHERE id > ?1 ORDER BY id");
    if (code == SQLITE_OK)
        rule_reader_start(&reader, walk->last_id);
    for (int i = 0; code == SQLITE_OK && i < BATCH; i++) {
        code = rule_reader_next(&reader);
        walk->last_id = reader.last_id;
        if (code == SQLITE_ROW) {
            code = judge_row(walk, &reader);
        } else if (code == SQLITE_TOOBIG) {
            judge_unreadable(walk, walk->last_id);
            code = SQLITE_OK;
        }
    }
    if (code == SQLITE_DONE) {
        walk->phase = PHASE_ORPHANS;
        walk->last_id = INT64_MIN;
    }
    rule_reader_close(&reader);
    return statement_result(code);
}

static void take_status_away(struct status_walk *walk, int64_t rule_id)
{
    walk->pending[walk->pending_count++] = (struct pending){ .rule_id = rule_id, .is_gone = true };
}

static int has_status(sqlite3 *connection, int64_t rule_id, bool *ret_has)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, "SELECT 1 FROM rule_status WHERE rule_id = ?1", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, rule_id);
        code = sqlite3_step(statement);
    }
    *ret_has = code == SQLITE_ROW;
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* One rule of the plan's list; where it is gone, so must be its status. */
static int judge_listed(struct status_walk *walk, struct rule_reader *reader, int64_t id)
{
    bool has = false;
    int code = rule_reader_find(reader, id);
    if (code == SQLITE_ROW)
        return judge_row(walk, reader);
    if (code == SQLITE_TOOBIG) {
        judge_unreadable(walk, id);
        return SQLITE_OK;
    }
    if (code == SQLITE_DONE)
        code = has_status(sqlite3_db_handle(reader->rules), id, &has);
    if (has)
        take_status_away(walk, id);
    return code;
}

static int judge_next_listed(struct status_walk *walk, sqlite3 *connection)
{
    struct rule_reader reader;
    int code = rule_reader_open(&reader, connection,
                                "SELECT " RULE_COLUMNS ", state, hostname, reason FROM rule"
                                " LEFT JOIN rule_status ON rule_id = id WHERE id = ?1");
    for (int i = 0; code == SQLITE_OK && i < BATCH && walk->next_index < walk->plan.id_count; i++)
        code = judge_listed(walk, &reader, walk->plan.ids[walk->next_index++]);
    if (walk->next_index == walk->plan.id_count)
        walk->phase = PHASE_DONE;
    rule_reader_close(&reader);
    return code;
}

static int find_next_orphans(struct status_walk *walk, sqlite3 *connection)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        connection,
        "SELECT rule_id FROM rule_status WHERE rule_id > ?1"
        " AND NOT EXISTS (SELECT 1 FROM rule WHERE id = rule_id) ORDER BY rule_id",
        -1, &statement, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_int64(statement, 1, walk->last_id);
    for (int i = 0; code == SQLITE_OK && i < BATCH; i++) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            walk->last_id = sqlite3_column_int64(statement, 0);
            take_status_away(walk, walk->last_id);
            code = SQLITE_OK;
        }
    }
    if (code == SQLITE_DONE)
        walk->phase = PHASE_DONE;
    sqlite3_finalize(statement);
    return statement_result(code);
}

static enum database_status read_batch(struct status_walk *walk, struct fault *ret_fault)
{
    enum database_status status = database_begin_read(walk->plan.database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    sqlite3 *connection = walk->plan.database->connection;
    int code = SQLITE_OK;
    if (walk->providers == NULL)
        code = provider_reader_read(connection, &walk->providers);
    if (code == SQLITE_OK && walk->groups == NULL)
        code = group_reader_read(connection, &walk->groups);
    if (code != SQLITE_OK)
        return database_end(walk->plan.database, code, ret_fault);
    switch (walk->phase) {
    case PHASE_RULES:
        code = walk->plan.ids != NULL ? judge_next_listed(walk, connection)
                                      : judge_next_rules(walk, connection);
        break;
    case PHASE_ORPHANS:
        code = find_next_orphans(walk, connection);
        break;
    case PHASE_DONE:
        break;
    }
    return database_end(walk->plan.database, code, ret_fault);
}

static int write_row(sqlite3_stmt *statement, const struct pending *row)
{
    sqlite3_reset(statement); /* the last step gave SQLITE_DONE */
    sqlite3_bind_int64(statement, 1, row->rule_id);
    if (!row->is_gone) {
        sqlite3_bind_text(statement, 2, rule_state_word(row->outcome.state), -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 3, row->outcome.hostname, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 4, row->outcome.reason, -1, SQLITE_STATIC);
    }
    return statement_result(sqlite3_step(statement));
}

/* Both statements; the caller finalizes them, also on failure. */
static int prepare_writing(sqlite3 *connection, sqlite3_stmt **ret_put, sqlite3_stmt **ret_take)
{
    /* The rule may have been deleted since it was read; then there is nothing to say of it. */
    int code =
        sqlite3_prepare_v2(connection,
                           "INSERT INTO rule_status (rule_id, state, hostname, reason)"
                           " SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM rule WHERE id = ?1)"
                           " ON CONFLICT (rule_id) DO UPDATE SET state = excluded.state,"
                           " hostname = excluded.hostname, reason = excluded.reason",
                           -1, ret_put, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection,
                                  "DELETE FROM rule_status WHERE rule_id = ?1"
                                  " AND NOT EXISTS (SELECT 1 FROM rule WHERE id = ?1)",
                                  -1, ret_take, NULL);
    return code;
}

static enum database_status write_pending(const struct status_walk *walk, struct fault *ret_fault)
{
    struct database *database = walk->plan.database;
    sqlite3_stmt *put = NULL, *take = NULL;
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    int code = prepare_writing(database->connection, &put, &take); /* before anybody is held up */
    status = code == SQLITE_OK ? database_begin_write(database, ret_fault)
                               : database_explain(database, code, ret_fault);
    for (size_t i = 0; status == DATABASE_OK && code == SQLITE_OK && i < walk->pending_count; i++)
        code = write_row(walk->pending[i].is_gone ? take : put, &walk->pending[i]);
    sqlite3_finalize(put);
    sqlite3_finalize(take);
    return status == DATABASE_OK ? database_end(database, code, ret_fault) : status;
}

static enum database_status write_batch(struct status_walk *walk, struct fault *ret_fault)
{
    enum database_status status = DATABASE_OK;
    if (walk->pending_count > 0 && !walk->plan.database->is_read_only)
        status = write_pending(walk, ret_fault);
    if (status != DATABASE_BUSY) /* what failed for good would only fail again */
        walk->pending_count = 0;
    return status;
}

enum database_status status_walk_step(struct status_walk *walk, bool *ret_is_done,
                                      struct fault *ret_fault)
{
    enum database_status status = write_batch(walk, ret_fault); /* what a busy step has left */
    if (status == DATABASE_OK)
        status = read_batch(walk, ret_fault);
    if (status == DATABASE_OK)
        status = write_batch(walk, ret_fault);
    if (status == DATABASE_OK)
        *ret_is_done = walk->phase == PHASE_DONE;
    return status;
}
