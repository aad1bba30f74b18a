/* tests/support/upstream_fixture.h - one request on a loop with a DNS server of its own, a listener
 * on loopback, and what was told of both steps. */
#pragma once
#include "net/socket.h"
#include "upstream/upstream.h"

#include "fake_dns.h"
#include "policy/host_name.h"
#include "policy/policy_builder.h"
#include "policy/policy_feed.h"
#include "unit.h"

#include <stdlib.h>

enum { NOT_DONE = -1 };

static int64_t ahead_ms; /* the cache's clock is ahead by this */

static inline int64_t shifted_clock(void)
{
    return clock_monotonic_ms() + ahead_ms;
}

struct fixture {
    uv_loop_t loop;
    struct fake_dns dns;
    struct policy_feed feed;
    struct policy_view view;
    struct dns_channel *channel;
    struct upstream upstream;
    struct upstream_request request;
    int listener; /* on 127.0.0.1, and its port */
    uint16_t port;
    int looked_up, connected;   /* the reasons that came */
    enum board_rank ranks[256]; /* of certificates, by the last byte of an address */
};

/* A policy without rules, that opens these networks. */
static inline struct policy *make_policy(const char *open_networks)
{
    const struct policy_ports ports = { { 443 }, 1 };
    struct settings settings = settings_default();
    assert_int_equal(settings_set(&settings, "allowed_private_networks", open_networks),
                     SETTING_OK);
    return policy_builder_finish(policy_builder_new(&ports), &settings, 1);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct fault fault;
    int error;
    uv_loop_init(&fixture->loop);
    fake_dns_start(&fixture->dns, &fixture->loop);
    policy_feed_init(&fixture->feed, make_policy("127.0.0.0/8"));
    policy_view_init(&fixture->view, &fixture->feed);
    fixture->channel = dns_channel_new(&fixture->loop, &fixture->dns.endpoint, 1, &fault);
    fixture->upstream = (struct upstream){
        .loop = &fixture->loop,
        .poller = poller_new(&fixture->loop, &error),
        .names = name_cache_new(fixture->channel, shifted_clock),
        .memory = address_memory_new(clock_monotonic_ms),
        .view = &fixture->view,
        .descriptor_limit = socket_descriptor_limit(),
    };
    upstream_request_init(&fixture->request, &fixture->upstream);
    fixture->listener = bound_socket(SOCK_STREAM, "127.0.0.1:0");
    fixture->port = socket_endpoint(fixture->listener).port;
    fixture->looked_up = fixture->connected = NOT_DONE;
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    upstream_request_close(&fixture->request, NULL);
    name_cache_free(fixture->upstream.names);
    address_memory_free(fixture->upstream.memory);
    dns_channel_free(fixture->channel);
    poller_free(fixture->upstream.poller);
    fake_dns_stop(&fixture->dns);
    close(fixture->listener);
    finish_loop(&fixture->loop);
    policy_view_release(&fixture->view);
    policy_feed_release(&fixture->feed);
    free(fixture);
    return 0;
}

static inline struct fixture *fixture_of(struct upstream_request *request)
{
    return (struct fixture *)((char *)request - offsetof(struct fixture, request));
}

static inline void note_looked_up(struct upstream_request *request, enum reason reason)
{
    assert_int_equal(fixture_of(request)->looked_up, NOT_DONE);
    fixture_of(request)->looked_up = (int)reason;
}

static inline void note_connected(struct upstream_request *request, enum reason reason)
{
    assert_int_equal(fixture_of(request)->connected, NOT_DONE);
    fixture_of(request)->connected = (int)reason;
}

static inline void await(struct fixture *fixture, const int *outcome)
{
    int64_t deadline_ms = clock_monotonic_ms() + AWAIT_MS;
    while (*outcome == NOT_DONE) {
        assert_true(clock_monotonic_ms() < deadline_ms);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
}

static inline void start_lookup(struct fixture *fixture)
{
    struct host_name name;
    assert_int_equal(host_name_parse(BYTES("api.example.com"), &name), HOST_NAME_OK);
    upstream_lookup(&fixture->request, &name, note_looked_up);
}

static inline enum reason look_up(struct fixture *fixture)
{
    start_lookup(fixture);
    await(fixture, &fixture->looked_up);
    return (enum reason)fixture->looked_up;
}

static inline enum reason reach(struct fixture *fixture)
{
    assert_int_equal(look_up(fixture), REASON_ALLOWED);
    upstream_connect(&fixture->request, fixture->port, note_connected);
    await(fixture, &fixture->connected);
    return (enum reason)fixture->connected;
}

static inline void expect_endpoint(const struct fixture *fixture, const char *address,
                                   enum address_fitness fitness)
{
    struct endpoint expected = { .port = fixture->port };
    assert_true(ip_address_parse(address, &expected.address));
    assert_true(endpoint_equal(&fixture->request.endpoint, &expected));
    assert_int_equal(fixture->request.fitness, fitness);
}
