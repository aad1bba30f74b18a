/* policy/decision_ring.h - the last decisions of one worker, for people to look at. Rings of fixed
 * size: the newest takes the place of the oldest. All of it belongs to one thread. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"
#include "policy/verdict.h"

#include <stddef.h>

enum {
    DECISION_RING_PLACES = 256,
    /* Of questions to the resolver, a second: who asks how much is for counters to tell. */
    DECISION_ALLOWED_PER_SECOND = 16,
    DECISION_DENIED_PER_SECOND = 64,
};

/* Copied, so it needs nothing else to be told. */
struct recent_decision {
    int64_t time_us;     /* Unix microseconds: what follows within a millisecond keeps its order */
    bool is_connection;  /* else a question to the resolver */
    const char *outcome; /* a literal */
    struct ip_address client;
    uint16_t port; /* 0: none is to be mentioned */
    bool has_name;
    struct host_name name;
    struct verdict verdict;
};

/* Empty when zeroed. */
struct decision_ring {
    uint64_t count; /* ever added */
    struct recent_decision place[DECISION_RING_PLACES];
};

/* The place of a new one, to be filled whole. */
struct recent_decision *decision_ring_add(struct decision_ring *ring);

/* How many it holds, and the one that was added `age` decisions before the newest. */
size_t decision_ring_count(const struct decision_ring *ring);
const struct recent_decision *decision_ring_at(const struct decision_ring *ring, size_t age);

/* The first of each second are taken, the others cost a compare. */
struct decision_quota {
    int64_t second_s;
    uint32_t taken;
};

static inline bool decision_quota_take(struct decision_quota *quota, int64_t now_s,
                                       uint32_t per_second)
{
    if (now_s != quota->second_s)
        *quota = (struct decision_quota){ .second_s = now_s };
    if (quota->taken >= per_second)
        return false;
    quota->taken++;
    return true;
}

/* Apart, so that no flood of what is allowed pushes out what is not. */
struct recent_decisions {
    struct decision_ring allowed;
    struct decision_ring others; /* denied, only observed, failed, revoked */
};
