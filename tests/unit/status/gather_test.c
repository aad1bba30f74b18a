/* tests/unit/status/gather_test.c - one question at a time, shared by whoever asks it; whoever
 * leaves takes it along. */
#include "status/gather.h"
#include "unit.h"

#include <stdlib.h>

/* A source that answers when it is told to, and those who wait for it. */
struct scene {
    struct gather_queue queue;
    struct status_request *with_source;
    int asked_count;
    bool answers_at_once;
};

struct asker {
    struct gather_waiter waiter;
    int told_count;
    bool has_data;
    uint64_t version;
};

static void ask_source(void *context, struct status_request *request)
{
    struct scene *scene = context;
    assert_null(scene->with_source);
    scene->asked_count++;
    request->data->health.policy_version = (uint64_t)scene->asked_count;
    request->data->health.version = arena_copy(&request->data->health.arena, "text");
    if (scene->answers_at_once) {
        status_answer(request);
        return;
    }
    scene->with_source = request;
}

static void answer(struct scene *scene)
{
    struct status_request *request = scene->with_source;
    assert_non_null(request);
    scene->with_source = NULL;
    status_answer(request);
}

static void on_done(struct gather_waiter *waiter, const struct status_data *data)
{
    struct asker *asker = (struct asker *)waiter;
    asker->told_count++;
    asker->has_data = data != NULL;
    asker->version = data != NULL ? data->health.policy_version : 0;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->queue.source = (struct status_source){ scene, ask_source, NULL };
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void join(struct scene *scene, struct asker *asker, unsigned parts)
{
    struct status_query query = { .parts = parts };
    asker->waiter.on_done = on_done;
    assert_true(gather_join(&scene->queue, &query, &asker->waiter));
}

static void equal_questions_share_an_answer(void **state)
{
    struct scene *scene = *state;
    struct asker asker[3] = { 0 };
    join(scene, &asker[0], STATUS_HEALTH);
    join(scene, &asker[1], STATUS_HEALTH);
    join(scene, &asker[2], STATUS_HEALTH);
    assert_int_equal(scene->asked_count, 1);
    answer(scene);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(asker[i].told_count, 1);
        assert_int_equal(asker[i].version, 1);
    }
    join(scene, &asker[0], STATUS_HEALTH); /* what was answered is old */
    answer(scene);
    assert_int_equal(asker[0].version, 2);
}

static void others_wait_for_their_turn(void **state)
{
    struct scene *scene = *state;
    struct asker asker[4] = { 0 };
    join(scene, &asker[0], STATUS_HEALTH);
    join(scene, &asker[1], STATUS_METRICS);
    join(scene, &asker[2], STATUS_RULES);
    join(scene, &asker[3], STATUS_METRICS);
    assert_int_equal(scene->asked_count, 1);
    answer(scene);
    assert_int_equal(scene->asked_count, 2);
    assert_int_equal(scene->with_source->query.parts, STATUS_METRICS);
    answer(scene);
    answer(scene);
    assert_int_equal(scene->asked_count, 3);
    assert_int_equal(asker[1].version, 2);
    assert_int_equal(asker[2].version, 3);
    assert_int_equal(asker[3].version, 2);
}

static void a_source_may_answer_at_once(void **state)
{
    struct scene *scene = *state;
    struct asker asker[2] = { 0 };
    scene->answers_at_once = true;
    join(scene, &asker[0], STATUS_HEALTH);
    join(scene, &asker[1], STATUS_HEALTH);
    assert_int_equal(asker[0].version, 1);
    assert_int_equal(asker[1].version, 2);
}

static void whoever_leaves_is_not_told(void **state)
{
    struct scene *scene = *state;
    struct asker asker[3] = { 0 };
    join(scene, &asker[0], STATUS_HEALTH);
    join(scene, &asker[1], STATUS_HEALTH);
    join(scene, &asker[2], STATUS_RULES);
    gather_leave(&scene->queue, &asker[0].waiter);
    assert_false(atomic_load(&scene->with_source->is_abandoned));
    gather_leave(&scene->queue, &asker[1].waiter);
    gather_leave(&scene->queue, &asker[1].waiter); /* safe twice */
    assert_true(atomic_load(&scene->with_source->is_abandoned));
    gather_leave(&scene->queue, &asker[2].waiter); /* its question is never asked */
    answer(scene);
    assert_int_equal(scene->asked_count, 1);
    assert_int_equal(asker[0].told_count + asker[1].told_count + asker[2].told_count, 0);
}

/* Parts of an abandoned answer may be missing, so nobody gets it. */
static void an_abandoned_question_is_asked_anew(void **state)
{
    struct scene *scene = *state;
    struct asker asker[2] = { 0 };
    join(scene, &asker[0], STATUS_HEALTH);
    gather_leave(&scene->queue, &asker[0].waiter);
    join(scene, &asker[1], STATUS_HEALTH);
    assert_int_equal(scene->asked_count, 1);
    answer(scene);
    assert_int_equal(asker[1].told_count, 0);
    answer(scene);
    assert_int_equal(asker[1].version, 2);
}

static void the_end_tells_all_and_the_source_may_answer_later(void **state)
{
    struct scene *scene = *state;
    struct asker asker[2] = { 0 };
    join(scene, &asker[0], STATUS_HEALTH);
    join(scene, &asker[1], STATUS_RULES);
    gather_end(&scene->queue);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(asker[i].told_count, 1);
        assert_false(asker[i].has_data);
    }
    assert_true(atomic_load(&scene->with_source->is_abandoned));
    answer(scene); /* frees it */
    assert_int_equal(scene->asked_count, 1);
}

int main(void)
{
#define SCENE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE_TEST(equal_questions_share_an_answer),
        SCENE_TEST(others_wait_for_their_turn),
        SCENE_TEST(a_source_may_answer_at_once),
        SCENE_TEST(whoever_leaves_is_not_told),
        SCENE_TEST(an_abandoned_question_is_asked_anew),
        SCENE_TEST(the_end_tells_all_and_the_source_may_answer_later),
    };
    return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
