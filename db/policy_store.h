/* db/policy_store.h - rules and settings out of the database: all of them, or what changed since.
 * Remembers how far it has read. Each call reads as of one moment, and leaves the database
 * awake; what one call leaves out the next one finds. One thread. A row that can't be read spoils
 * its own rule only. */
#pragma once
#include "db/change_log.h"
#include "db/database.h"
#include "db/setting_reader.h"
#include "policy/policy_builder.h"

enum { POLICY_STORE_CHANGES_MAX = 1000 };

struct policy_store {
    struct database *database;            /* borrowed; may be exchanged between calls */
    struct provider_catalogue *providers; /* owned; of the last load; NULL before it */
    struct client_groups *groups;         /* owned; of the last call that went well */
    bool has_loaded;
    struct change_log_place read_until; /* of the last call that went well */
};

/* Everything that makes a policy. */
struct policy_content {
    uint64_t rule_count;   /* rows, in force or not */
    int64_t next_expiry_s; /* when the next rule or pin expires that has not; RULE_NEVER_EXPIRES
                              where none will */
    struct setting_values values;
};

/* What is to be done to a policy to bring it up to date. */
struct policy_changes {
    struct rule_change
        *changes; /* the caller's room for POLICY_STORE_CHANGES_MAX; filled in order of ids */
    size_t count;
    bool is_too_many;      /* or unknown: use policy_store_load(); then nothing else is set */
    bool has_settings;     /* `values` is set, because some setting changed */
    bool has_stale_status; /* rule_status may be out of date for any rule, be it unchanged */
    struct client_groups *groups; /* the new ones, where groups or networks changed; else NULL. The
                                     store's, until its next call */
    int64_t next_expiry_s;
    struct setting_values values;
};

/* Gives back what the changes own of rules, once they are made, and leaves none. */
void policy_changes_release(struct policy_changes *changes);

void policy_store_init(struct policy_store *store, struct database *database);
/* Frees what it holds; a store of zeros is fine. */
void policy_store_release(struct policy_store *store);

/* Adds every rule that is in force at `now_s` (Unix seconds) to `builder`, which stays the
 * caller's: to finish on DATABASE_OK, else to free. */
enum database_status policy_store_load(struct policy_store *store, int64_t now_s,
                                       struct policy_builder *builder,
                                       struct policy_content *ret_content, struct fault *ret_fault);

/* What changed since the last call that gave DATABASE_OK, as of `now_s`. Fills `*changes` on
 * DATABASE_OK alone; release them. A file that was restored, overwritten or exchanged since is
 * noticed, and answered with is_too_many. Quick where nothing changed: then count is 0 and
 * has_settings false.
 */
enum database_status policy_store_changes(struct policy_store *store, int64_t now_s,
                                          struct policy_changes *changes, struct fault *ret_fault);

/* The rules whose expires_at, or that of a pin, lies after the earlier of `from_s` and `now_s` and
 * not after the later, as they are at `now_s`: what a passing or a stepped clock did. Sees edits
 * that policy_store_changes() will report once more. Fills `*changes` as that does, without
 * settings. */
enum database_status policy_store_expiries(struct policy_store *store, int64_t from_s,
                                           int64_t now_s, struct policy_changes *changes,
                                           struct fault *ret_fault);
