/* db/denied_store.c - the table denied_name. */
#include "db/denied_store.h"
#include "base/text.h"
#include "db/connection.h"
#include "db/statement.h"
#include "policy/rule.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, TARGET_BYTES = HOST_NAME_TEXT_MAX + sizeof(":65535") };

/* A row that a newcomer may have. */
struct weak_row {
    char target[TARGET_BYTES];
    int64_t count;
    bool is_forgotten;
};

/* The rows of one group. */
struct room {
    int64_t row_count;
    struct weak_row weakest[BATCH]; /* those to lose first, first */
    size_t weak_count, lost_count;
};

/* One row to write. */
struct pending {
    const struct denial *denial;
    bool is_new;
    char target[TARGET_BYTES];
    char in_place_of[TARGET_BYTES]; /* a row to take away; "": none */
};

/* First what has a row gets its new count, and only then newcomers are compared with the rows. */
enum phase { PHASE_KNOWN, PHASE_NEWCOMERS, PHASE_DONE };

struct denied_walk {
    struct denied_plan plan;
    struct database *database; /* of this step */
    enum phase phase;
    size_t next; /* in plan.denials, then in newcomers */
    size_t newcomer_count;
    size_t replaced_count;
    size_t pending_count;
    struct pending pending[BATCH];
    struct room room;
    const struct denial *newcomers[]; /* of plan.denials */
};

struct denied_walk *denied_walk_new(const struct denied_plan *plan)
{
    struct denied_walk *walk = calloc(1, sizeof(*walk) + plan->count * sizeof(walk->newcomers[0]));
    if (walk != NULL)
        walk->plan = *plan;
    return walk;
}

void denied_walk_free(struct denied_walk *walk)
{
    free(walk);
}

static void write_target(const struct denial *denial, char ret_target[TARGET_BYTES])
{
    struct text target = text_in(ret_target, TARGET_BYTES);
    host_name_add_to(&denial->name, &target);
    if (denial->port != RULE_DEFAULT_PORT)
        text_add_format(&target, ":%u", denial->port);
}

static struct pending *add_pending(struct denied_walk *walk, const struct denial *denial)
{
    struct pending *row = &walk->pending[walk->pending_count++];
    row->denial = denial;
    row->is_new = false;
    row->in_place_of[0] = '\0';
    write_target(denial, row->target);
    return row;
}

/* Sorts out which of the next denials have a row. */
static int look_for_known(struct denied_walk *walk, sqlite3 *connection)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        connection, "SELECT 1 FROM denied_name WHERE client_group = ?1 AND target = ?2", -1,
        &statement, NULL);
    for (int i = 0; code == SQLITE_OK && i < BATCH && walk->next < walk->plan.count; i++) {
        const struct denial *denial = &walk->plan.denials[walk->next++];
        struct pending *row = add_pending(walk, denial);
        sqlite3_bind_text(statement, 1, denial->group_name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, row->target, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
        sqlite3_reset(statement); /* gives the same code again */
        if (code == SQLITE_DONE) {
            walk->pending_count--;
            walk->newcomers[walk->newcomer_count++] = denial;
        }
        code = statement_result(code);
    }
    sqlite3_finalize(statement);
    return code;
}

/* By group, so that one look at its rows serves many; the most wanted first. */
static int compare_newcomers(const void *left, const void *right)
{
    const struct denial *a = *(const struct denial *const *)left;
    const struct denial *b = *(const struct denial *const *)right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->often < b->often) - (a->often > b->often);
}

static int count_rows(sqlite3 *connection, const char *group_name, int64_t *ret_count)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(connection, "SELECT count(*) FROM denied_name WHERE client_group = ?1",
                           -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, group_name, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW)
        *ret_count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return statement_result(code);
}

/* The row that `statement` stands on. One too long for a target was not written by us, and stays.
 */
static void add_weak_row(struct room *room, sqlite3_stmt *statement)
{
    const char *target = (const char *)sqlite3_column_text(statement, 0);
    struct weak_row *row = &room->weakest[room->weak_count];
    if (target == NULL || strlen(target) >= TARGET_BYTES)
        return;
    memcpy(row->target, target, strlen(target) + 1);
    row->count = sqlite3_column_int64(statement, 1);
    row->is_forgotten = sqlite3_column_int(statement, 2) != 0;
    room->weak_count++;
}

