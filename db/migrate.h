/* db/migrate.h - bringing a policy file to this binary's version. */
#pragma once
#include <stdbool.h>

struct database;
struct fault;

struct migration_report {
    int from_version; /* 0: the file was empty or is new */
    int to_version;
};

/* Applies what is missing, one migration a transaction, in order; many processes may do so at once.
 * A file of this version is only looked at, so a read-only one is fine then. Waits about a second
 * for a lock. False sets
 * `*ret_fault`; what was applied by then stays. */
bool database_migrate(struct database *database, struct migration_report *ret_report,
                      struct fault *ret_fault);
