/* tests/unit/upstream/certificate_checks_test.c - workers that ask of a real TLS server: one probe
 * for all, on whatever loop they wait, and what comes of it in the end. */
#include "upstream/certificate_checks.h"

#include "checked_server.h"
#include "names.h"

enum { CLIENTS = 500, WORKERS = 2 };

static struct cast cast;         /* made once: keys take time */
static _Atomic int64_t ahead_ms; /* of both clocks */
static atomic_uint probed;       /* that sinks were told of */
static atomic_uint last_reason;

struct worker {
    struct check_loop on;
    struct mailbox *mailbox;
    struct certificate_checker *checker;
    uint32_t told; /* outcomes that came */
    struct check_outcome outcome;
};

struct waiting {
    struct check_wait wait;
    struct worker *worker;
    struct waiting *cancels; /* in its callback; NULL: nobody */
    const struct check_question *asks;
};

struct fixture {
    struct certificate_board *board;
    struct live_server server;
    struct worker workers[WORKERS];
    struct host_name name;
    struct check_question question;
    pthread_barrier_t have_asked;
};

static int64_t monotonic_ms(void)
{
    return clock_monotonic_ms() + ahead_ms;
}

static int64_t realtime_s(void)
{
    return CERTIFICATE_NOW + ahead_ms / 1000;
}

static void note_checked(void *context, const struct certificate_event *event)
{
    (void)context;
    assert_int_equal(event->endpoint.address.family, 4);
    assert_true(event->duration_ms >= 0);
    last_reason = event->reason;
    probed++;
}

static void worker_start(struct worker *worker, struct certificate_board *board)
{
    check_loop_start(&worker->on);
    worker->mailbox = mailbox_new(&worker->on.loop);
    const struct certificate_checker_parts parts = {
        .tools = { &worker->on.upstream, cast.tls_client, cast.trust_store, realtime_s, PROBE_MS },
        .board = board,
        .mailbox = worker->mailbox,
        .monotonic_ms = monotonic_ms,
        .sink = { NULL, note_checked },
    };
    worker->checker = certificate_checker_new(&parts);
    assert_non_null(worker->checker);
}

static void forget_outcome(struct worker *worker)
{
    certificate_finding_unref(worker->outcome.finding);
    worker->outcome = (struct check_outcome){ 0 };
    worker->told = 0;
}

static void worker_stop(struct worker *worker)
{
    forget_outcome(worker);
    certificate_checker_free(worker->checker);
    mailbox_free(worker->mailbox);
    check_loop_stop(&worker->on);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    const struct live_face face = face_of(&cast, ECDSA_SERVER, NO_IDENTITY);
    ahead_ms = 0;
    probed = last_reason = 0;
    fixture->board = certificate_board_new();
    live_server_start(&fixture->server, &face);
    for (int i = 0; i < WORKERS; i++)
        worker_start(&fixture->workers[i], fixture->board);
    fixture->name = name_of("api.example.com");
    fixture->question =
        (struct check_question){ .endpoint = fixture->server.endpoint,
                                 .name = &fixture->name,
                                 .class = { .versions = HELLO_TLS13,
                                            .keys = HELLO_RSA | HELLO_ECDSA },
                                 .client = { .family = 4, .bytes = { 10, 0, 0, 1 } } };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < WORKERS; i++)
        worker_stop(&fixture->workers[i]);
    certificate_board_free(fixture->board);
    live_server_stop(&fixture->server);
    free(fixture);
    return 0;
}

static void note_outcome(struct check_wait *wait, const struct check_outcome *outcome)
{
    struct waiting *waiting = (struct waiting *)wait; /* its first member */
    struct worker *worker = waiting->worker;
    struct check_outcome other;
    certificate_finding_unref(worker->outcome.finding);
    worker->outcome = *outcome;
    worker->told++;
    if (waiting->cancels != NULL)
        check_wait_cancel(&waiting->cancels->wait);
    if (waiting->asks != NULL)
        assert_false(certificate_checker_ask(worker->checker, waiting->asks,
                                             &waiting->cancels->wait, &other));
}

static struct waiting waiting_of(struct worker *worker)
{
    return (struct waiting){ .wait.on_outcome = note_outcome, .worker = worker };
}

