/* app/policy_source.c - policies out of the policy file. */
#include "app/policy_source.h"
#include "base/clock.h"
#include "db/migrate.h"

#include <malloc.h>
#include <stdlib.h>

enum { AWAKE_MS = 150, LARGE_BLOCK_BYTES = 128 * 1024 };

static enum policy_source_status out_of_memory(struct fault *fault)
{
    fault_what(fault, "out of memory while loading the policy");
    return POLICY_SOURCE_FAILED;
}

static enum policy_source_status status_of(enum database_status status)
{
    return status == DATABASE_BUSY ? POLICY_SOURCE_BUSY : POLICY_SOURCE_FAILED;
}

/* Loads every rule. `*ret_policy` is set on POLICY_SOURCE_CHANGED. */
static enum policy_source_status load_whole(struct policy_source *source,
                                            struct policy **ret_policy, struct fault *fault)
{
    struct policy_content content;
    int64_t now_s = clock_realtime_s();
    struct policy_builder *builder = policy_builder_new(&source->ports);
    if (builder == NULL)
        return out_of_memory(fault);
    enum database_status status =
        policy_store_load(&source->store, now_s, builder, &content, fault);
    if (status != DATABASE_OK) {
        policy_builder_free(builder);
        return status_of(status);
    }
    struct policy *policy =
        policy_builder_finish(builder, &content.values.settings, source->version + 1);
    if (policy == NULL) {
        source->store.has_loaded = false; /* what was read is in force nowhere: read it again */
        return out_of_memory(fault);
    }
    source->version++;
    source->values = content.values;
    source->next_expiry_s = content.next_expiry_s;
    source->judged_at_s = now_s;
    source->has_leavings = true;
    *ret_policy = policy;
    return POLICY_SOURCE_CHANGED;
}

static bool open_file(struct policy_source *source, enum database_mode mode, struct fault *fault)
{
    struct migration_report report;
    policy_store_release(&source->store);
    database_close(source->database);
    source->database = database_open_guarded(source->path, mode, source->guard, fault);
    policy_store_init(&source->store, source->database);
    if (source->database == NULL || mode != DATABASE_CREATE ||
        database_migrate(source->database, &report, fault))
        return source->database != NULL;
    database_close(source->database);
    source->database = NULL;
    return false;
}

