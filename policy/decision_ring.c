/* policy/decision_ring.c - the last decisions of one worker. */
#include "policy/decision_ring.h"

#include <assert.h>

struct recent_decision *decision_ring_add(struct decision_ring *ring)
{
    return &ring->place[ring->count++ % DECISION_RING_PLACES];
}

size_t decision_ring_count(const struct decision_ring *ring)
{
    return ring->count < DECISION_RING_PLACES ? (size_t)ring->count : DECISION_RING_PLACES;
}

const struct recent_decision *decision_ring_at(const struct decision_ring *ring, size_t age)
{
    assert(age < decision_ring_count(ring));
    return &ring->place[(ring->count - 1 - age) % DECISION_RING_PLACES];
}
