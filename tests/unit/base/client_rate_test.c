/* tests/unit/base/client_rate_test.c - how often clients came in a second. */
#include "base/client_rate.h"
#include "unit.h"

#include <pthread.h>

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

static void counts_each_second_anew(void **state)
{
    (void)state;
    struct client_rate *rate = client_rate_new();
    struct ip_address client = address_of("192.0.2.1");
    assert_non_null(rate);
    for (uint32_t before = 0; before < 5; before++)
        assert_int_equal(client_rate_count(rate, &client, 1000), before);
    assert_int_equal(client_rate_count(rate, &client, 1001), 0);
    assert_int_equal(client_rate_count(rate, &client, 1001), 1);
    assert_int_equal(client_rate_count(rate, &client, 900), 0); /* a clock that was set back */
    client_rate_free(rate);
    client_rate_free(NULL);
}

static const struct row {
    const char *name, *left, *right;
    bool is_one;
} rows[] = {
    { "two of IPv4", "192.0.2.1", "192.0.2.2", false },
    { "one /64", "2001:db8::1", "2001:db8::ffff:1", true },
    { "two /64", "2001:db8::1", "2001:db8:0:1::1", false },
    { "the same bytes of another family", "192.0.2.1", "c000:201::", false },
};

static void tells_clients_apart(void **state)
{
    const struct row *row = *state;
    struct client_rate *rate = client_rate_new();
    struct ip_address left = address_of(row->left), right = address_of(row->right);
    assert_non_null(rate);
    assert_int_equal(client_rate_count(rate, &left, 1000), 0);
    assert_int_equal(client_rate_count(rate, &right, 1000), row->is_one ? 1 : 0);
    client_rate_free(rate);
}

enum { THREADS = 4, TIMES = 10000 };

static void *count_often(void *context)
{
    struct ip_address client = address_of("192.0.2.1");
    for (int i = 0; i < TIMES; i++)
        (void)client_rate_count(context, &client, 1000);
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct client_rate *rate = client_rate_new();
    struct ip_address client = address_of("192.0.2.1");
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_often, rate), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(client_rate_count(rate, &client, 1000), THREADS * TIMES);
    client_rate_free(rate);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, tells_clients_apart);
    tests_add_row(&tests, "each second anew", NULL, counts_each_second_anew);
    tests_add_row(&tests, "threads lose no count", NULL, threads_lose_no_count);
    return tests_run(&tests, "client_rate");
}
