/* policy/policy_feed.c - one policy published to many threads. */
#include "policy/policy_feed.h"
#include "policy/policy.h"

void policy_feed_init(struct policy_feed *feed, struct policy *first)
{
    (void)pthread_mutex_init(&feed->lock, NULL); /* cannot fail for a default mutex on Linux */
    feed->latest = first;
    atomic_init(&feed->generation, 1);
}

void policy_feed_release(struct policy_feed *feed)
{
    feed->latest = policy_unref(feed->latest);
    (void)pthread_mutex_destroy(&feed->lock);
}

void policy_feed_publish(struct policy_feed *feed, struct policy *next)
{
    (void)pthread_mutex_lock(&feed->lock);
    struct policy *superseded = feed->latest;
    feed->latest = next;
    atomic_fetch_add_explicit(&feed->generation, 1, memory_order_release);
    (void)pthread_mutex_unlock(&feed->lock);
    policy_unref(superseded);
}

struct policy *policy_feed_latest(struct policy_feed *feed)
{
    (void)pthread_mutex_lock(&feed->lock);
    struct policy *latest = policy_ref(feed->latest);
    (void)pthread_mutex_unlock(&feed->lock);
    return latest;
}

void policy_view_init(struct policy_view *view, struct policy_feed *feed)
{
    *view = (struct policy_view){ .feed = feed };
}

void policy_view_release(struct policy_view *view)
{
    view->current = policy_unref(view->current);
}

static void refresh(struct policy_view *view)
{
    (void)pthread_mutex_lock(&view->feed->lock);
    struct policy *next = policy_ref(view->feed->latest);
    view->generation = atomic_load_explicit(&view->feed->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&view->feed->lock);
    policy_unref(view->current);
    view->current = next;
}

const struct policy *policy_view_get(struct policy_view *view)
{
    if (atomic_load_explicit(&view->feed->generation, memory_order_acquire) != view->generation)
        refresh(view);
    return view->current;
}
