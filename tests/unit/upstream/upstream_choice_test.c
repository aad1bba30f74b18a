/* tests/unit/upstream/upstream_choice_test.c - which address of a name is dialled, by what is known
 * of the certificates there. */
#include "upstream_fixture.h"

#include <stdio.h>

static enum board_rank certificate_rank(const struct upstream_request *request,
                                        const struct endpoint *endpoint)
{
    const struct fixture *fixture =
        (const struct fixture *)((const char *)request - offsetof(struct fixture, request));
    assert_int_equal(endpoint->port, fixture->port);
    return fixture->ranks[endpoint->address.bytes[3]];
}

/* All are of this rank, until the test says otherwise. */
static void rank_all(struct fixture *fixture, enum board_rank rank)
{
    for (size_t i = 0; i < COUNT(fixture->ranks); i++)
        fixture->ranks[i] = rank;
    fixture->request.rank = certificate_rank;
}

/* A listener on the fixture's port of another address. */
static int listen_at(const struct fixture *fixture, const char *address)
{
    char where[32];
    snprintf(where, sizeof(where), "%s:%u", address, fixture->port);
    return bound_socket(SOCK_STREAM, where);
}

static void good_certificate_comes_first(void **state)
{
    struct fixture *fixture = *state;
    int second = listen_at(fixture, "127.0.0.2"), third = listen_at(fixture, "127.0.0.3");
    rank_all(fixture, BOARD_RANK_BAD);
    fixture->ranks[3] = BOARD_RANK_GOOD;
    fixture->ranks[2] = BOARD_RANK_UNKNOWN;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    fake_dns_add(&fixture->dns, "127.0.0.2");
    fake_dns_add(&fixture->dns, "127.0.0.3");
    assert_int_equal(reach(fixture), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.3", ADDRESS_FIT);
    for (int address = 2; address > 0; address--) { /* and the worst last */
        char expected[] = { '1', '2', '7', '.', '0', '.', '0', '.', (char)('0' + address), 0 };
        fixture->connected = NOT_DONE;
        upstream_connect_next(&fixture->request, true, note_connected);
        await(fixture, &fixture->connected);
        expect_endpoint(fixture, expected, ADDRESS_FIT);
    }
    close(second);
    close(third);
}

/* Has the name lose `lost` for 127.0.0.1, and reaches it. */
static enum reason reach_after_loss(struct fixture *fixture, const char *lost)
{
    fixture->dns.ttl_s = 1;
    fake_dns_add(&fixture->dns, lost);
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    upstream_request_cancel(&fixture->request);
    fixture->request.candidate_count = 0;
    fixture->looked_up = NOT_DONE;
    fixture->dns.address_count = 0;
    fake_dns_add(&fixture->dns, "127.0.0.1");
    ahead_ms += 2000;
    return reach(fixture);
}

static void recent_address_serves_while_its_certificate_is_good(void **state)
{
    struct fixture *fixture = *state;
    int second = listen_at(fixture, "127.0.0.2");
    rank_all(fixture, BOARD_RANK_UNKNOWN);
    fixture->ranks[2] = BOARD_RANK_GOOD;
    assert_int_equal(reach_after_loss(fixture, "127.0.0.2"), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.2", ADDRESS_FIT);
    close(second);
}

static void recent_address_of_unknown_certificate_is_not_dialled(void **state)
{
    struct fixture *fixture = *state;
    int second = listen_at(fixture, "127.0.0.2");
    rank_all(fixture, BOARD_RANK_BAD); /* the one that it has is, too */
    fixture->ranks[2] = BOARD_RANK_UNKNOWN;
    assert_int_equal(reach_after_loss(fixture, "127.0.0.2"), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
    fixture->connected = NOT_DONE;
    upstream_connect_next(&fixture->request, true, note_connected);
    await(fixture, &fixture->connected);
    assert_int_equal(fixture->connected, REASON_UPSTREAM_CONNECT_FAILED);
    close(second);
}

static void recent_address_must_be_fit(void **state)
{
    struct fixture *fixture = *state;
    rank_all(fixture, BOARD_RANK_UNKNOWN);
    fixture->ranks[2] = BOARD_RANK_GOOD;
    assert_int_equal(reach_after_loss(fixture, "10.0.0.2"), REASON_ALLOWED);
    expect_endpoint(fixture, "127.0.0.1", ADDRESS_FIT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_certificate_comes_first),
        TEST(recent_address_serves_while_its_certificate_is_good),
        TEST(recent_address_of_unknown_certificate_is_not_dialled),
        TEST(recent_address_must_be_fit),
    };
    return cmocka_run_group_tests_name("upstream_choice", tests, NULL, NULL);
}
