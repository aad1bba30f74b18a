/* app/policy_once.c - the policy as it stands now. */
#include "app/policy_once.h"
#include "base/clock.h"

bool policy_once_open(struct policy_once *once, const struct options *options,
                      enum database_mode mode, struct fault *fault)
{
    struct policy_content content;
    struct policy_ports ports = options_ports(options);
    *once = (struct policy_once){ .database = database_open(options->db, mode, fault) };
    struct policy_builder *builder = once->database != NULL ? policy_builder_new(&ports) : NULL;
    if (builder == NULL)
        return false;
    policy_store_init(&once->store, once->database);
    enum database_status status =
        policy_store_load(&once->store, clock_realtime_s(), builder, &content, fault);
    if (status != DATABASE_OK) {
        if (status == DATABASE_BUSY)
            fault_what(fault, "the policy file is locked; try again");
        policy_builder_free(builder);
        return false;
    }
    once->values = content.values;
    once->policy = policy_builder_finish(builder, &content.values.settings, 1);
    return once->policy != NULL;
}

void policy_once_close(struct policy_once *once)
{
    policy_unref(once->policy);
    policy_store_release(&once->store);
    database_close(once->database);
}
