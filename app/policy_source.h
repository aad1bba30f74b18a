/* app/policy_source.h - policies out of the policy file: the first one whole, then each by what
 * changed. Belongs to one thread. Knows no thread, no log and no feed: it returns policies, and
 * faults as text. */
#pragma once
#include "base/fault.h"
#include "db/policy_store.h"
#include "policy/policy_builder.h"

struct policy_source {
    const char *path;             /* borrowed */
    struct database_guard *guard; /* borrowed; shared with the other databases of the path */
    struct policy_ports ports;
    struct database *database; /* NULL while the file can't be opened */
    struct policy_store store;
    struct setting_values values; /* of the newest policy */
    int64_t next_expiry_s, judged_at_s;
    int64_t looked_at_ms; /* monotonic: the last look */
    uint64_t version;     /* of the newest policy */
    bool has_leavings;    /* of a whole load, among the memory that is free */
    struct rule_change *changes;
};

/* What one look at the file led to. */
enum policy_source_status {
    POLICY_SOURCE_FAILED = 0, /* the fault says why; the newest policy still holds */
    POLICY_SOURCE_BUSY,       /* somebody is writing: look again soon */
    POLICY_SOURCE_SAME,
    POLICY_SOURCE_CHANGED, /* `*ret_next` is set */
};

/* What a look found. `policy` and `touched` are the caller's. */
struct policy_source_next {
    struct policy *policy;
    bool is_whole;    /* loaded anew */
    bool touches_all; /* the status of any rule may have changed; else of those in `touched` */
    struct rule_ids touched;
};

/* Opens `path`, making or migrating it where need be, and loads the first policy, which the caller
 * owns. NULL with a fault; policy_source_release() is due in any case. */
struct policy *policy_source_open(struct policy_source *source, const char *path,
                                  struct database_guard *guard, const struct policy_ports *ports,
                                  struct fault *fault);
void policy_source_release(struct policy_source *source);

/* Reads what changed in the file, or expired, since the last look, and makes the policy after
 * `latest`. With `is_replaced` the path leads to another file than before: that one is opened and
 * loaded whole. */
enum policy_source_status policy_source_look(struct policy_source *source,
                                             const struct policy *latest, bool is_replaced,
                                             struct policy_source_next *ret_next,
                                             struct fault *fault);

/* To be called often between looks: lets the file go a moment after the last one, at `now_ms`
 * (monotonic). Whoever opens a file that nobody has open locks the others out for a moment, and so
 * does who is the last to close it; while edits come in a row, that should not hit the next one. */
void policy_source_rest(struct policy_source *source, int64_t now_ms);

/* True when the real-time clock makes a look worthwhile: a rule expires, or the clock was stepped
 * back. */
bool policy_source_is_due(const struct policy_source *source);
