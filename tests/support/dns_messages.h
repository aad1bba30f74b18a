/* tests/support/dns_messages.h - DNS queries put together by hand, and a resolver with a policy to
 * ask. */
#pragma once
#include "base/address.h"
#include "base/writer.h"
#include "policies.h"
#include "policy/gate_address.h"
#include "policy/policy_feed.h"
#include "resolver/dns.h"
#include "resolver/resolver.h"

/* 2026-11-22; rules without an expiry hold at any time. */
enum { TEST_NOW_S = 1795305600, TEST_QUERY_ID = 0xbeef, TEST_QUERY_MAX = 1024 };

/* A header whose four counts are the last four arguments' digits: 0x1001 is one question and one
 * additional. */
static inline void put_header(struct writer *message, uint32_t flags, uint32_t counts)
{
    writer_uint(message, TEST_QUERY_ID, 2);
    writer_uint(message, flags, 2);
    for (unsigned shift = 16; shift > 0; shift -= 4)
        writer_uint(message, counts >> (shift - 4) & 0xf, 2);
}

/* "" is the root; no final dot. */
static inline void put_name(struct writer *message, const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");
        writer_uint(message, (uint32_t)size, 1);
        writer_bytes(message, name, size);
        name += size + (name[size] == '.');
    }
    writer_uint(message, 0, 1);
}

static inline void put_question(struct writer *message, const char *name, uint32_t type,
                                uint32_t class)
{
    put_name(message, name);
    writer_uint(message, type, 2);
    writer_uint(message, class, 2);
}

/* An OPT record of the root with flags and options. */
static inline void put_opt(struct writer *message, uint32_t version_and_flags, const char *options,
                           size_t size)
{
    writer_uint(message, 0, 1);
    writer_uint(message, DNS_TYPE_OPT, 2);
    writer_uint(message, 4096, 2);
    writer_uint(message, version_and_flags, 4);
    writer_uint(message, (uint32_t)size, 2);
    writer_bytes(message, options, size);
}

/* A plain query, RD set, with an OPT record where asked for; returns its size. */
static inline size_t make_query(const char *name, uint32_t type, bool has_edns,
                                uint8_t buffer[TEST_QUERY_MAX])
{
    struct writer message = writer_over(buffer, TEST_QUERY_MAX);
    put_header(&message, DNS_FLAG_RECURSION_DESIRED, has_edns ? 0x1001 : 0x1000);
    put_question(&message, name, type, DNS_CLASS_IN);
    if (has_edns)
        put_opt(&message, 0, NULL, 0);
    assert_false(message.failed);
    return writer_size(&message);
}

/* A resolver, and all it borrows. */
struct test_resolver {
    struct policy_feed feed;
    struct policy_view view;
    struct gate_addresses gate;
    struct resolver resolver;
};

static inline struct ip_address test_address(const char *text)
{
    struct ip_address address;
    assert_true(ip_address_parse(text, &address));
    return address;
}

/* With rules as policies.h reads them, and no gate address yet. */
static inline void test_resolver_init(struct test_resolver *test, const char *rules,
                                      const struct settings *settings)
{
    struct policy_builder *builder = policy_builder_new(&test_ports);
    assert_non_null(builder);
    for (int64_t id = 1; *rules != '\0'; id++) {
        struct compiled_rule rule = rule_take(&rules, id);
        assert_true(policy_builder_add(builder, &rule));
    }
    *test = (struct test_resolver){ 0 };
    policy_feed_init(&test->feed, policy_builder_finish(builder, settings, 1));
    policy_view_init(&test->view, &test->feed);
    resolver_init(&test->resolver, &test->view, &test->gate, (struct resolver_sink){ 0 });
}

static inline void test_resolver_gate(struct test_resolver *test, const char *address_text)
{
    struct ip_address address = test_address(address_text);
    assert_true(gate_addresses_add(&test->gate, &address));
}

static inline void test_resolver_release(struct test_resolver *test)
{
    policy_view_release(&test->view);
    policy_feed_release(&test->feed);
}

/* Asks as a client on UDP does. */
static inline size_t test_resolver_ask(struct test_resolver *test, const uint8_t *query,
                                       size_t size, uint8_t ret_answer[RESOLVER_ANSWER_MAX])
{
    struct resolver_request request = {
        .bytes = query,
        .size = size,
        .client = { test_address("192.0.2.7"), 40000 },
        .now_s = TEST_NOW_S,
    };
    return resolver_answer(&test->resolver, &request, ret_answer);
}
