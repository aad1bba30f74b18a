/* tests/unit/resolver/forwarder_test.c - questions in flight: who shares one, who has no room, and
 * what is learned from answers. The zone's server is in the test's loop. */
#include "resolver/forwarder.h"

#include "dns_messages.h"
#include "fake_dns.h"

#include <stdlib.h>

struct fixture {
    uv_loop_t loop;
    struct fake_dns dns;
    struct zone_table zones;
    struct forwarder *forwarder;
    unsigned down_count, up_count;
    struct forwarder_event last;
};

/* A client that waits, and what it was told. */
struct asker {
    struct forwarding forwarding;
    unsigned told_count;
    bool has_answer;
    unsigned rcode, answer_count;
    uint16_t failure;
};

static void note_server(void *context, const struct forwarder_event *event)
{
    struct fixture *fixture = context;
    fixture->last = *event;
    if (event->is_up)
        fixture->up_count++;
    else
        fixture->down_count++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fault fault;
    char buffer[128];
    struct text text = text_in(buffer, sizeof(buffer));
    uv_loop_init(&fixture->loop);
    fake_dns_start(&fixture->dns, &fixture->loop);
    fake_dns_add(&fixture->dns, "10.96.1.1");
    text_add(&text, "cluster.local=");
    endpoint_add_to(&fixture->dns.endpoint, &text);
    assert_int_equal(zone_table_add(&fixture->zones, buffer), ZONE_OK);
    struct forwarder_parts parts = { .loop = &fixture->loop,
                                     .zones = &fixture->zones,
                                     .context = fixture,
                                     .server_changed = note_server };
    fixture->forwarder = forwarder_new(&parts, &fault);
    assert_non_null(fixture->forwarder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    forwarder_free(fixture->forwarder);
    fake_dns_stop(&fixture->dns);
    finish_loop(&fixture->loop);
    free(fixture);
    return 0;
}

static void note_result(struct forwarding *forwarding, const struct forwarder_result *result)
{
    struct asker *asker = (struct asker *)((char *)forwarding - offsetof(struct asker, forwarding));
    assert_non_null(result->room);
    asker->told_count++;
    asker->has_answer = result->answer != NULL;
    asker->failure = result->failure;
    if (result->answer == NULL)
        return;
    asker->rcode = result->answer->rcode;
    asker->answer_count = result->answer->answer_count;
}

static struct query make_question(const char *name, uint16_t type)
{
    struct query query = { .is_recursion_desired = true, .type = type, .class = DNS_CLASS_IN };
    assert_int_equal(host_name_parse(name, strlen(name), &query.name), HOST_NAME_OK);
    return query;
}

static bool ask_as(struct fixture *fixture, const struct query *query, const char *client,
                   struct asker *asker)
{
    struct ip_address address = test_address(client);
    *asker = (struct asker){ .forwarding = { .on_done = note_result } };
    return forwarder_ask(fixture->forwarder, &fixture->zones.zone[0], query, &address,
                         &asker->forwarding);
}

static bool ask(struct fixture *fixture, const struct query *query, struct asker *asker)
{
    return ask_as(fixture, query, "192.0.2.7", asker);
}

static void await_told(struct fixture *fixture, const struct asker *asker)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (asker->told_count == 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_ONCE);
    }
}

static void equal_questions_share_a_flight(void **state)
{
    struct fixture *fixture = *state;
    struct asker first, second;
    struct query query = make_question("web.cluster.local", DNS_TYPE_A);
    assert_true(ask(fixture, &query, &first));
    assert_true(ask(fixture, &query, &second));
    assert_int_equal(first.told_count, 0);
    await_told(fixture, &first);
    await_told(fixture, &second);
    assert_int_equal(fixture->dns.question_count, 1);
    assert_int_equal(forwarder_sent_count(fixture->forwarder), 1);
    assert_true(first.has_answer && second.has_answer);
    assert_int_equal(second.answer_count, 1);
    assert_true(ask(fixture, &query, &first)); /* nothing is kept of an answer but that */
    await_told(fixture, &first);
    assert_int_equal(fixture->dns.question_count, 2);
}

static void other_questions_fly_by_themselves(void **state)
{
    struct fixture *fixture = *state;
    struct asker askers[6];
    struct query queries[COUNT(askers)];
    for (size_t i = 0; i < COUNT(askers); i++)
        queries[i] = make_question("web.cluster.local", DNS_TYPE_A);
    queries[1].type = DNS_TYPE_AAAA;
    queries[2].is_dnssec_ok = true;
    queries[3].is_checking_disabled = true;
    queries[4].is_recursion_desired = false;
    queries[5] = make_question("db.cluster.local", DNS_TYPE_A);
    for (size_t i = 0; i < COUNT(askers); i++)
        assert_true(ask(fixture, &queries[i], &askers[i]));
    for (size_t i = 0; i < COUNT(askers); i++)
        await_told(fixture, &askers[i]);
    assert_int_equal(fixture->dns.question_count, COUNT(askers));
}

static void who_leaves_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct asker stays, leaves;
    struct query query = make_question("web.cluster.local", DNS_TYPE_A);
    assert_true(ask(fixture, &query, &leaves));
    assert_true(ask(fixture, &query, &stays));
    forwarder_leave(&leaves.forwarding);
    await_told(fixture, &stays);
    assert_int_equal(leaves.told_count, 0);
    assert_int_equal(fixture->dns.question_count, 1);
}

