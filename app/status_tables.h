/* app/status_tables.h - what the status page shows of the policy file's tables. Called on the
 * record thread. */
#pragma once
#include "status/status.h"

struct database;

/* Fills those of the sets asked for that come from tables. `database` NULL: `fault` says why it
 * can't be read. */
void status_tables_fill(struct status_request *request, struct database *database,
                        const struct fault *fault);
