/* tests/unit/sni-gate/gate_test.c - whole connections through the gate: client, DNS and server in
 * the test's loop. */
#include "sni-gate/gate.h"

#include "base/text.h"
#include "client_hellos.h"
#include "fake_dns.h"
#include "net/socket.h"
#include "policy/host_name.h"
#include "policy/policy_builder.h"
#include "policy/policy_feed.h"
#include "unit.h"
#include "upstream/upstream.h"

#include <stdlib.h>
#include <sys/resource.h>

#define GATE_KEY "ffeeddccbbaa99887766554433221100"

enum { NO_ALERT = -1, NAME_MAX_BYTES = 256 };

struct fixture {
    uv_loop_t loop;
    struct fake_dns dns;
    struct policy_feed feed;
    struct policy_view view;
    struct dns_channel *channel;
    struct upstream upstream;
    struct gate_addresses addresses; /* no ranges, unless a test adds one */
    struct gate *gate;
    int server_listener, server; /* the real server; its port is what rules and clients name */
    uint16_t gate_port, server_port;
    int gate_listener;
    int client;
    unsigned opened_count;
    unsigned event_count; /* and the last event, with its name as text */
    struct gate_event event;
    char event_name[NAME_MAX_BYTES];
};

static void note_end(void *context, const struct gate_event *event)
{
    struct fixture *fixture = context;
    struct text text = text_in(fixture->event_name, sizeof(fixture->event_name));
    fixture->event_count++;
    fixture->event = *event;
    if (event->name != NULL)
        host_name_add_to(event->name, &text);
}

static void note_opened(void *context, const struct gate_event *event)
{
    struct fixture *fixture = context;
    assert_true(event->was_opened);
    assert_int_equal(event->verdict.rule_id, 7);
    fixture->opened_count++;
}

static void expect_seen(void *context, const struct gate_connection *connection)
{
    const struct fixture *fixture = context;
    struct host_name name;
    assert_int_equal(host_name_parse(BYTES("api.test"), &name), HOST_NAME_OK);
    assert_true(connection->has_name);
    assert_memory_equal(connection->name.wire, name.wire, name.size);
    assert_int_equal(connection->rule_id, 7);
    assert_int_equal(connection->server.port, fixture->server_port);
    assert_int_equal(connection->bytes_down, 5);
}

/* Allows api.test alone, on the server's port; opens loopback. */
static struct policy *make_policy(uint16_t port)
{
    const struct policy_ports ports = { { port }, 1 };
    struct policy_builder *builder = policy_builder_new(&ports);
    struct settings settings = settings_default();
    struct compiled_rule rule = {
        .id = 7, .expires_at = RULE_NEVER_EXPIRES, .action = RULE_ALLOW, .port = port
    };
    assert_int_equal(settings_set(&settings, "allowed_private_networks", "127.0.0.0/8"),
                     SETTING_OK);
    assert_true(gate_key_parse(GATE_KEY, &settings.gate_key));
    assert_int_equal(host_name_parse(BYTES("api.test"), &rule.name), HOST_NAME_OK);
    rule.requirement = requirement_new(VERIFY_NONE, NULL, 0);
    assert_true(policy_builder_add(builder, &rule));
    requirement_unref(rule.requirement);
    return policy_builder_finish(builder, &settings, 1);
}

