/* app/policy_once.h - the policy as it stands now, for commands that look at it once. */
#pragma once
#include "app/options.h"
#include "db/database.h"
#include "db/policy_store.h"
#include "db/setting_reader.h"

struct policy;

struct policy_once {
    struct database *database; /* owned */
    struct policy *policy;     /* owned */
    struct policy_store store; /* owned */
    struct setting_values values;
};

/* Opens options->db and compiles it. False with a fault; policy_once_close() is due in any case. */
bool policy_once_open(struct policy_once *once, const struct options *options,
                      enum database_mode mode, struct fault *fault);
void policy_once_close(struct policy_once *once);
