/* policy/decision_ring.h - the last decisions of one worker, for people to look at. A ring of fixed
 * size: the newest takes the place of the oldest. Belongs to one thread. */
#pragma once
#include "base/address.h"
#include "policy/host_name.h"
#include "policy/verdict.h"

#include <stddef.h>

enum { DECISION_RING_PLACES = 256 };

/* Copied, so it needs nothing else to be told. */
struct recent_decision {
    int64_t time_ms;     /* Unix milliseconds */
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
