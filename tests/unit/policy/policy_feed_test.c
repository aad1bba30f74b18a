/* tests/unit/policy/policy_feed_test.c - one thread publishes, others read: each sees whole
 * policies, never an older one again, and at last the last. */
#include "policies.h"
#include "policy/policy_feed.h"

#include <sched.h>

enum { READERS = 3, PUBLISHED = 300 };

static struct policy *numbered(uint64_t version)
{
    struct settings settings = settings_default();
    char line[64];
    struct text text = text_in(line, sizeof(line));
    text_add_format(&text, "allow n%llu.example", (unsigned long long)version);
    struct compiled_rule rule = rule_of(line, (int64_t)version);
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_non_null(builder);
    assert_true(policy_builder_add(builder, &rule));
    return policy_builder_finish(builder, &settings, version);
}

/* Allows the one name of its version. */
static bool is_whole(const struct policy *policy)
{
    char name[64];
    struct text text = text_in(name, sizeof(name));
    text_add_format(&text, "n%llu.example", (unsigned long long)policy_version(policy));
    struct verdict verdict = decide_on(policy, name, 443, 0);
    return verdict.decision == DECISION_ALLOW && verdict.rule_id == (int64_t)policy_version(policy);
}

static void a_view_follows(void **state)
{
    (void)state;
    struct policy_feed feed;
    struct policy_view view;
    policy_feed_init(&feed, numbered(1));
    policy_view_init(&view, &feed);
    const struct policy *first = policy_view_get(&view);
    assert_int_equal(policy_version(first), 1);
    assert_ptr_equal(policy_view_get(&view), first);
    policy_feed_publish(&feed, numbered(2));
    assert_int_equal(policy_version(first), 1); /* the view still holds it */
    policy_feed_publish(&feed, numbered(3));
    assert_int_equal(policy_version(policy_view_get(&view)), 3);
    policy_view_release(&view);
    policy_feed_release(&feed);
}

static void the_latest_is_the_callers(void **state)
{
    (void)state;
    struct policy_feed feed;
    policy_feed_init(&feed, numbered(1));
    struct policy *latest = policy_feed_latest(&feed);
    policy_feed_publish(&feed, numbered(2));
    policy_feed_release(&feed);
    assert_true(is_whole(latest));
    assert_int_equal(policy_version(latest), 1);
    policy_unref(latest);
}

static void an_unused_view_is_released(void **state)
{
    (void)state;
    struct policy_feed feed;
    struct policy_view view;
    policy_feed_init(&feed, numbered(1));
    policy_view_init(&view, &feed);
    policy_view_release(&view);
    policy_feed_release(&feed);
}

struct reader_thread {
    pthread_t thread;
    struct policy_feed *feed;
    uint64_t broken_count; /* policies that were older than one before, or not whole */
};

static void *read_until_the_last(void *argument)
{
    struct reader_thread *reader = argument;
    struct policy_view view;
    uint64_t last = 0;
    policy_view_init(&view, reader->feed);
    while (last < PUBLISHED) {
        const struct policy *policy = policy_view_get(&view);
        if (policy_version(policy) == last) {
            (void)sched_yield(); /* cannot fail on Linux */
            continue;
        }
        reader->broken_count += policy_version(policy) < last || !is_whole(policy);
        last = policy_version(policy);
        struct policy *latest = policy_feed_latest(reader->feed);
        reader->broken_count += policy_version(latest) < last;
        policy_unref(latest);
    }
    policy_view_release(&view);
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    struct policy_feed feed;
    struct reader_thread readers[READERS];
    policy_feed_init(&feed, numbered(1));
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader_thread){ .feed = &feed };
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_until_the_last, &readers[i]),
                         0);
    }
    for (uint64_t version = 2; version <= PUBLISHED; version++)
        policy_feed_publish(&feed, numbered(version));
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].broken_count, 0);
    }
    policy_feed_release(&feed);
}

/* As the policy thread works: edits on what is latest, while readers decide on shared bases. */
static void edits_are_published(void **state)
{
    (void)state;
    struct policy_feed feed;
    struct reader_thread reader = { .feed = &feed };
    policy_feed_init(&feed, numbered(1));
    assert_int_equal(pthread_create(&reader.thread, NULL, read_until_the_last, &reader), 0);
    for (int64_t version = 2; version <= PUBLISHED; version++) {
        struct policy *latest = policy_feed_latest(&feed);
        char line[64];
        struct text text = text_in(line, sizeof(line));
        text_add_format(&text, "allow n%lld.example", (long long)version);
        struct rule_change changes[] = {
            { .id = version - 1 },
            { .id = version, .is_in_force = true, .rule = rule_of(line, version) },
        };
        struct rule_ids touched;
        struct policy *next =
            policy_with_changes(latest, changes, COUNT(changes), policy_settings(latest), &touched);
        assert_non_null(next);
        free(touched.id);
        policy_unref(latest);
        policy_feed_publish(&feed, next);
    }
    assert_int_equal(pthread_join(reader.thread, NULL), 0);
    assert_int_equal(reader.broken_count, 0);
    policy_feed_release(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_view_follows),
        cmocka_unit_test(the_latest_is_the_callers),
        cmocka_unit_test(an_unused_view_is_released),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(edits_are_published),
    };
    return cmocka_run_group_tests_name("policy_feed", tests, NULL, NULL);
}