static void start_gate(struct fixture *fixture)
{
    const struct gate_parts parts = {
        .loop = &fixture->loop,
        .poller = fixture->upstream.poller,
        .upstream = &fixture->upstream,
        .view = &fixture->view,
        .addresses = &fixture->addresses,
        .sink = { fixture, note_end, note_opened },
    };
    int listener = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    fixture->gate_port = socket_endpoint(listener).port;
    fixture->gate_listener = listener;
    fixture->gate = gate_new(&parts);
    assert_non_null(fixture->gate);
    const struct gate_listener setup = { .descriptor = listener, .port = fixture->server_port };
    assert_int_equal(gate_listen(fixture->gate, &setup), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fault fault;
    int error;
    uv_loop_init(&fixture->loop);
    fake_dns_start(&fixture->dns, &fixture->loop);
    fake_dns_add(&fixture->dns, "127.0.0.1");
    fixture->server_listener = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    fixture->server_port = socket_endpoint(fixture->server_listener).port;
    fixture->server = fixture->client = -1;
    policy_feed_init(&fixture->feed, make_policy(fixture->server_port));
    policy_view_init(&fixture->view, &fixture->feed);
    fixture->channel = dns_channel_new(&fixture->loop, &fixture->dns.endpoint, 1, &fault);
    fixture->upstream = (struct upstream){
        .loop = &fixture->loop,
        .poller = poller_new(&fixture->loop, &error),
        .names = name_cache_new(fixture->channel, clock_monotonic_ms),
        .memory = address_memory_new(clock_monotonic_ms),
        .view = &fixture->view,
        .descriptor_limit = socket_descriptor_limit(),
    };
    start_gate(fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    gate_free(fixture->gate);
    name_cache_free(fixture->upstream.names);
    address_memory_free(fixture->upstream.memory);
    dns_channel_free(fixture->channel);
    poller_free(fixture->upstream.poller);
    fake_dns_stop(&fixture->dns);
    close(fixture->server_listener);
    close(fixture->server);
    close(fixture->client);
    finish_loop(&fixture->loop);
    policy_view_release(&fixture->view);
    policy_feed_release(&fixture->feed);
    free(fixture);
    return 0;
}

static void connect_client(struct fixture *fixture)
{
    fixture->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connect_socket(fixture->client, "127.0.0.1", fixture->gate_port);
}

static void send_bytes(int descriptor, const void *bytes, size_t size)
{
    assert_int_equal(send(descriptor, bytes, size, MSG_NOSIGNAL), size);
}

static void await_events(struct fixture *fixture, unsigned count)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (fixture->event_count < count) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(fixture->event_count, count);
}

static void expect_event(struct fixture *fixture, enum reason reason, enum gate_end end)
{
    await_events(fixture, 1);
    assert_string_equal(reason_word(fixture->event.verdict.reason), reason_word(reason));
    assert_string_equal(gate_end_word(fixture->event.end), gate_end_word(end));
    assert_int_equal(gate_connection_count(fixture->gate), 0);
}

static int64_t accept_server(struct fixture *fixture)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while ((fixture->server = accept(fixture->server_listener, NULL, NULL)) < 0) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    return fixture->server;
}

static void expect_bytes(struct fixture *fixture, int descriptor, const void *expected, size_t size)
{
    uint8_t buffer[2048];
    size_t received = 0;
    while (received < size) {
        ssize_t got =
            await_bytes(&fixture->loop, descriptor, buffer + received, sizeof(buffer) - received);
        assert_true(got > 0);
        received += (size_t)got;
    }
    assert_int_equal(received, size);
    assert_memory_equal(buffer, expected, size);
}

/* The client gets this alert alone (or nothing), then a clean end. */
static void expect_alert(struct fixture *fixture, int alert)
{
    const uint8_t record[] = { 21, 3, 3, 0, 2, 2, (uint8_t)alert };
    char byte;
    if (alert != NO_ALERT)
        expect_bytes(fixture, fixture->client, record, sizeof(record));
    assert_int_equal(await_bytes(&fixture->loop, fixture->client, &byte, 1), 0);
}

static const struct refusal_row {
    const char *name;
    const char *server_name; /* of an ordinary hello; or: */
    const char *bytes;
    size_t size;
    enum reason reason;
    int alert;
} refusal_rows[] = {
    { "a name without a rule", "other.test", NULL, 0, REASON_NO_RULE, 112 },
    { "a name below one that is allowed", "x.api.test", NULL, 0, REASON_NO_RULE, 112 },
    { "a final dot", "api.test.", NULL, 0, REASON_BAD_SERVER_NAME, 47 },
    { "an address", "192.0.2.1", NULL, 0, REASON_ADDRESS_AS_SERVER_NAME, 47 },
    { "an empty record", NULL, BYTES("\x16\3\1\0\0"), REASON_MALFORMED_HELLO, 50 },
    { "a hello of 16 MiB", NULL, BYTES("\x16\3\1\0\4\1\xff\xff\xff"), REASON_HELLO_TOO_LARGE, 50 },
    { "plain HTTP", NULL, BYTES("GET / HTTP/1.1\r\n\r\n"), REASON_NOT_TLS, NO_ALERT },
};

