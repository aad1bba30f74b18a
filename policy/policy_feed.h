/* policy/policy_feed.h - one policy published to many threads.
 * A reader costs one atomic load per event while nothing changed; the lock is held for a pointer
 * copy. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct policy;

struct policy_feed { /* one per process */
    pthread_mutex_t lock;
    struct policy *latest; /* guarded by lock; owns a reference; never NULL */
    atomic_uint_fast64_t generation;
};

struct policy_view { /* one per reading thread, never shared */
    struct policy_feed *feed;
    struct policy *current; /* owns a reference */
    uint_fast64_t generation;
};

/* Starts with `first`, whose reference it takes over. */
void policy_feed_init(struct policy_feed *feed, struct policy *first);
void policy_feed_release(struct policy_feed *feed);

/* Publishes `next` and takes over the caller's reference. Any thread. */
void policy_feed_publish(struct policy_feed *feed, struct policy *next);
/* The latest policy; the caller owns the reference. Any thread. */
struct policy *policy_feed_latest(struct policy_feed *feed);

/* The feed must outlive the view. */
void policy_view_init(struct policy_view *view, struct policy_feed *feed);
void policy_view_release(struct policy_view *view);
/* The policy for this event: borrowed until the next call; policy_ref() it to keep it longer. */
const struct policy *policy_view_get(struct policy_view *view);
