/* tests/unit/upstream/name_cache_test.c - how long answers live, who is told, and what bridges a
 * failing DNS. The clock is the test's; the DNS server is in its loop. */
#include "upstream/name_cache.h"

#include "fake_dns.h"
#include "policy/host_name.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t clock_ms;

static int64_t fake_clock(void)
{
    return clock_ms;
}

struct fixture {
    uv_loop_t loop;
    struct fake_dns dns;
    struct dns_channel *channel;
    struct name_cache *cache;
};

/* One look-up and what it was told. */
struct asker {
    struct name_lookup lookup;
    unsigned answers;
    struct name_answer v6, v4;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fault fault;
    clock_ms = 1000000;
    uv_loop_init(&fixture->loop);
    fake_dns_start(&fixture->dns, &fixture->loop);
    fixture->channel = dns_channel_new(&fixture->loop, &fixture->dns.endpoint, 1, &fault);
    fixture->cache = name_cache_new(fixture->channel, fake_clock);
    assert_non_null(fixture->cache);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    name_cache_free(fixture->cache);
    dns_channel_free(fixture->channel);
    fake_dns_stop(&fixture->dns);
    finish_loop(&fixture->loop);
    free(fixture);
    return 0;
}

static void note_answer(struct name_lookup *lookup, const struct name_answer *answer)
{
    struct asker *asker = (struct asker *)((char *)lookup - offsetof(struct asker, lookup));
    asker->answers++;
    *(answer->family == 6 ? &asker->v6 : &asker->v4) = *answer;
    assert_int_equal(lookup->pending, 2 - asker->answers);
}

static void ask(struct fixture *fixture, struct asker *asker, const char *text)
{
    struct host_name name;
    *asker = (struct asker){ 0 };
    assert_int_equal(host_name_parse(text, strlen(text), &name), HOST_NAME_OK);
    name_cache_look_up(fixture->cache, &name, &asker->lookup, note_answer);
}

static void await(struct fixture *fixture, const struct asker *asker, unsigned answers)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (asker->answers < answers) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(asker->answers, answers);
}

/* Asks for api.test and waits for both families. */
static struct asker look_up(struct fixture *fixture)
{
    struct asker asker;
    ask(fixture, &asker, "api.test");
    await(fixture, &asker, 2);
    return asker;
}

/* Questions that reached the server since the last call. */
static unsigned new_questions(struct fixture *fixture)
{
    unsigned count = fixture->dns.question_count;
    fixture->dns.question_count = 0;
    return count;
}

static void answers_live_by_their_ttl(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.ttl_s = 5;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    fake_dns_add(&fixture->dns, "2001:db8::1");
    assert_int_equal(look_up(fixture).lookup.status, NAME_HAS_ADDRESSES);
    assert_int_equal(new_questions(fixture), 2);
    clock_ms += 4999;
    struct asker asker;
    ask(fixture, &asker, "api.test");
    assert_int_equal(asker.answers, 2); /* at once */
    assert_int_equal(asker.v4.address_count, 1);
    assert_int_equal(asker.v6.address_count, 1);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_HITS), 2);
    clock_ms += 1;
    look_up(fixture);
    assert_int_equal(new_questions(fixture), 2);
}

/* Asked again after `seconds`, but not a moment before. */
static void expect_life(struct fixture *fixture, int seconds)
{
    look_up(fixture);
    new_questions(fixture);
    clock_ms += seconds * 1000 - 1;
    look_up(fixture);
    assert_int_equal(new_questions(fixture), 0);
    clock_ms += 1;
    look_up(fixture);
    assert_true(new_questions(fixture) >= 2); /* c-ares asks twice where it fails */
}

static void ttl_of_zero_lives_a_second(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.ttl_s = fixture->dns.negative_ttl_s = 0;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    expect_life(fixture, NAME_CACHE_TTL_MIN_S);
}

static void long_ttl_lives_an_hour(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.ttl_s = 1000000;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    fake_dns_add(&fixture->dns, "2001:db8::1");
    expect_life(fixture, NAME_CACHE_TTL_MAX_S);
}

static void absence_lives_by_the_soa(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_NXDOMAIN;
    fixture->dns.negative_ttl_s = 7;
    expect_life(fixture, 7);
}

static void absence_lives_a_minute_at_most(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.negative_ttl_s = 1000000;
    expect_life(fixture, NAME_CACHE_NEGATIVE_MAX_S);
}

static void failure_lives_a_second(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_SERVFAIL;
    expect_life(fixture, NAME_CACHE_FAILURE_S);
}

