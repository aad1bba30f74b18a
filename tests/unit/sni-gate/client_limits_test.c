/* tests/unit/sni-gate/client_limits_test.c - who may have how many connections. */
#include "sni-gate/client_limits.h"

#include "base/text.h"
#include "unit.h"

#include <pthread.h>

enum { MOST = 1000 };

static struct ip_address address_of(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

static enum reason enter(struct client_limits *limits, const char *client,
                         const struct limit_terms *terms)
{
    struct ip_address address = address_of(client);
    return client_limits_enter(limits, &address, terms);
}

static void leave(struct client_limits *limits, const char *client)
{
    struct ip_address address = address_of(client);
    client_limits_leave(limits, &address);
}

static void bounds_all_connections(void **state)
{
    (void)state;
    struct client_limits *limits = client_limits_new(MOST);
    struct limit_terms terms = { .connections = 2 };
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
    assert_int_equal(enter(limits, "10.0.0.2", &terms), REASON_ALLOWED);
    assert_int_equal(enter(limits, "10.0.0.3", &terms), REASON_TOO_MANY_CONNECTIONS);
    assert_int_equal(client_limits_count(limits), 2);
    leave(limits, "10.0.0.1");
    assert_int_equal(enter(limits, "10.0.0.3", &terms), REASON_ALLOWED);
    terms.connections = 0; /* as many as there are descriptors for */
    assert_int_equal(client_limits_most(limits, &terms), MOST);
    terms.connections = 2 * MOST;
    assert_int_equal(client_limits_most(limits, &terms), MOST);
    client_limits_free(limits);
}

static void bounds_each_client(void **state)
{
    (void)state;
    struct client_limits *limits = client_limits_new(MOST);
    const struct limit_terms terms = { .connections_per_client = 3 };
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_TOO_MANY_OF_CLIENT);
    assert_int_equal(enter(limits, "10.0.0.2", &terms), REASON_ALLOWED);
    leave(limits, "10.0.0.1");
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
    client_limits_free(limits);
}

static void a_client_over_ipv6_is_its_64(void **state)
{
    (void)state;
    struct client_limits *limits = client_limits_new(MOST);
    const struct limit_terms terms = { .connections_per_client = 1 };
    assert_int_equal(enter(limits, "2001:db8::1", &terms), REASON_ALLOWED);
    assert_int_equal(enter(limits, "2001:db8::2", &terms), REASON_TOO_MANY_OF_CLIENT);
    assert_int_equal(enter(limits, "2001:db8:0:1::1", &terms), REASON_ALLOWED);
    client_limits_free(limits);
}

static void bounds_handshakes_a_second(void **state)
{
    (void)state;
    struct client_limits *limits = client_limits_new(MOST);
    struct limit_terms terms = { .handshakes_per_client = 2, .now_s = 7 };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
        leave(limits, "10.0.0.1");
    }
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_TOO_MANY_HANDSHAKES);
    assert_int_equal(enter(limits, "10.0.0.2", &terms), REASON_ALLOWED);
    terms.now_s = 8;
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
    assert_int_equal(client_limits_count(limits), 2);
    client_limits_free(limits);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *come_and_go(void *context)
{
    struct client_limits *limits = context;
    const struct limit_terms terms = { .connections = THREADS / 2 };
    struct ip_address client = { .family = 4, .bytes = { 10, 0, 0, 1 } };
    for (int i = 0; i < ROUNDS; i++)
        if (client_limits_enter(limits, &client, &terms) == REASON_ALLOWED)
            client_limits_leave(limits, &client);
    return NULL;
}

/* Nothing is lost between threads: in the end nobody is counted. */
static void counts_across_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    struct client_limits *limits = client_limits_new(MOST);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, limits), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(client_limits_count(limits), 0);
    const struct limit_terms terms = { .connections_per_client = 1 };
    assert_int_equal(enter(limits, "10.0.0.1", &terms), REASON_ALLOWED);
    client_limits_free(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_all_connections),
        cmocka_unit_test(bounds_each_client),
        cmocka_unit_test(a_client_over_ipv6_is_its_64),
        cmocka_unit_test(bounds_handshakes_a_second),
        cmocka_unit_test(counts_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