static void one_client_has_only_so_much_room(void **state)
{
    struct fixture *fixture = *state;
    static struct asker askers[FORWARDER_PER_CLIENT_MAX], one_more, other;
    struct query query = make_question("web.cluster.local", DNS_TYPE_A);
    for (size_t i = 0; i < COUNT(askers); i++)
        assert_true(ask(fixture, &query, &askers[i]));
    assert_false(ask(fixture, &query, &one_more));
    assert_true(ask_as(fixture, &query, "192.0.2.8", &other));
    forwarder_leave(&askers[0].forwarding);
    assert_true(ask(fixture, &query, &one_more));
    await_told(fixture, &one_more);
    await_told(fixture, &other);
    assert_true(ask(fixture, &query, &one_more)); /* all have their room again */
    await_told(fixture, &one_more);
}

static void only_so_many_are_in_flight(void **state)
{
    struct fixture *fixture = *state;
    static struct asker askers[FORWARDER_QUESTIONS_MAX + 1];
    fixture->dns.rcode = FAKE_DNS_SILENT;
    for (unsigned i = 0; i < COUNT(askers); i++) {
        char name[64], client[32];
        struct text name_text = text_in(name, sizeof(name)),
                    client_text = text_in(client, sizeof(client));
        text_add_format(&name_text, "n%u.cluster.local", i);
        text_add_format(&client_text, "10.0.%u.1", i % 200);
        struct query query = make_question(name, DNS_TYPE_A);
        assert_int_equal(ask_as(fixture, &query, client, &askers[i]), i < FORWARDER_QUESTIONS_MAX);
    }
    for (unsigned i = 0; i < FORWARDER_QUESTIONS_MAX; i++)
        forwarder_leave(&askers[i].forwarding);
}

static void missing_name_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    struct query query = make_question("none.cluster.local", DNS_TYPE_A);
    fixture->dns.rcode = FAKE_DNS_NXDOMAIN;
    assert_false(forwarder_knows_missing(fixture->forwarder, &query.name));
    assert_true(ask(fixture, &query, &asker));
    await_told(fixture, &asker);
    assert_int_equal(asker.rcode, DNS_RCODE_NAME_ERROR);
    assert_true(forwarder_knows_missing(fixture->forwarder, &query.name));
}

static void other_answers_are_not_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    struct query no_data = make_question("web.cluster.local", DNS_TYPE_AAAA);
    assert_true(ask(fixture, &no_data, &asker));
    await_told(fixture, &asker);
    assert_false(forwarder_knows_missing(fixture->forwarder, &no_data.name));
    struct query failing = make_question("bad.cluster.local", DNS_TYPE_A);
    fixture->dns.rcode = FAKE_DNS_SERVFAIL;
    assert_true(ask(fixture, &failing, &asker));
    await_told(fixture, &asker);
    assert_int_equal(asker.rcode, DNS_RCODE_SERVER_FAILURE);
    assert_false(forwarder_knows_missing(fixture->forwarder, &failing.name));
    assert_int_equal(fixture->down_count, 0);
}

static void closed_port_is_down_at_once_and_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    struct query query = make_question("web.cluster.local", DNS_TYPE_A);
    const struct zone *zone = &fixture->zones.zone[0];
    struct endpoint endpoint = fixture->dns.endpoint;
    char where[64];
    struct text text = text_in(where, sizeof(where));
    endpoint_add_to(&endpoint, &text);
    fake_dns_stop(&fixture->dns);
    assert_true(ask(fixture, &query, &asker));
    await_told(fixture, &asker);
    assert_false(asker.has_answer);
    assert_int_equal(asker.failure, DNS_EXTENDED_ERROR_NETWORK);
    assert_int_equal(fixture->down_count, 1);
    assert_true(fixture->last.is_zone_down);
    assert_true(fixture->last.zone == zone);
    assert_false(forwarder_can_ask(fixture->forwarder, zone));
    assert_false(ask(fixture, &query, &asker));

    uv_run(&fixture->loop, UV_RUN_NOWAIT); /* the handle's close callback */
    fixture->dns.descriptor = bound_socket(SOCK_DGRAM, where);
    assert_int_equal(uv_poll_init(&fixture->loop, &fixture->dns.handle, fixture->dns.descriptor),
                     0);
    assert_int_equal(uv_poll_start(&fixture->dns.handle, UV_READABLE, fake_dns_on_query), 0);
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (!ask(fixture, &query, &asker))
        assert_true(clock_monotonic_ms() < deadline_ms);
    await_told(fixture, &asker);
    assert_true(asker.has_answer);
    assert_int_equal(fixture->up_count, 1);
}

static void ends_while_questions_are_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct asker asker;
    struct query query = make_question("web.cluster.local", DNS_TYPE_A);
    fixture->dns.rcode = FAKE_DNS_SILENT;
    assert_true(ask(fixture, &query, &asker));
    forwarder_leave(&asker.forwarding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_questions_share_a_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_questions_fly_by_themselves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_client_has_only_so_much_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_so_many_are_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_name_is_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_answers_are_not_remembered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closed_port_is_down_at_once_and_comes_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(ends_while_questions_are_in_flight, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
