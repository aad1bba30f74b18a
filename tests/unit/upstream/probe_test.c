/* tests/unit/upstream/probe_test.c - what a probe says of real TLS servers, right and wrong. */
#include "upstream/probe.h"

#include "checked_server.h"
#include "names.h"

enum { PINS_MAX = 3, BOTH = HELLO_RSA | HELLO_ECDSA };

static struct cast cast; /* made once: keys take time */

struct fixture {
    struct check_loop worker;
    struct probe_tools tools;
    struct live_server server;
    struct check_target target;
    struct probe *probe;
    bool is_done;
    struct probe_result result;
};

static int64_t now_s(void)
{
    return CERTIFICATE_NOW;
}

static void start(struct fixture *fixture)
{
    const struct live_face face = face_of(&cast, ECDSA_SERVER, NO_IDENTITY);
    *fixture = (struct fixture){ 0 };
    check_loop_start(&fixture->worker);
    live_server_start(&fixture->server, &face);
    fixture->tools = (struct probe_tools){ .upstream = &fixture->worker.upstream,
                                           .tls_client = cast.tls_client,
                                           .trust_store = cast.trust_store,
                                           .realtime_s = now_s,
                                           .deadline_ms = PROBE_MS };
    fixture->target =
        (struct check_target){ .endpoint = fixture->server.endpoint,
                               .name = name_of("api.example.com"),
                               .class = { .versions = HELLO_TLS12 | HELLO_TLS13, .keys = BOTH } };
}

static void stop(struct fixture *fixture)
{
    requirement_unref(fixture->target.requirement);
    certificate_finding_unref(fixture->result.finding);
    check_loop_stop(&fixture->worker); /* the probe's handle is gone by itself */
    live_server_stop(&fixture->server);
}

static void note_done(void *context, const struct probe_result *result)
{
    struct fixture *fixture = context;
    assert_false(fixture->is_done);
    fixture->is_done = true;
    fixture->result = *result;
}

static const struct probe_result *probe(struct fixture *fixture)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    fixture->probe = probe_start(&fixture->tools, &fixture->target, note_done, fixture);
    assert_non_null(fixture->probe);
    assert_false(fixture->is_done); /* never within the start */
    while (!fixture->is_done) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->worker.loop, UV_RUN_NOWAIT);
    }
    return &fixture->result;
}