/* True: known. */
static bool ask(const struct fixture *fixture, struct waiting *waiting)
{
    struct worker *worker = waiting->worker;
    struct check_outcome outcome;
    bool is_known =
        certificate_checker_ask(worker->checker, &fixture->question, &waiting->wait, &outcome);
    if (!is_known)
        return false;
    certificate_finding_unref(worker->outcome.finding);
    worker->outcome = outcome;
    return true;
}

static void await_told(struct worker *worker, uint32_t count)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (worker->told < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&worker->on.loop, UV_RUN_NOWAIT);
    }
}

static void await_probes(struct fixture *fixture, uint32_t count)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (probed < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->workers[0].on.loop, UV_RUN_NOWAIT);
    }
    uv_run(&fixture->workers[0].on.loop, UV_RUN_NOWAIT); /* and the letters */
}

/* Asks on the first worker and waits for the answer. */
static enum reason check(struct fixture *fixture)
{
    struct worker *worker = &fixture->workers[0];
    struct waiting waiting = waiting_of(worker);
    forget_outcome(worker);
    if (!ask(fixture, &waiting))
        await_told(worker, 1);
    return worker->outcome.reason;
}

static uint64_t counted(const struct fixture *fixture, enum certificate_counter counter)
{
    uint64_t sum = 0;
    for (int i = 0; i < WORKERS; i++)
        sum += certificate_checker_count(fixture->workers[i].checker, counter);
    return sum;
}

/* Many at once */

struct crowd {
    struct fixture *fixture;
    struct worker *worker;
    pthread_t thread;
};

static void *ask_at_once(void *context)
{
    struct crowd *crowd = context;
    struct waiting *clients = calloc(CLIENTS, sizeof(*clients));
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = waiting_of(crowd->worker);
        assert_false(ask(crowd->fixture, &clients[i]));
    }
    (void)pthread_barrier_wait(&crowd->fixture->have_asked);
    await_told(crowd->worker, CLIENTS);
    free(clients);
    return NULL;
}

static void a_thousand_clients_cause_one_probe(void **state)
{
    struct fixture *fixture = *state;
    struct crowd crowds[WORKERS];
    live_server_behave(&fixture->server, LIVE_SERVER_WAITS_FIRST);
    pthread_barrier_init(&fixture->have_asked, NULL, WORKERS + 1);
    for (int i = 0; i < WORKERS; i++) {
        crowds[i] = (struct crowd){ .fixture = fixture, .worker = &fixture->workers[i] };
        pthread_create(&crowds[i].thread, NULL, ask_at_once, &crowds[i]);
    }
    (void)pthread_barrier_wait(&fixture->have_asked);
    live_server_go_on(&fixture->server);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(crowds[i].thread, NULL);
        assert_int_equal(fixture->workers[i].told, CLIENTS);
        assert_int_equal(fixture->workers[i].outcome.reason, REASON_ALLOWED);
        assert_non_null(fixture->workers[i].outcome.finding);
        assert_false(fixture->workers[i].outcome.was_known);
    }
    pthread_barrier_destroy(&fixture->have_asked);
    assert_int_equal(fixture->server.accepted, 1);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_PROBES), 1);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_SHARED), WORKERS * CLIENTS - 1);
}

static void what_is_known_is_said_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    for (int i = 0; i < WORKERS; i++) { /* by any worker */
        struct waiting waiting = waiting_of(&fixture->workers[i]);
        assert_true(ask(fixture, &waiting));
        assert_true(fixture->workers[i].outcome.was_known);
        assert_int_equal(fixture->workers[i].outcome.reason, REASON_ALLOWED);
        assert_int_equal(fixture->workers[i].outcome.finding->status, CERTIFICATE_GOOD);
    }
    assert_int_equal(certificate_checker_rank(fixture->workers[1].checker, &fixture->question),
                     BOARD_RANK_GOOD);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_KNOWN), WORKERS);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_GOOD), 1);
    assert_int_equal(fixture->server.accepted, 1);
}

static void show(struct fixture *fixture, enum identity identity)
{
    const struct live_face face = face_of(&cast, identity, NO_IDENTITY);
    live_server_show(&fixture->server, &face);
}