static void tells_four_things_apart(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_NXDOMAIN;
    fixture->dns.negative_ttl_s = 0;
    assert_int_equal(look_up(fixture).lookup.status, NAME_DOES_NOT_EXIST);
    clock_ms += 1000;
    fixture->dns.rcode = 0;
    assert_int_equal(look_up(fixture).lookup.status, NAME_HAS_NO_ADDRESS);
    clock_ms += 1000;
    fixture->dns.rcode = FAKE_DNS_SERVFAIL;
    assert_int_equal(look_up(fixture).lookup.status, NAME_FAILED);
    clock_ms += 1000;
    fixture->dns.rcode = 0;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    assert_int_equal(look_up(fixture).lookup.status, NAME_HAS_ADDRESSES);
}

static void many_askers_cause_one_query(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[50];
    fake_dns_add(&fixture->dns, "192.0.2.1");
    for (size_t i = 0; i < COUNT(askers); i++)
        ask(fixture, &askers[i], "api.test");
    for (size_t i = 0; i < COUNT(askers); i++) {
        await(fixture, &askers[i], 2);
        assert_int_equal(askers[i].v4.address_count, 1);
    }
    assert_int_equal(new_questions(fixture), 2);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_QUERIES), 2);
}

static void cancelled_asker_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct asker first, second;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    ask(fixture, &first, "api.test");
    ask(fixture, &second, "api.test");
    name_lookup_cancel(&first.lookup);
    name_lookup_cancel(&first.lookup);
    await(fixture, &second, 2);
    assert_int_equal(first.answers, 0);
}

static void silent_family_does_not_delay_the_other(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    fixture->dns.silent_family = 6;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    ask(fixture, &asker, "api.test");
    await(fixture, &asker, 1);
    assert_int_equal(asker.v4.address_count, 1);
    assert_int_equal(asker.lookup.pending, 1);
    name_lookup_cancel(&asker.lookup);
}

static void addresses_take_turns(void **state)
{
    struct fixture *fixture = *state;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    fake_dns_add(&fixture->dns, "192.0.2.2");
    fake_dns_add(&fixture->dns, "192.0.2.3");
    for (unsigned i = 0; i < 6; i++) {
        struct asker asker = look_up(fixture);
        assert_int_equal(asker.v4.address_count, 3);
        assert_int_equal(asker.v4.address[0].bytes[3], 1 + i % 3);
        assert_int_equal(asker.v4.address[2].bytes[3], 1 + (i + 2) % 3);
    }
}

/* An answer that has expired, and a DNS that fails from now on. */
static void lose_the_dns(struct fixture *fixture, int rcode)
{
    fake_dns_add(&fixture->dns, "192.0.2.1");
    fake_dns_add(&fixture->dns, "2001:db8::1");
    look_up(fixture);
    fixture->dns.rcode = rcode;
    clock_ms += 60 * 1000;
    new_questions(fixture);
}

static void stale_addresses_bridge_a_failing_dns(void **state)
{
    struct fixture *fixture = *state;
    lose_the_dns(fixture, FAKE_DNS_SERVFAIL);
    struct asker asker = look_up(fixture);
    assert_true(asker.v4.is_stale && asker.v6.is_stale);
    assert_int_equal(asker.v4.address_count, 1);
    assert_int_equal(asker.lookup.status, NAME_HAS_ADDRESSES);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_STALE), 2);
    assert_true(new_questions(fixture) >= 2);
    clock_ms += NAME_CACHE_STALE_RETRY_S * 1000 - 1;
    look_up(fixture);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_QUERIES), 4); /* not so soon */

    fixture->dns.rcode = 0;
    clock_ms += 1;
    assert_true(look_up(fixture).v4.is_stale); /* answered at once; asks meanwhile */
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (look_up(fixture).v4.is_stale || look_up(fixture).v6.is_stale) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(new_questions(fixture), 2);
}

static void stale_addresses_end_after_an_hour(void **state)
{
    struct fixture *fixture = *state;
    lose_the_dns(fixture, FAKE_DNS_SERVFAIL);
    clock_ms += NAME_CACHE_STALE_S * 1000 - 1;
    assert_true(look_up(fixture).v4.is_stale);
    clock_ms += 1;
    assert_int_equal(look_up(fixture).lookup.status, NAME_FAILED);
}