static void refuses(void **state)
{
    const struct refusal_row *row = *state;
    struct fixture *fixture;
    assert_int_equal(set_up((void **)&fixture), 0);
    uint8_t records[1024];
    connect_client(fixture);
    if (row->server_name != NULL)
        send_bytes(fixture->client, records, make_hello_records(row->server_name, 16384, records));
    else
        send_bytes(fixture->client, row->bytes, row->size);
    expect_alert(fixture, row->alert);
    assert_int_equal(fixture->event_count, 0); /* the gate waits for the client to leave first */
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    expect_event(fixture, row->reason, GATE_END_REFUSED);
    assert_int_equal(accept(fixture->server_listener, NULL, NULL), -1);
    assert_int_equal(fixture->dns.question_count, 0); /* not even a name goes out */
    assert_int_equal(fixture->event.server.address.family, 0);
    assert_int_equal(tear_down((void **)&fixture), 0);
}

static void passes_the_very_same_bytes(void **state)
{
    struct fixture *fixture = *state;
    uint8_t records[1024];
    size_t size = make_hello_records("API.test", 20, records);
    char byte;
    connect_client(fixture);
    for (size_t i = 0; i < size; i++) {
        send_bytes(fixture->client, records + i, 1);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, records, size);
    send_bytes(fixture->server, "reply", 5);
    expect_bytes(fixture, fixture->client, "reply", 5);
    assert_int_equal(gate_connection_count(fixture->gate), 1);
    assert_int_equal(fixture->opened_count, 1);
    gate_walk_begin(fixture->gate);
    assert_false(gate_walk_some(fixture->gate, expect_seen, fixture));
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    assert_int_equal(await_bytes(&fixture->loop, fixture->server, &byte, 1), 0);
    assert_int_equal(shutdown(fixture->server, SHUT_WR), 0);
    expect_event(fixture, REASON_ALLOWED, GATE_END_CLOSED);
    assert_int_equal(fixture->event.bytes_up, size);
    assert_int_equal(fixture->event.bytes_down, 5);
    assert_int_equal(gate_bytes(fixture->gate).up, size);
    assert_int_equal(gate_bytes(fixture->gate).down, 5);
    assert_int_equal(fixture->opened_count, 1);
    assert_int_equal(fixture->event.verdict.rule_id, 7);
    assert_int_equal(fixture->event.port, fixture->server_port);
    assert_int_equal(fixture->event.server.port, fixture->server_port);
    assert_string_equal(fixture->event_name, "api.test");
    struct endpoint client = socket_endpoint(fixture->client);
    assert_true(endpoint_equal(&fixture->event.client, &client));
}

static void passes_what_came_with_the_hello(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[1024];
    size_t size = make_hello_records("api.test", 16384, bytes);
    memcpy(bytes + size, "\x17\3\3\0\4data", 9);
    connect_client(fixture);
    send_bytes(fixture->client, bytes, size + 9);
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, bytes, size + 9);
}

static void send_hello(struct fixture *fixture)
{
    uint8_t records[1024];
    connect_client(fixture);
    send_bytes(fixture->client, records, make_hello_records("api.test", 16384, records));
}

static void refuses_a_private_address(void **state)
{
    struct fixture *fixture = *state;
    assert_true(ip_address_parse("10.0.0.1", &fixture->dns.address[0]));
    send_hello(fixture);
    expect_alert(fixture, 80);
    close(fixture->client);
    fixture->client = -1;
    expect_event(fixture, REASON_UPSTREAM_ADDRESS_REFUSED, GATE_END_REFUSED);
    assert_int_equal(fixture->event.server_fitness, ADDRESS_PRIVATE);
    assert_int_equal(fixture->event.verdict.decision, DECISION_DENY);
    assert_int_equal(fixture->event.verdict.rule_id, 7);
}

static void add_range(struct fixture *fixture, const char *text)
{
    struct ip_network range;
    assert_true(ip_network_parse(text, &range));
    assert_true(gate_addresses_add_range(&fixture->addresses, &range));
}

/* The client comes to 127.0.0.1 as ever. */
static void refuses_a_name_at_anothers_address(void **state)
{
    struct fixture *fixture = *state;
    add_range(fixture, "127.0.0.0/8");
    send_hello(fixture);
    expect_alert(fixture, 112);
    shutdown(fixture->client, SHUT_WR);
    expect_event(fixture, REASON_ADDRESS_MISMATCH, GATE_END_REFUSED);
    assert_int_equal(fixture->event.verdict.decision, DECISION_DENY);
    assert_int_equal(fixture->event.verdict.rule_id, 7);
    assert_int_equal(fixture->event.arrived_at.fit, GATE_ADDRESS_OF_ANOTHER);
    assert_memory_equal(fixture->event.arrived_at.address.bytes, "\x7f\0\0\1", 4);
    assert_int_equal(fixture->dns.question_count, 0);
    assert_int_equal(gate_unchecked_address_count(fixture->gate), 0);
}