static void wrong_is_seen_and_told(void **state)
{
    struct fixture *fixture = *state;
    show(fixture, OTHER_NAME);
    assert_int_equal(check(fixture), REASON_CERTIFICATE_WRONG_NAME);
    assert_int_equal(fixture->workers[0].outcome.finding->status, CERTIFICATE_WRONG_NAME);
    assert_int_equal(last_reason, REASON_CERTIFICATE_WRONG_NAME);
    show(fixture, ECDSA_SERVER);
    assert_int_equal(check(fixture), REASON_CERTIFICATE_WRONG_NAME); /* for a while */
    ahead_ms += VERDICT_BAD_MS;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_OVERTURNED),
                     0); /* it never was good before */
}

static void wrong_overturns_good(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    show(fixture, SELF_SIGNED_SERVER);
    ahead_ms += 590 * 1000;
    assert_int_equal(check(fixture), REASON_ALLOWED); /* and has it renewed */
    await_probes(fixture, 2);
    assert_int_equal(check(fixture), REASON_CERTIFICATE_UNTRUSTED);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_OVERTURNED), 1);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_RENEWALS), 1);
}

static void unreachable_leaves_good(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    live_server_behave(&fixture->server, LIVE_SERVER_CLOSES);
    ahead_ms += 590 * 1000;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    await_probes(fixture, 2);
    assert_int_equal(last_reason, REASON_PROBE_FAILED);
    assert_int_equal(check(fixture), REASON_ALLOWED);
    ahead_ms += 10 * 1000;
    assert_int_equal(check(fixture), REASON_PROBE_FAILED); /* its time is over */
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_OVERTURNED), 0);
}

static void in_use_it_stays_warm(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    assert_int_equal(check(fixture), REASON_ALLOWED);
    for (int i = 0; i < 3; i++) {
        ahead_ms += 550 * 1000;
        for (int turn = 0; turn < 16; turn++) /* as many seconds */
            certificate_checker_keep_up(fixture->workers[0].checker);
        await_probes(fixture, 2u + (uint32_t)i);
        assert_int_equal(check(fixture), REASON_ALLOWED);
        assert_true(fixture->workers[0].outcome.was_known);
    }
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_RENEWALS), 3);
}

static void a_chain_that_expires_is_no_pass(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(check(fixture), REASON_ALLOWED);
    ahead_ms += (CERTIFICATE_DAY + 1) * 1000;
    assert_int_equal(check(fixture), REASON_CERTIFICATE_EXPIRED);
}

static void expired_pins_fail_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct required_pin pin = { .is_enforced = true, .expires_at = CERTIFICATE_NOW + 60 };
    pin.spki = pin_of(cast.identities[ROOT].certificate);
    fixture->question.requirement = requirement_new(VERIFY_CHAIN, &pin, 1);
    assert_int_equal(check(fixture), REASON_ALLOWED);
    uint32_t accepted = fixture->server.accepted;
    ahead_ms += 60 * 1000;
    assert_int_equal(check(fixture), REASON_PINS_EXPIRED);
    assert_int_equal(fixture->server.accepted, accepted);
    requirement_unref(fixture->question.requirement);
}

static void a_limit_is_no_pass(void **state)
{
    struct fixture *fixture = *state;
    struct worker *worker = &fixture->workers[0];
    struct waiting first = waiting_of(worker), second = waiting_of(worker);
    live_server_behave(&fixture->server, LIVE_SERVER_WAITS_FIRST);
    policy_feed_publish(&worker->on.feed, check_policy("max_probes_per_client", "1"));
    assert_false(ask(fixture, &first));
    fixture->question.class.keys = HELLO_ECDSA;
    assert_true(ask(fixture, &second));
    assert_int_equal(worker->outcome.reason, REASON_PROBE_LIMIT);
    assert_int_equal(counted(fixture, CERTIFICATE_COUNTER_LIMITED), 1);
    live_server_go_on(&fixture->server);
    await_told(worker, 1);
    live_server_go_on(&fixture->server);
    assert_int_equal(check(fixture), REASON_ALLOWED); /* its place is free */
}

