/* tests/unit/db/policy_bench.h - a policy file that is read as serve reads it, and asked as the
 * gate asks. */
#pragma once
#include "db/policy_store.h"
#include "workspace.h"

enum { NOW_S = 1800000000, PORT = 443 };

struct bench {
    struct database *database;
    struct policy_store store;
    struct policy_content content;
    struct policy_changes changes;
    struct rule_change room[POLICY_STORE_CHANGES_MAX];
};

static inline struct policy *load(struct bench *bench)
{
    struct fault fault = { 0 };
    struct policy_ports ports = { .port = { PORT }, .count = 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    enum database_status status =
        policy_store_load(&bench->store, NOW_S, builder, &bench->content, &fault);
    assert_string_equal(fault.what, "");
    assert_int_equal(status, DATABASE_OK);
    return policy_builder_finish(builder, &bench->content.values.settings, 1);
}

static inline struct bench *bench_new(const char *path)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct fault fault = { 0 };
    assert_non_null(bench);
    bench->database = database_open(path, DATABASE_READ_WRITE, &fault);
    assert_string_equal(fault.what, "");
    bench->changes.changes = bench->room;
    policy_store_init(&bench->store, bench->database);
    return bench;
}

static inline void bench_free(struct bench *bench)
{
    policy_store_release(&bench->store);
    database_close(bench->database);
    free(bench);
}

static inline bool allows(const struct policy *policy, const char *name)
{
    struct host_name host;
    assert_int_equal(host_name_parse(name, strlen(name), &host), HOST_NAME_OK);
    struct policy_question question = { .name = &host };
    return policy_decide(policy, &question, PORT, NOW_S).decision == DECISION_ALLOW;
}

static inline void read_changes(struct bench *bench)
{
    struct fault fault = { 0 };
    assert_int_equal(policy_store_changes(&bench->store, NOW_S, &bench->changes, &fault),
                     DATABASE_OK);
}