/* Lets one connection through and closes it. */
static void pass_through(struct fixture *fixture)
{
    send_hello(fixture);
    accept_server(fixture);
    close(fixture->client);
    fixture->client = -1;
    close(fixture->server);
    fixture->server = -1;
    await_events(fixture, 1);
    assert_int_equal(fixture->event.verdict.reason, REASON_ALLOWED);
}

static void admits_a_name_at_its_address(void **state)
{
    struct fixture *fixture = *state;
    add_range(fixture, "127.0.0.0/30"); /* of its two addresses, this is the name's */
    pass_through(fixture);
    assert_int_equal(fixture->event.arrived_at.fit, GATE_ADDRESS_OF_NAME);
    assert_int_equal(gate_unchecked_address_count(fixture->gate), 0);
}

static void counts_addresses_outside_all_ranges(void **state)
{
    struct fixture *fixture = *state;
    add_range(fixture, "10.0.0.0/8");
    pass_through(fixture);
    assert_int_equal(fixture->event.arrived_at.fit, GATE_ADDRESS_OUTSIDE);
    assert_int_equal(gate_unchecked_address_count(fixture->gate), 1);
}

static void refuses_when_the_server_is_down(void **state)
{
    struct fixture *fixture = *state;
    assert_true(ip_address_parse("127.0.0.9", &fixture->dns.address[0]));
    send_hello(fixture);
    expect_alert(fixture, 80);
    shutdown(fixture->client, SHUT_WR);
    expect_event(fixture, REASON_UPSTREAM_CONNECT_FAILED, GATE_END_REFUSED);
}

/* The gate does not wait for ever: one second after the alert it closes. */
static void closes_on_a_refused_client_that_stays(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    send_bytes(fixture->client, BYTES("GET"));
    expect_event(fixture, REASON_NOT_TLS, GATE_END_REFUSED);
    assert_true(fixture->event.duration_ms >= 900);
}

static void refuses_a_hello_that_is_cut_short(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    send_bytes(fixture->client, BYTES("\x16\3\1\1\0\1"));
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    expect_alert(fixture, 50);
    expect_event(fixture, REASON_HELLO_CUT_SHORT, GATE_END_REFUSED);
}

static void says_nothing_to_a_client_that_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    connect_client(fixture);
    assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    expect_alert(fixture, NO_ALERT);
    expect_event(fixture, REASON_HELLO_CUT_SHORT, GATE_END_REFUSED);
}