static int find_weakest(struct denied_walk *walk, const char *group_name)
{
    sqlite3 *connection = walk->database->connection;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        connection,
        "SELECT target, \"count\", last_seen < ?2 AS is_forgotten FROM denied_name"
        " WHERE client_group = ?1 ORDER BY is_forgotten DESC, \"count\", last_seen LIMIT ?3",
        -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, group_name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 2, walk->plan.now_s - DENIED_STORE_FORGOTTEN_S);
        sqlite3_bind_int(statement, 3, BATCH);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        add_weak_row(&walk->room, statement);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return statement_result(code);
}

static int look_at_room(struct denied_walk *walk, const char *group_name)
{
    struct room *room = &walk->room;
    room->row_count = 0;
    room->weak_count = room->lost_count = 0;
    int code = count_rows(walk->database->connection, group_name, &room->row_count);
    if (code == SQLITE_OK && room->row_count + BATCH > DENIED_STORE_SHARE)
        code = find_weakest(walk, group_name);
    return code;
}

/* The row that a newcomer takes from another name; NULL: none. */
static const struct weak_row *find_replaceable(struct denied_walk *walk,
                                               const struct denial *newcomer)
{
    struct room *room = &walk->room;
    if (room->lost_count == room->weak_count || walk->replaced_count == DENIED_STORE_REPLACED_MAX)
        return NULL;
    const struct weak_row *weakest = &room->weakest[room->lost_count];
    if (!weakest->is_forgotten && newcomer->often <= weakest->count)
        return NULL;
    room->lost_count++;
    walk->replaced_count++;
    return weakest;
}

/* False: there is no row for it. */
static bool place_newcomer(struct denied_walk *walk, const struct denial *newcomer)
{
    bool has_room = walk->room.row_count < DENIED_STORE_SHARE;
    const struct weak_row *replaced = has_room ? NULL : find_replaceable(walk, newcomer);
    if (!has_room && replaced == NULL)
        return false;
    walk->room.row_count += has_room;
    struct pending *row = add_pending(walk, newcomer);
    row->is_new = true;
    if (replaced != NULL)
        memcpy(row->in_place_of, replaced->target, sizeof(row->in_place_of));
    return true;
}

static bool has_newcomer_of(const struct denied_walk *walk, uint32_t group)
{
    return walk->next < walk->newcomer_count && walk->newcomers[walk->next]->group == group;
}

/* The next newcomers of one group. Behind one that has no row come only less wanted ones: none of
 * these has one either, so that a flood takes no further look at the rows. */
static int place_newcomers(struct denied_walk *walk)
{
    const struct denial *first = walk->newcomers[walk->next];
    int code = look_at_room(walk, first->group_name);
    bool is_placed = code == SQLITE_OK;
    for (int i = 0; is_placed && i < BATCH && has_newcomer_of(walk, first->group); i++) {
        is_placed = place_newcomer(walk, walk->newcomers[walk->next]);
        walk->next += is_placed;
    }
    while (code == SQLITE_OK && !is_placed && has_newcomer_of(walk, first->group))
        walk->plan.left_out(walk->plan.context, walk->newcomers[walk->next++]);
    return code;
}

static void begin_newcomers(struct denied_walk *walk)
{
    walk->phase = PHASE_NEWCOMERS;
    walk->next = 0;
    if (walk->newcomer_count > 0)
        qsort(walk->newcomers, walk->newcomer_count, sizeof(walk->newcomers[0]), compare_newcomers);
}

static int read_next(struct denied_walk *walk)
{
    if (walk->phase == PHASE_KNOWN && walk->next == walk->plan.count)
        begin_newcomers(walk);
    if (walk->phase == PHASE_NEWCOMERS && walk->next == walk->newcomer_count)
        walk->phase = PHASE_DONE;
    switch (walk->phase) {
    case PHASE_KNOWN:
        return look_for_known(walk, walk->database->connection);
    case PHASE_NEWCOMERS:
        return place_newcomers(walk);
    case PHASE_DONE:
        break;
    }
    return SQLITE_OK;
}