static const struct row {
    const char *name;
    enum identity identities[2];
    enum reason reason;
    enum identity pins[PINS_MAX]; /* that enforce */
    enum verify_mode mode;
    uint8_t keys; /* 0: both */
    int version;
    uint32_t connections; /* 0: one */
    bool demands_certificate;
} rows[] = {
    { "a good one", { ECDSA_SERVER }, .reason = REASON_ALLOWED },
    { "a good one with a key of RSA", { RSA_SERVER }, .reason = REASON_ALLOWED },
    { "TLS 1.2", { ECDSA_SERVER }, .reason = REASON_ALLOWED, .version = TLS1_2_VERSION },
    { "TLS 1.3", { ECDSA_SERVER }, .reason = REASON_ALLOWED, .version = TLS1_3_VERSION },
    { "a certificate is demanded in TLS 1.2",
      { ECDSA_SERVER },
      .reason = REASON_ALLOWED,
      .version = TLS1_2_VERSION,
      .demands_certificate = true },
    { "a certificate is demanded in TLS 1.3",
      { ECDSA_SERVER },
      .reason = REASON_ALLOWED,
      .version = TLS1_3_VERSION,
      .demands_certificate = true },
    { "another name", { OTHER_NAME }, .reason = REASON_CERTIFICATE_WRONG_NAME },
    { "expired", { EXPIRED_SERVER }, .reason = REASON_CERTIFICATE_EXPIRED },
    { "not yet valid", { EARLY_SERVER }, .reason = REASON_CERTIFICATE_NOT_YET_VALID },
    { "signed by itself", { SELF_SIGNED_SERVER }, .reason = REASON_CERTIFICATE_UNTRUSTED },
    { "a certificate without its key, TLS 1.2",
      { THIEF },
      .reason = REASON_CERTIFICATE_UNPROVEN,
      .version = TLS1_2_VERSION },
    { "a certificate without its key, TLS 1.3",
      { THIEF },
      .reason = REASON_CERTIFICATE_UNPROVEN,
      .version = TLS1_3_VERSION },
    { "no key in common", { RSA_SERVER }, .reason = REASON_PROBE_FAILED, .keys = HELLO_ECDSA },
    { "without pins one look is enough", { ECDSA_SERVER, RSA_SERVER }, .reason = REASON_ALLOWED },
    { "both kinds have the root that a pin names",
      { ECDSA_SERVER, RSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { ROOT },
      .connections = 2 },
    { "each has a pin of its own",
      { ECDSA_SERVER, RSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { ECDSA_SERVER, RSA_SERVER },
      .connections = 2 },
    { "the one of RSA has no pin",
      { ECDSA_SERVER, RSA_SERVER },
      .reason = REASON_PIN_MISMATCH,
      .pins = { ECDSA_SERVER } },
    { "the one of ECDSA has no pin",
      { ECDSA_SERVER, RSA_SERVER },
      .reason = REASON_PIN_MISMATCH,
      .pins = { RSA_SERVER } },
    { "who accepts one kind never sees the other",
      { ECDSA_SERVER, RSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { ECDSA_SERVER },
      .keys = HELLO_ECDSA },
    { "a server has one kind alone",
      { ECDSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { ECDSA_SERVER },
      .connections = 2 },
    { "a server has the other kind alone, in TLS 1.2",
      { RSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { ROOT },
      .connections = 2,
      .version = TLS1_2_VERSION },
    { "no pin in the chain",
      { ECDSA_SERVER },
      .reason = REASON_PIN_MISMATCH,
      .pins = { SELF_SIGNED_SERVER } },
    { "one of the pins is enough",
      { ECDSA_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { SELF_SIGNED_SERVER, ROOT },
      .connections = 2 },
    { "by its pin alone, whatever name and date",
      { EXPIRED_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { EXPIRED_SERVER },
      .mode = VERIFY_PIN_ONLY,
      .connections = 2 },
    { "by its pin alone, and signed by itself",
      { SELF_SIGNED_SERVER },
      .reason = REASON_ALLOWED,
      .pins = { SELF_SIGNED_SERVER },
      .mode = VERIFY_PIN_ONLY,
      .connections = 2 },
    { "by pins alone, and none is its own",
      { ECDSA_SERVER },
      .reason = REASON_PIN_MISMATCH,
      .pins = { RSA_SERVER },
      .mode = VERIFY_PIN_ONLY },
};

static struct required_pin required(enum identity who, bool is_enforced)
{
    return (struct required_pin){ .spki = pin_of(cast.identities[who].certificate),
                                  .is_enforced = is_enforced,
                                  .expires_at = PIN_NEVER_EXPIRES };
}

static void says_what_it_is(void **state)
{
    const struct row *row = *state;
    struct fixture fixture;
    struct required_pin pins[PINS_MAX];
    uint32_t pin_count = 0;
    start(&fixture);
    struct live_face face = face_of(&cast, row->identities[0], row->identities[1]);
    face.version = row->version;
    face.demands_certificate = row->demands_certificate;
    live_server_show(&fixture.server, &face);
    while (pin_count < PINS_MAX && row->pins[pin_count] != NO_IDENTITY) {
        pins[pin_count] = required(row->pins[pin_count], true);
        pin_count++;
    }
    fixture.target.requirement = requirement_new(row->mode, pins, pin_count);
    if (row->keys != 0)
        fixture.target.class.keys = row->keys;
    const struct probe_result *result = probe(&fixture);
    bool is_wrong = row->reason != REASON_ALLOWED && row->reason != REASON_PROBE_FAILED;
    bool is_judged =
        row->reason != REASON_PROBE_FAILED && row->reason != REASON_CERTIFICATE_UNPROVEN;
    assert_string_equal(reason_word(result->reason), reason_word(row->reason));
    assert_int_equal(result->is_wrong, is_wrong);
    assert_int_equal(result->finding != NULL, is_judged);
    stop(&fixture);
    if (row->reason == REASON_ALLOWED) /* else the first that is wrong ends it */
        assert_int_equal(fixture.server.accepted, row->connections > 0 ? row->connections : 1);
}

static const struct manner {
    const char *name;
    enum live_server_manner manner;
    bool is_wrong;
} manners[] = {
    { "a server that closes", LIVE_SERVER_CLOSES, false },
    { "a server of something else", LIVE_SERVER_IS_NO_TLS, true },
    { "a server that hangs", LIVE_SERVER_HANGS, false },
};

static void fails(void **state)
{
    const struct manner *row = *state;
    struct fixture fixture;
    start(&fixture);
    if (row->manner == LIVE_SERVER_HANGS)
        fixture.tools.deadline_ms = 1000; /* on loopback it is connected long before */
    live_server_behave(&fixture.server, row->manner);
    const struct probe_result *result = probe(&fixture);
    assert_int_equal(result->reason, REASON_PROBE_FAILED);
    assert_int_equal(result->is_wrong, row->is_wrong);
    stop(&fixture);
}

static void nobody_listens(void **state)
{
    struct fixture fixture;
    (void)state;
    start(&fixture);
    int descriptor = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    fixture.target.endpoint = socket_endpoint(descriptor);
    close(descriptor);
    const struct probe_result *result = probe(&fixture);
    assert_int_equal(result->reason, REASON_PROBE_UNREACHABLE);
    assert_false(result->is_wrong);
    stop(&fixture);
}

/* A listener whose queue is full answers nothing. */
static void nobody_answers(void **state)
{
    struct fixture fixture;
    (void)state;
    start(&fixture);
    int listener = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    int clients[4];
    listen(listener, 0);
    fixture.target.endpoint = socket_endpoint(listener);
    for (size_t i = 0; i < COUNT(clients); i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect_socket(clients[i], "127.0.0.1", fixture.target.endpoint.port);
    }
    fixture.tools.deadline_ms = 50;
    assert_int_equal(probe(&fixture)->reason, REASON_PROBE_UNREACHABLE);
    for (size_t i = 0; i < COUNT(clients); i++)
        close(clients[i]);
    close(listener);
    stop(&fixture);
}

static void dials_what_it_may_alone(void **state)
{
    struct fixture fixture;
    (void)state;
    start(&fixture);
    policy_feed_publish(&fixture.worker.feed, check_policy("allowed_private_networks", ""));
    assert_int_equal(probe(&fixture)->reason, REASON_UPSTREAM_ADDRESS_REFUSED);
    fixture.is_done = false;
    fixture.target.is_typed = true; /* in the rule itself */
    assert_int_equal(probe(&fixture)->reason, REASON_ALLOWED);
    stop(&fixture);
    assert_int_equal(fixture.server.accepted, 1);
}

static void descriptors_are_short(void **state)
{
    struct fixture fixture;
    (void)state;
    start(&fixture);
    fixture.worker.upstream.descriptor_limit = 1;
    assert_int_equal(probe(&fixture)->reason, REASON_OUT_OF_RESOURCES);
    stop(&fixture);
}

static void knows_when_the_chain_is_valid(void **state)
{
    struct fixture fixture;
    (void)state;
    start(&fixture);
    const struct probe_result *result = probe(&fixture);
    assert_int_equal(result->not_before_s, CERTIFICATE_NOW - CERTIFICATE_DAY);
    assert_int_equal(result->not_after_s, CERTIFICATE_NOW + CERTIFICATE_DAY);
    stop(&fixture);
}

/* Where a pin on the server's key is all that counts. */
static void knows_when_no_date_counts(void **state)
{
    struct fixture fixture;
    const struct required_pin pin = required(ECDSA_SERVER, true);
    (void)state;
    start(&fixture);
    fixture.target.requirement = requirement_new(VERIFY_PIN_ONLY, &pin, 1);
    const struct probe_result *result = probe(&fixture);
    assert_int_equal(result->reason, REASON_ALLOWED);
    assert_true(result->not_before_s == INT64_MIN && result->not_after_s == INT64_MAX);
    stop(&fixture);
}

static const struct report {
    const char *name;
    enum identity pin;
    int64_t expires_at;
    bool misses;
} reports[] = {
    { "the root is among those that report", ROOT, PIN_NEVER_EXPIRES, false },
    { "the server's own is", ECDSA_SERVER, PIN_NEVER_EXPIRES, false },
    { "none of them is in the chain", RSA_SERVER, PIN_NEVER_EXPIRES, true },
    { "the one that is not has expired", RSA_SERVER, CERTIFICATE_NOW, false },
};

static void reports_on_pins(void **state)
{
    const struct report *row = *state;
    struct fixture fixture;
    start(&fixture);
    struct required_pin pin = required(row->pin, false);
    pin.expires_at = row->expires_at;
    fixture.target.requirement = requirement_new(VERIFY_CHAIN, &pin, 1);
    const struct probe_result *result = probe(&fixture);
    assert_int_equal(result->reason, REASON_ALLOWED);
    assert_int_equal(result->misses_report_pin, row->misses);
    stop(&fixture);
}

/* Wherever it is: nothing may come afterwards, and nothing may be left. */
static void cancelled_in_flight(void **state)
{
    struct fixture fixture;
    (void)state;
    for (int turns = 0; turns < 8; turns++) {
        start(&fixture);
        live_server_behave(&fixture.server, LIVE_SERVER_HANGS);
        fixture.probe = probe_start(&fixture.tools, &fixture.target, note_done, &fixture);
        for (int i = 0; i < turns; i++)
            uv_run(&fixture.worker.loop, UV_RUN_NOWAIT);
        probe_cancel(fixture.probe);
        stop(&fixture);
        assert_false(fixture.is_done);
    }
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, says_what_it_is);
    TESTS_ADD_TABLE(&tests, manners, fails);
    TESTS_ADD_TABLE(&tests, reports, reports_on_pins);
    tests_add_row(&tests, "nobody listens", NULL, nobody_listens);
    tests_add_row(&tests, "nobody answers", NULL, nobody_answers);
    tests_add_row(&tests, "dials what it may alone", NULL, dials_what_it_may_alone);
    tests_add_row(&tests, "descriptors are short", NULL, descriptors_are_short);
    tests_add_row(&tests, "knows when the chain is valid", NULL, knows_when_the_chain_is_valid);
    tests_add_row(&tests, "knows when no date counts", NULL, knows_when_no_date_counts);
    tests_add_row(&tests, "cancelled in flight", NULL, cancelled_in_flight);
    cast_make(&cast);
    int failures = tests_run(&tests, "probe");
    cast_free(&cast);
    return failures;
}