static void close_with_reset(int *descriptor)
{
    const struct linger at_once = { 1, 0 };
    assert_int_equal(setsockopt(*descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(*descriptor);
    *descriptor = -1;
}

static void notices_that_the_client_left_while_resolving(void **state)
{
    struct fixture *fixture = *state;
    fixture->dns.rcode = FAKE_DNS_SILENT;
    send_hello(fixture);
    while (fixture->dns.question_count == 0)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    close_with_reset(&fixture->client);
    expect_event(fixture, REASON_ALLOWED, GATE_END_CLIENT_RESET);
    assert_int_equal(accept(fixture->server_listener, NULL, NULL), -1);
}

static void passes_resets_on(void **state)
{
    struct fixture *fixture = *state;
    uint8_t hello[1024];
    char byte;
    send_hello(fixture);
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, hello, make_hello_records("api.test", 16384, hello));
    close_with_reset(&fixture->client);
    expect_event(fixture, REASON_ALLOWED, GATE_END_CLIENT_RESET);
    assert_int_equal(await_bytes(&fixture->loop, fixture->server, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void shutdown_closes_what_is_open(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    send_hello(fixture);
    accept_server(fixture);
    gate_stop(fixture->gate);
    assert_int_equal(gate_connection_count(fixture->gate), 1);
    gate_close_all(fixture->gate);
    expect_event(fixture, REASON_ALLOWED, GATE_END_DRAINED);
    while (await_bytes(&fixture->loop, fixture->server, &byte, 1) > 0)
        continue;
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct endpoint gate = { { 4, { 127, 0, 0, 1 } }, fixture->gate_port };
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&gate, &address);
    assert_int_equal(connect(late, (struct sockaddr *)&address, size), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(late);
}

static void who_waits_is_accepted_at_last(void **state)
{
    struct fixture *fixture = *state;
    uint8_t hello[1024];
    send_hello(fixture);
    gate_accept_last(fixture->gate);
    assert_int_equal(gate_connection_count(fixture->gate), 1);
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, hello, make_hello_records("api.test", 16384, hello));
}

/* Another process has the listener open: what comes is left to it. */
static void stopped_gate_leaves_a_shared_listener_alone(void **state)
{
    struct fixture *fixture = *state;
    int shared = dup(fixture->gate_listener);
    gate_stop(fixture->gate);
    connect_client(fixture);
    for (int i = 0; i < 10; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT); /* an event would reach a listener that is freed */
    int accepted = accept4(shared, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    close(accepted);
    close(shared);
}

static void turns_clients_away_without_descriptors(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit limit, none;
    connect_client(fixture);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){ (rlim_t)fixture->client + 1, limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_event(fixture, REASON_OUT_OF_RESOURCES, GATE_END_REFUSED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_alert(fixture, 80);
    close(fixture->client);
    uint8_t hello[1024];
    send_hello(fixture); /* the next one finds the gate well */
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, hello, make_hello_records("api.test", 16384, hello));
}

/* It is counted, and goes on as it came. */
static void counts_ech(void **state)
{
    struct fixture *fixture = *state;
    uint8_t extensions[512], message[1024], hello[1024];
    struct writer extension = writer_over(extensions, sizeof(extensions));
    struct writer body = writer_over(message, sizeof(message));
    struct writer records = writer_over(hello, sizeof(hello));
    put_server_name(&extension, "api.test", 8);
    writer_uint(&extension, 0xfe0d, 2);
    writer_uint(&extension, 0, 2);
    put_hello(&body, extensions, writer_size(&extension));
    put_records(&records, &body, 16384);
    assert_int_equal(gate_ech_count(fixture->gate), 0);
    connect_client(fixture);
    send_bytes(fixture->client, hello, writer_size(&records));
    accept_server(fixture);
    expect_bytes(fixture, fixture->server, hello, writer_size(&records));
    assert_int_equal(gate_ech_count(fixture->gate), 1);
}

static void accepts_a_crowd(void **state)
{
    struct fixture *fixture = *state;
    enum { CROWD = 200 };
    int clients[CROWD];
    for (size_t i = 0; i < CROWD; i++) {
        connect_client(fixture);
        clients[i] = fixture->client;
        send_bytes(fixture->client, "x", 1);
        assert_int_equal(shutdown(fixture->client, SHUT_WR), 0);
    }
    await_events(fixture, CROWD);
    for (size_t i = 0; i < CROWD; i++)
        close(clients[i]);
    fixture->client = -1;
}

#define TEST(function)                                                                             \
    {                                                                                              \
#function, function, set_up, tear_down, NULL                                               \
    }

int main(void)
{
    static const struct CMUnitTest whole[] = {
        TEST(passes_the_very_same_bytes),
        TEST(passes_what_came_with_the_hello),
        TEST(refuses_a_private_address),
        TEST(refuses_a_name_at_anothers_address),
        TEST(admits_a_name_at_its_address),
        TEST(counts_addresses_outside_all_ranges),
        TEST(refuses_when_the_server_is_down),
        TEST(closes_on_a_refused_client_that_stays),
        TEST(refuses_a_hello_that_is_cut_short),
        TEST(says_nothing_to_a_client_that_says_nothing),
        TEST(notices_that_the_client_left_while_resolving),
        TEST(passes_resets_on),
        TEST(shutdown_closes_what_is_open),
        TEST(who_waits_is_accepted_at_last),
        TEST(stopped_gate_leaves_a_shared_listener_alone),
        TEST(turns_clients_away_without_descriptors),
        TEST(counts_ech),
        TEST(accepts_a_crowd),
    };
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, refusal_rows, refuses);
    for (size_t i = 0; i < COUNT(whole); i++)
        tests.list[tests.count++] = whole[i];
    return tests_run(&tests, "gate");
}