static void short_of_descriptors(void **state)
{
    struct fixture *fixture = *state;
    fixture->workers[0].on.upstream.descriptor_limit = 1;
    assert_int_equal(check(fixture), REASON_OUT_OF_RESOURCES);
    fixture->workers[0].on.upstream.descriptor_limit = socket_descriptor_limit();
    assert_int_equal(check(fixture), REASON_ALLOWED); /* nothing was kept of that */
}

/* Leaving */

static void who_cancels_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct worker *worker = &fixture->workers[0];
    struct waiting leaves = waiting_of(worker);
    assert_false(ask(fixture, &leaves));
    check_wait_cancel(&leaves.wait);
    check_wait_cancel(&leaves.wait);
    await_probes(fixture, 1);
    assert_int_equal(worker->told, 0);
    assert_true(ask(fixture, &leaves)); /* the probe went on */
}

static void callbacks_may_cancel_and_ask(void **state)
{
    struct fixture *fixture = *state;
    struct worker *worker = &fixture->workers[0];
    struct waiting first = waiting_of(worker), second = waiting_of(worker);
    struct check_question other = fixture->question;
    other.class.keys = HELLO_ECDSA;
    first.cancels = &second;
    first.asks = &other; /* with the one that it cancelled */
    assert_false(ask(fixture, &first));
    assert_false(ask(fixture, &second));
    await_told(worker, 2);
    assert_int_equal(fixture->server.accepted, 2);
}

static void freed_in_flight(void **state)
{
    struct fixture *fixture = *state;
    struct worker *owner = &fixture->workers[0], *other = &fixture->workers[1];
    struct waiting own = waiting_of(owner), shared = waiting_of(other);
    live_server_behave(&fixture->server, LIVE_SERVER_HANGS);
    assert_false(ask(fixture, &own));
    assert_false(ask(fixture, &shared));
    uv_run(&owner->on.loop, UV_RUN_NOWAIT);
    certificate_checker_free(owner->checker);
    uv_run(&owner->on.loop, UV_RUN_NOWAIT); /* its letter comes too late */
    assert_int_equal(owner->told, 0);
    await_told(other, 1);
    assert_int_equal(other->outcome.reason, REASON_OUT_OF_RESOURCES);
    owner->checker = NULL;
}

static void freed_while_others_probe(void **state)
{
    struct fixture *fixture = *state;
    struct worker *owner = &fixture->workers[0], *other = &fixture->workers[1];
    struct waiting own = waiting_of(owner), shared = waiting_of(other);
    assert_false(ask(fixture, &own));
    assert_false(ask(fixture, &shared));
    certificate_checker_free(other->checker);
    other->checker = NULL;
    await_told(owner, 1);
    assert_int_equal(owner->outcome.reason, REASON_ALLOWED);
    uv_run(&other->on.loop, UV_RUN_NOWAIT);
    assert_int_equal(other->told, 0);
}

static void freed_with_a_letter_on_its_way(void **state)
{
    struct fixture *fixture = *state;
    struct worker *owner = &fixture->workers[0], *other = &fixture->workers[1];
    struct waiting own = waiting_of(owner), shared = waiting_of(other);
    assert_false(ask(fixture, &own));
    assert_false(ask(fixture, &shared));
    await_told(owner, 1);
    certificate_checker_free(other->checker);
    other->checker = NULL;
    uv_run(&other->on.loop, UV_RUN_NOWAIT);
    assert_int_equal(other->told, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thousand_clients_cause_one_probe),
        TEST(what_is_known_is_said_at_once),
        TEST(wrong_is_seen_and_told),
        TEST(wrong_overturns_good),
        TEST(unreachable_leaves_good),
        TEST(in_use_it_stays_warm),
        TEST(a_chain_that_expires_is_no_pass),
        TEST(expired_pins_fail_at_once),
        TEST(a_limit_is_no_pass),
        TEST(short_of_descriptors),
        TEST(who_cancels_is_not_told),
        TEST(callbacks_may_cancel_and_ask),
        TEST(freed_in_flight),
        TEST(freed_while_others_probe),
        TEST(freed_with_a_letter_on_its_way),
    };
    cast_make(&cast);
    int failures = cmocka_run_group_tests_name("certificate_checks", tests, NULL, NULL);
    cast_free(&cast);
    return failures;
}
