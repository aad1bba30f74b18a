/* tests/unit/base/log_ring_test.c - records leave the ring in order, whole, each one once; a full
 * ring counts. */
#include "base/log_ring.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

static struct log_ring *new_ring(void)
{
    struct log_ring *ring = calloc(1, sizeof(*ring));
    assert_non_null(ring);
    return ring;
}

static bool put(struct log_ring *ring, int64_t number)
{
    struct log_record *record = log_ring_claim(ring);
    if (record == NULL)
        return false;
    log_record_start(record, "test");
    log_record_number(record, "number", number);
    log_record_bytes(record, "copy", &number, sizeof(number));
    log_ring_publish(ring);
    return true;
}

/* The number of the oldest record, which must be whole; -1 where there is none. */
static int64_t take(struct log_ring *ring)
{
    const struct log_record *record = log_ring_peek(ring);
    if (record == NULL)
        return -1;
    int64_t number = record->fields[0].number;
    assert_int_equal(record->field_count, 2);
    assert_memory_equal(record->values, &number, sizeof(number));
    log_ring_release(ring);
    return number;
}

static void an_empty_ring_has_nothing(void **state)
{
    (void)state;
    struct log_ring *ring = new_ring();
    assert_null(log_ring_peek(ring));
    assert_non_null(log_ring_claim(ring)); /* claimed, not published */
    assert_null(log_ring_peek(ring));
    free(ring);
}

static void keeps_the_order(void **state)
{
    (void)state;
    struct log_ring *ring = new_ring();
    int64_t written = 0, read = 0;
    for (int round = 0; round < 10; round++) { /* 10 * 100 go round the ring three times */
        for (int i = 0; i < 100; i++)
            assert_true(put(ring, written++));
        for (int i = 0; i < 100; i++)
            assert_int_equal(take(ring), read++);
        assert_int_equal(take(ring), -1);
    }
    assert_int_equal(atomic_load(&ring->dropped), 0);
    free(ring);
}

static void peek_keeps_the_record(void **state)
{
    (void)state;
    struct log_ring *ring = new_ring();
    assert_true(put(ring, 1));
    assert_true(put(ring, 2));
    assert_ptr_equal(log_ring_peek(ring), log_ring_peek(ring));
    assert_int_equal(take(ring), 1);
    assert_int_equal(take(ring), 2);
    free(ring);
}

static void a_full_ring_drops_and_counts(void **state)
{
    (void)state;
    struct log_ring *ring = new_ring();
    for (int i = 0; i < LOG_RING_RECORDS; i++)
        assert_true(put(ring, i));
    for (int i = 0; i < 3; i++)
        assert_false(put(ring, 1000));
    assert_int_equal(atomic_load(&ring->dropped), 3);
    assert_int_equal(take(ring), 0);
    assert_true(put(ring, LOG_RING_RECORDS)); /* one place is free again */
    assert_false(put(ring, 1000));
    for (int i = 1; i <= LOG_RING_RECORDS; i++)
        assert_int_equal(take(ring), i); /* the oldest stayed, the dropped ones are gone */
    assert_int_equal(take(ring), -1);
    assert_int_equal(atomic_load(&ring->dropped), 4);
    free(ring);
}

enum { THREADED_RECORDS = 20000 };

static void *produce(void *argument)
{
    for (int64_t i = 0; i < THREADED_RECORDS; i++)
        (void)put(argument, i); /* a drop is counted by the ring */
    return NULL;
}

static void two_threads(void **state)
{
    (void)state;
    struct log_ring *ring = new_ring();
    pthread_t producer;
    uint64_t seen = 0;
    int64_t last = -1;
    assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
    /* Each record was either read or dropped. */
    while (seen + atomic_load(&ring->dropped) < THREADED_RECORDS) {
        int64_t number = take(ring);
        if (number < 0) {
            (void)sched_yield(); /* cannot fail on Linux */
            continue;
        }
        assert_true(number > last);
        last = number;
        seen++;
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(take(ring), -1);
    assert_int_equal(seen + atomic_load(&ring->dropped), THREADED_RECORDS);
    assert_true(seen >= LOG_RING_RECORDS);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_has_nothing),
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(peek_keeps_the_record),
        cmocka_unit_test(a_full_ring_drops_and_counts),
        cmocka_unit_test(two_threads),
    };
    return cmocka_run_group_tests_name("log_ring", tests, NULL, NULL);
}