static void name_that_ceased_to_exist_is_not_stale(void **state)
{
    struct fixture *fixture = *state;
    lose_the_dns(fixture, FAKE_DNS_NXDOMAIN);
    assert_int_equal(look_up(fixture).lookup.status, NAME_DOES_NOT_EXIST);
    fixture->dns.rcode = FAKE_DNS_SERVFAIL;
    clock_ms += 60 * 1000;
    assert_int_equal(look_up(fixture).lookup.status, NAME_FAILED);
}

static void stale_addresses_are_told_to_who_will_not_wait(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    lose_the_dns(fixture, FAKE_DNS_SILENT);
    ask(fixture, &asker, "api.test");
    assert_int_equal(asker.answers, 0);
    name_lookup_accept_stale(fixture->cache, &asker.lookup);
    assert_int_equal(asker.answers, 2);
    assert_true(asker.v4.is_stale && asker.v6.is_stale);
    name_lookup_accept_stale(fixture->cache, &asker.lookup);
    assert_int_equal(asker.answers, 2);
}

static void least_recently_asked_for_makes_room(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    char name[32];
    fixture->dns.rcode = FAKE_DNS_NXDOMAIN;
    for (unsigned i = 0; i < NAME_CACHE_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        ask(fixture, &asker, name);
        await(fixture, &asker, 2);
    }
    ask(fixture, &asker, "n0.test"); /* now n1 is the one */
    assert_int_equal(asker.answers, 2);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_EVICTED), 0);
    look_up(fixture);
    assert_int_equal(name_cache_count(fixture->cache, NAME_CACHE_EVICTED), 1);
    new_questions(fixture);
    ask(fixture, &asker, "n0.test");
    assert_int_equal(asker.answers, 2);
    ask(fixture, &asker, "n1.test");
    await(fixture, &asker, 2);
    assert_int_equal(new_questions(fixture), 2);
}

/* Two queries are answered when the cache is gone: nothing may touch its memory. */
static void query_in_flight_outlives_the_cache(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    ask(fixture, &asker, "api.test");
    name_lookup_cancel(&asker.lookup);
    name_cache_free(fixture->cache);
    fixture->cache = NULL;
    while (fixture->dns.question_count < 2) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    for (int turn = 0; turn < 10; turn++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    assert_int_equal(asker.answers, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

/* What providers do that have many addresses and tell of a few. */
static void addresses_of_before_are_recent(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.ttl_s = 5;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    fake_dns_add(&fixture->dns, "192.0.2.2");
    assert_int_equal(look_up(fixture).v4.recent_count, 0);
    fixture->dns.address_count = 0;
    fake_dns_add(&fixture->dns, "192.0.2.2");
    fake_dns_add(&fixture->dns, "192.0.2.3");
    clock_ms += 5000;
    struct asker asker = look_up(fixture);
    assert_int_equal(asker.v4.address_count, 2);
    assert_int_equal(asker.v4.recent_count, 1);
    assert_int_equal(asker.v4.recent[0].bytes[3], 1);
    clock_ms += 4999;
    assert_int_equal(look_up(fixture).v4.recent_count, 1); /* from memory, too */
    clock_ms += RECENT_ADDRESSES_MS;
    assert_int_equal(look_up(fixture).v4.recent_count, 0);
}

/* It has none: what it had is no address of it. */
static void no_address_has_no_recent_ones(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.ttl_s = 5;
    fake_dns_add(&fixture->dns, "192.0.2.1");
    look_up(fixture);
    fixture->dns.address_count = 0;
    clock_ms += 5000;
    struct asker asker = look_up(fixture);
    assert_int_equal(asker.lookup.status, NAME_HAS_NO_ADDRESS);
    assert_int_equal(asker.v4.recent_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_live_by_their_ttl),
        TEST(ttl_of_zero_lives_a_second),
        TEST(long_ttl_lives_an_hour),
        TEST(absence_lives_by_the_soa),
        TEST(absence_lives_a_minute_at_most),
        TEST(failure_lives_a_second),
        TEST(tells_four_things_apart),
        TEST(many_askers_cause_one_query),
        TEST(cancelled_asker_is_not_told),
        TEST(silent_family_does_not_delay_the_other),
        TEST(addresses_take_turns),
        TEST(stale_addresses_bridge_a_failing_dns),
        TEST(stale_addresses_end_after_an_hour),
        TEST(name_that_ceased_to_exist_is_not_stale),
        TEST(stale_addresses_are_told_to_who_will_not_wait),
        TEST(least_recently_asked_for_makes_room),
        TEST(query_in_flight_outlives_the_cache),
        TEST(addresses_of_before_are_recent),
        TEST(no_address_has_no_recent_ones),
    };
    return cmocka_run_group_tests_name("name_cache", tests, NULL, NULL);
}