static enum database_status read_batch(struct denied_walk *walk, struct fault *ret_fault)
{
    enum database_status status = database_begin_read(walk->database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    return database_end(walk->database, read_next(walk), ret_fault);
}

/* How rows are written; prepared before the file is locked for others. */
struct writing {
    sqlite3_stmt *update, *insert, *take_away;
};

static int prepare_writing(sqlite3 *connection, struct writing *writing)
{
    static const char update[] =
        "UPDATE denied_name SET \"count\" = min(\"count\" + ?3, 9007199254740992), reason = ?4,"
        " last_seen = ?6 WHERE target = ?1 AND client_group = ?2";
    /* The group may have gone since, and another process may have written the row. */
    static const char insert[] =
        "INSERT INTO denied_name (target, client_group, \"count\", reason, first_seen, last_seen)"
        " SELECT ?1, ?2, min(?3, 9007199254740992), ?4, ?5, ?6"
        " WHERE EXISTS (SELECT 1 FROM client_group WHERE name = ?2)"
        " ON CONFLICT (client_group, target) DO NOTHING";
    static const char take_away[] =
        "DELETE FROM denied_name WHERE target = ?1 AND client_group = ?2";
    int code = sqlite3_prepare_v2(connection, update, -1, &writing->update, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, insert, -1, &writing->insert, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(connection, take_away, -1, &writing->take_away, NULL);
    return code;
}

static void finish_writing(struct writing *writing)
{
    sqlite3_finalize(writing->update);
    sqlite3_finalize(writing->insert);
    sqlite3_finalize(writing->take_away);
}

static int run_for(sqlite3_stmt *statement, const char *target, const struct denial *denial)
{
    sqlite3_reset(statement); /* the last step gave SQLITE_DONE */
    sqlite3_bind_text(statement, 1, target, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, denial->group_name, -1, SQLITE_STATIC);
    if (sqlite3_bind_parameter_count(statement) > 2) {
        sqlite3_bind_int64(statement, 3, (int64_t)denial->count);
        sqlite3_bind_text(statement, 4, reason_word(denial->reason), -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 5, denial->first_seen_s);
        sqlite3_bind_int64(statement, 6, denial->last_seen_s);
    }
    return statement_result(sqlite3_step(statement));
}

static int write_row(const struct writing *writing, const struct pending *row)
{
    int code = SQLITE_OK;
    if (row->in_place_of[0] != '\0')
        code = run_for(writing->take_away, row->in_place_of, row->denial);
    if (code == SQLITE_OK)
        code = run_for(row->is_new ? writing->insert : writing->update, row->target, row->denial);
    return code;
}

static enum database_status write_pending(const struct denied_walk *walk, struct fault *ret_fault)
{
    struct database *database = walk->database;
    struct writing writing = { 0 };
    enum database_status status = database_wake(database, ret_fault);
    if (status != DATABASE_OK)
        return status;
    int code = prepare_writing(database->connection, &writing);
    status = code == SQLITE_OK ? database_begin_write(database, ret_fault)
                               : database_explain(database, code, ret_fault);
    for (size_t i = 0; status == DATABASE_OK && code == SQLITE_OK && i < walk->pending_count; i++)
        code = write_row(&writing, &walk->pending[i]);
    finish_writing(&writing);
    return status == DATABASE_OK ? database_end(database, code, ret_fault) : status;
}

static enum database_status write_batch(struct denied_walk *walk, struct fault *ret_fault)
{
    enum database_status status = DATABASE_OK;
    if (walk->pending_count > 0 && !walk->database->is_read_only)
        status = write_pending(walk, ret_fault);
    if (status != DATABASE_BUSY) /* what failed for good would only fail again */
        walk->pending_count = 0;
    return status;
}

enum database_status denied_walk_step(struct denied_walk *walk, struct database *database,
                                      bool *ret_is_done, struct fault *ret_fault)
{
    walk->database = database;
    enum database_status status = write_batch(walk, ret_fault); /* what a busy step has left */
    if (status == DATABASE_OK)
        status = read_batch(walk, ret_fault);
    if (status == DATABASE_OK)
        status = write_batch(walk, ret_fault);
    if (status == DATABASE_OK)
        *ret_is_done = walk->phase == PHASE_DONE;
    return status;
}