struct policy *policy_source_open(struct policy_source *source, const char *path,
                                  struct database_guard *guard, const struct policy_ports *ports,
                                  struct fault *fault)
{
    struct policy *policy = NULL;
    *source = (struct policy_source){
        .path = path, .guard = guard, .ports = *ports, .next_expiry_s = RULE_NEVER_EXPIRES
    };
    /* They come from the kernel and go back to it. Else the C library takes those that a load gave
     * back for usual, and keeps the next ones in the memory of whichever thread loaded. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    source->changes = malloc(POLICY_STORE_CHANGES_MAX * sizeof(*source->changes));
    if (source->changes == NULL)
        (void)out_of_memory(fault);
    else if (open_file(source, DATABASE_CREATE, fault))
        (void)load_whole(source, &policy, fault);
    return policy;
}

void policy_source_release(struct policy_source *source)
{
    policy_store_release(&source->store);
    database_close(source->database);
    free(source->changes);
}

/* The policy after `latest`, by `changes`. */
static enum policy_source_status apply(struct policy_source *source, const struct policy *latest,
                                       const struct policy_changes *changes,
                                       struct policy_source_next *ret_next, struct fault *fault)
{
    if (changes->count == 0 && !changes->has_settings)
        return POLICY_SOURCE_SAME;
    const struct settings *settings =
        changes->has_settings ? &changes->values.settings : policy_settings(latest);
    struct policy_source_next next = { 0 };
    next.policy =
        policy_with_changes(latest, changes->changes, changes->count, settings, &next.touched);
    if (next.policy == NULL) {
        source->store.has_loaded = false;
        return out_of_memory(fault);
    }
    if (changes->groups != NULL)
        policy_set_groups(next.policy, changes->groups);
    next.touches_all = changes->has_stale_status;
    if (changes->has_settings)
        source->values = changes->values;
    source->version = policy_version(next.policy);
    *ret_next = next;
    return POLICY_SOURCE_CHANGED;
}

/* What was edited since the last look; `*ret_must_load` where only a whole load will do. */
static enum policy_source_status look_at_edits(struct policy_source *source,
                                               const struct policy *latest, bool *ret_must_load,
                                               struct policy_source_next *ret_next,
                                               struct fault *fault)
{
    struct policy_changes changes = { .changes = source->changes };
    int64_t now_s = clock_realtime_s();
    enum database_status status = policy_store_changes(&source->store, now_s, &changes, fault);
    if (status != DATABASE_OK)
        return status_of(status);
    *ret_must_load = changes.is_too_many;
    if (changes.is_too_many)
        return POLICY_SOURCE_SAME;
    source->next_expiry_s = changes.next_expiry_s;
    enum policy_source_status applied = apply(source, latest, &changes, ret_next, fault);
    policy_changes_release(&changes);
    return applied;
}

static enum policy_source_status look_at_clock(struct policy_source *source,
                                               const struct policy *latest, bool *ret_must_load,
                                               struct policy_source_next *ret_next,
                                               struct fault *fault)
{
    struct policy_changes changes = { .changes = source->changes };
    int64_t now_s = clock_realtime_s();
    enum database_status status =
        policy_store_expiries(&source->store, source->judged_at_s, now_s, &changes, fault);
    if (status != DATABASE_OK)
        return status_of(status);
    *ret_must_load = changes.is_too_many;
    if (changes.is_too_many)
        return POLICY_SOURCE_SAME;
    source->next_expiry_s = changes.next_expiry_s;
    source->judged_at_s = now_s;
    enum policy_source_status applied = apply(source, latest, &changes, ret_next, fault);
    policy_changes_release(&changes);
    return applied;
}

/* What a start or a load of all rules left free goes back to the kernel: it may be as much as all
 * else needs. A thread that allocates meanwhile waits for it, a millisecond perhaps. */
static void give_leavings_back(struct policy_source *source)
{
    if (source->has_leavings)
        (void)malloc_trim(0);
    source->has_leavings = false;
}

void policy_source_rest(struct policy_source *source, int64_t now_ms)
{
    if (source->database != NULL && database_is_awake(source->database) &&
        now_ms - source->looked_at_ms >= AWAKE_MS) {
        database_sleep(source->database);
        give_leavings_back(source);
    }
}

bool policy_source_is_due(const struct policy_source *source)
{
    int64_t now_s = clock_realtime_s();
    return now_s >= source->next_expiry_s || now_s < source->judged_at_s;
}

enum policy_source_status policy_source_look(struct policy_source *source,
                                             const struct policy *latest, bool is_replaced,
                                             struct policy_source_next *ret_next,
                                             struct fault *fault)
{
    struct policy_source_next next = { .is_whole = true, .touches_all = true };
    source->looked_at_ms = clock_monotonic_ms();
    enum policy_source_status status = POLICY_SOURCE_SAME;
    bool must_load = is_replaced || source->database == NULL || !source->store.has_loaded;
    if ((is_replaced || source->database == NULL) && !open_file(source, DATABASE_READ_WRITE, fault))
        return POLICY_SOURCE_FAILED;
    if (!must_load)
        status = policy_source_is_due(source)
                     ? look_at_clock(source, latest, &must_load, ret_next, fault)
                     : look_at_edits(source, latest, &must_load, ret_next, fault);
    if (!must_load)
        return status;
    status = load_whole(source, &next.policy, fault);
    if (status == POLICY_SOURCE_CHANGED)
        *ret_next = next;
    return status;
}
