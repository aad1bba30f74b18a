/* tests/unit/resolver/query_limit_test.c - what is left of a client's queries, and who shares them.
 */
#include "resolver/query_limit.h"

#include "unit.h"

enum { PER_SECOND = 3 };

static struct query_asker asker_of(const struct ip_address *address, bool is_proven, int64_t now_s)
{
    return (struct query_asker){ address, is_proven, now_s };
}

static void refuses_past_the_share_and_drops_past_many(void **state)
{
    (void)state;
    struct query_limit *limit = query_limit_new();
    struct ip_address client = { 4, { 192, 0, 2, 1 } };
    struct query_asker asker = asker_of(&client, false, 1000);
    assert_non_null(limit);
    for (int i = 0; i < PER_SECOND; i++)
        assert_int_equal(query_limit_take(limit, &asker, PER_SECOND), QUERY_SHARE_LEFT);
    for (int i = 0; i < QUERY_LIMIT_REFUSALS * PER_SECOND; i++)
        assert_int_equal(query_limit_take(limit, &asker, PER_SECOND), QUERY_SHARE_SPENT);
    assert_int_equal(query_limit_take(limit, &asker, PER_SECOND), QUERY_SHARE_FLOODED);
    asker.now_s++;
    assert_int_equal(query_limit_take(limit, &asker, PER_SECOND), QUERY_SHARE_LEFT);
    query_limit_free(limit);
    query_limit_free(NULL);
}

static void forged_queries_take_nothing_of_proven_ones(void **state)
{
    (void)state;
    struct query_limit *limit = query_limit_new();
    struct ip_address client = { 4, { 192, 0, 2, 1 } }, other = { 4, { 192, 0, 2, 2 } };
    struct query_asker forged = asker_of(&client, false, 1000);
    struct query_asker proven = asker_of(&client, true, 1000);
    struct query_asker neighbour = asker_of(&other, false, 1000);
    for (int i = 0; i < 100 * PER_SECOND; i++)
        (void)query_limit_take(limit, &forged, PER_SECOND);
    assert_int_equal(query_limit_take(limit, &forged, PER_SECOND), QUERY_SHARE_FLOODED);
    assert_int_equal(query_limit_take(limit, &proven, PER_SECOND), QUERY_SHARE_LEFT);
    assert_int_equal(query_limit_take(limit, &neighbour, PER_SECOND), QUERY_SHARE_LEFT);
    query_limit_free(limit);
}

int main(void)
{
    struct tests tests = { 0 };
    tests_add_row(&tests, "past the share", NULL, refuses_past_the_share_and_drops_past_many);
    tests_add_row(&tests, "forged ones", NULL, forged_queries_take_nothing_of_proven_ones);
    return tests_run(&tests, "query_limit");
}
