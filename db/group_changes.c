/* db/group_changes.c - which rules are to be read again because groups of clients changed. */
#include "db/group_changes.h"
#include "db/statement.h"

#include <sqlite3.h>
#include <stdlib.h>

/* What a change of its group does to a rule. */
enum effect { EFFECT_NONE = 0, EFFECT_ON_STATUS, EFFECT_ON_RULE };

static enum effect effect_on_rules_of(const char *name, const struct client_groups *before,
                                      const struct client_groups *after)
{
    uint32_t was = 0, is = 0;
    bool did_exist = client_groups_find(before, name, &was);
    bool does_exist = client_groups_find(after, name, &is);
    if (did_exist != does_exist || was != is)
        return EFFECT_ON_RULE;
    if (client_groups_misses_network(before, was) != client_groups_misses_network(after, is))
        return EFFECT_ON_RULE; /* a deny is for everybody while the group is not known whole */
    return client_groups_has_network(before, was) != client_groups_has_network(after, is)
               ? EFFECT_ON_STATUS
               : EFFECT_NONE;
}

static bool has_change(const struct policy_changes *changes, int64_t id)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->changes[i].id == id)
            return true;
    return false;
}

/* Adds the ids that `statement` gives for a group. `*ret_fits` is false where there is no room for
 * all of them. */
static int add_rules_of(sqlite3_stmt *statement, const char *name, struct policy_changes *changes,
                        bool *ret_fits)
{
    int code;
    sqlite3_reset(statement); /* what the last step said was handled then */
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        if (has_change(changes, id))
            continue;
        if (id == 0 || changes->count == POLICY_STORE_CHANGES_MAX) {
            *ret_fits = false;
            return SQLITE_OK;
        }
        changes->changes[changes->count++] = (struct rule_change){ .id = id };
    }
    return statement_result(code);
}

/* The rules of the groups in `list` that were changed with that effect. */
static int add_rules(sqlite3_stmt *statement, const struct client_groups *before,
                     enum effect effect, struct policy_changes *changes, bool *ret_fits)
{
    const struct client_groups *lists[] = { before, changes->groups };
    int code = SQLITE_OK;
    for (size_t i = 0; i < 2; i++) {
        size_t count = client_groups_count(lists[i]);
        for (size_t at = 0; code == SQLITE_OK && *ret_fits && at < count; at++) {
            const char *name = client_groups_name_at(lists[i], at);
            if (effect_on_rules_of(name, before, changes->groups) == effect)
                code = add_rules_of(statement, name, changes, ret_fits);
        }
    }
    return code;
}

static int compare_changes(const void *left, const void *right)
{
    int64_t a = ((const struct rule_change *)left)->id, b = ((const struct rule_change *)right)->id;
    return (a > b) - (a < b);
}

int group_changes_find(sqlite3 *connection, const struct client_groups *before,
                       struct policy_changes *changes)
{
    bool rules_fit = true, statuses_fit = true;
    size_t count = 0;
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection,
                                  "SELECT id FROM rule WHERE clients = ?1 AND clients <> 'any'", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK)
        code = add_rules(statement, before, EFFECT_ON_RULE, changes, &rules_fit);
    count = changes->count;
    if (code == SQLITE_OK && rules_fit)
        code = add_rules(statement, before, EFFECT_ON_STATUS, changes, &statuses_fit);
    sqlite3_finalize(statement);
    if (!statuses_fit)
        changes->count = count;
    changes->is_too_many = !rules_fit;
    changes->has_stale_status = !statuses_fit;
    qsort(changes->changes, changes->count, sizeof(*changes->changes), compare_changes);
    return code;
}
