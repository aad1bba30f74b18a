/* resolver/resolver.c - bytes of a query in, bytes of its answer out. */
#include "resolver/resolver.h"

#include "base/reader.h"
#include "base/writer.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "resolver/answer.h"
#include "resolver/dns.h"

#include <assert.h>

static_assert((int)RESOLVER_ANSWER_MAX == (int)DNS_ANSWER_MAX,
              "callers give the room that an answer may need");

void resolver_init(struct resolver *resolver, struct policy_view *policy,
                   const struct gate_addresses *gate, struct resolver_sink sink)
{
    resolver->policy = policy;
    resolver->gate = gate;
    resolver->sink = sink;
    for (size_t i = 0; i < RESOLVER_COUNTER_COUNT; i++)
        atomic_init(&resolver->counters[i], 0);
}

const char *resolver_counter_word(enum resolver_counter counter)
{
#define RESOLVER_COUNTER_WORD(constant, word) [RESOLVER_##constant] = word,
    static const char *const words[RESOLVER_COUNTER_COUNT] = { RESOLVER_COUNTER_LIST(
        RESOLVER_COUNTER_WORD) };
#undef RESOLVER_COUNTER_WORD
    return words[counter];
}

uint64_t resolver_counter_read(const struct resolver *resolver, enum resolver_counter counter)
{
    return atomic_load_explicit(&resolver->counters[counter], memory_order_relaxed);
}

static enum resolver_counter counter_of_error(enum query_status status)
{
    switch (status) {
    case QUERY_FORMAT_ERROR:
        return RESOLVER_FORMAT_ERROR;
    case QUERY_NOT_IMPLEMENTED:
        return RESOLVER_NOT_IMPLEMENTED;
    case QUERY_BAD_VERSION:
        return RESOLVER_BAD_VERSION;
    case QUERY_REFUSED:
        return RESOLVER_REFUSED;
    case QUERY_IGNORED:
    case QUERY_OK:
        break;
    }
    return RESOLVER_IGNORED;
}

static enum resolver_counter counter_of_kind(enum answer_kind kind, enum query_status status)
{
    switch (kind) {
    case ANSWER_ERROR:
        return counter_of_error(status);
    case ANSWER_NO_DATA:
        return RESOLVER_NO_DATA;
    case ANSWER_ADDRESSES:
        return RESOLVER_ADDRESSES;
    case ANSWER_DENIED:
        break;
    }
    return RESOLVER_DENIED;
}

static void tell_denied(const struct resolver *resolver, const struct endpoint *client,
                        const struct query *query, const struct verdict *verdict)
{
    struct resolver_event event = { *client, &query->name, query->type, *verdict };
    if (resolver->sink.query_denied != NULL)
        resolver->sink.query_denied(resolver->sink.context, &event);
}

/* A parent of an allowed name exists, but its own address is denied. Other types of it are asked on
 * the way to the names below (RFC 9156 2.3), and nobody is denied anything. */
static bool is_denied(enum answer_kind kind, const struct query *query,
                      const struct verdict *verdict)
{
    bool asks_address = query->type == DNS_TYPE_A || query->type == DNS_TYPE_AAAA;
    bool is_parent = verdict->decision == DECISION_DENY && query->name.label_count > 0;
    return kind == ANSWER_DENIED || (kind == ANSWER_NO_DATA && is_parent && asks_address);
}

size_t resolver_answer(struct resolver *resolver, const struct resolver_request *request,
                       uint8_t *ret_answer)
{
    struct query query;
    enum query_status status = query_parse(reader_over(request->bytes, request->size), &query);
    resolver_count(resolver, request->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    if (status == QUERY_IGNORED) {
        resolver_count(resolver, RESOLVER_IGNORED, 1);
        return 0;
    }
    const struct policy *policy = policy_view_get(resolver->policy);
    struct answer_terms terms = {
        .settings = policy_settings(policy),
        .gate = resolver->gate,
        .keepalive_100ms = request->is_tcp ? RESOLVER_TCP_IDLE_MS / 100 : 0,
    };
    if (status == QUERY_OK) {
        struct policy_question question = { request->client.address, &query.name };
        terms.verdict = policy_decide_lookup(policy, &question, request->now_s);
    }
    struct writer answer = writer_over(ret_answer, RESOLVER_ANSWER_MAX);
    enum answer_kind kind = answer_compose(&query, status, &terms, &answer);
    resolver_count(resolver, counter_of_kind(kind, status), 1);
    if (is_denied(kind, &query, &terms.verdict))
        tell_denied(resolver, &request->client, &query, &terms.verdict);
    return answer.failed ? 0 : writer_size(&answer);
}
