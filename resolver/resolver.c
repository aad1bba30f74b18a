/* resolver/resolver.c - bytes of a query in, bytes of its answer out. */
#include "resolver/resolver.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "resolver/dns.h"

#include <assert.h>
#include <string.h>

static_assert((int)RESOLVER_ANSWER_MAX == (int)DNS_ANSWER_MAX,
              "callers give the room that an answer may need");

void resolver_init(struct resolver *resolver, struct policy_view *policy,
                   const struct gate_addresses *gate, struct resolver_sink sink)
{
    resolver->policy = policy;
    resolver->gate = gate;
    resolver->sink = sink;
    resolver->lookup = (struct resolver_lookup){ 0 };
    resolver->waiting_count = 0;
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
    case ANSWER_FAILED:
        return RESOLVER_FAILED;
    case ANSWER_NO_NAME:
        return RESOLVER_NOT_FOUND;
    case ANSWER_NO_DATA:
        return RESOLVER_NO_DATA;
    case ANSWER_ADDRESSES:
        return RESOLVER_ADDRESSES;
    case ANSWER_DENIED:
        break;
    }
    return RESOLVER_DENIED;
}

/* One query that was read, and what is known about it. */
struct asked {
    const struct query *query;
    enum query_status status;
    struct endpoint client;
    int64_t now_s;
    bool is_tcp, may_wait;
    enum name_existence existence; /* NAME_UNKNOWN before a look-up */
};

/* The root is nobody's server, and other types than addresses lead nowhere. */
static bool is_worth_telling(enum answer_kind kind, const struct asked *asked,
                             const struct verdict *verdict)
{
    bool asks_for_address = asked->query->type == DNS_TYPE_A || asked->query->type == DNS_TYPE_AAAA;
    bool is_denial = verdict->decision == DECISION_DENY;
    switch (kind) {
    case ANSWER_DENIED:
        return true;
    case ANSWER_NO_DATA:
        return is_denial && asks_for_address && asked->query->name.label_count > 0;
    case ANSWER_ADDRESSES:
        return verdict->reason == REASON_OBSERVED && asks_for_address;
    case ANSWER_FAILED:
    case ANSWER_NO_NAME:
    case ANSWER_ERROR:
        break;
    }
    return false;
}

static void tell(const struct resolver *resolver, const struct asked *asked,
                 const struct verdict *verdict, const struct policy *policy)
{
    struct resolver_event event = { asked->client, &asked->query->name, asked->query->type,
                                    *verdict, policy };
    if (resolver->sink.query_denied != NULL)
        resolver->sink.query_denied(resolver->sink.context, &event);
}

static size_t answer(struct resolver *resolver, const struct asked *asked, uint8_t *ret_answer)
{
    const struct policy *policy = policy_view_get(resolver->policy);
    struct answer_terms terms = {
        .settings = policy_settings(policy),
        .gate = resolver->gate,
        .existence = asked->existence,
        .keepalive_100ms = asked->is_tcp ? RESOLVER_TCP_IDLE_MS / 100 : 0,
    };
    if (asked->status == QUERY_OK) {
        struct policy_question question = { asked->client.address, &asked->query->name };
        terms.verdict = policy_decide_lookup(policy, &question, asked->now_s);
        if (asked->may_wait && terms.verdict.reason == REASON_OBSERVED)
            return RESOLVER_WAITS;
    }
    struct writer writer = writer_over(ret_answer, RESOLVER_ANSWER_MAX);
    enum answer_kind kind = answer_compose(asked->query, asked->status, &terms, &writer);
    resolver_count(resolver, asked->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    resolver_count(resolver, counter_of_kind(kind, asked->status), 1);
    if (terms.verdict.rule_id != 0 && resolver->sink.rule_decided != NULL)
        resolver->sink.rule_decided(resolver->sink.context, terms.verdict.rule_id, asked->now_s);
    if (is_worth_telling(kind, asked, &terms.verdict))
        tell(resolver, asked, &terms.verdict, policy);
    return writer.failed ? 0 : writer_size(&writer);
}

size_t resolver_answer(struct resolver *resolver, const struct resolver_request *request,
                       uint8_t *ret_answer)
{
    struct query query;
    enum query_status status = query_parse(reader_over(request->bytes, request->size), &query);
    if (status == QUERY_IGNORED) {
        resolver_count(resolver, request->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
        resolver_count(resolver, RESOLVER_IGNORED, 1);
        return 0;
    }
    const struct asked asked = { .query = &query,
                                 .status = status,
                                 .client = request->client,
                                 .now_s = request->now_s,
                                 .is_tcp = request->is_tcp,
                                 .may_wait = request->may_wait };
    return answer(resolver, &asked, ret_answer);
}

/* Waiting for a look-up */

bool resolver_wait(struct resolver *resolver, const struct resolver_request *request,
                   resolver_answered_fn on_answered, struct resolver_waiting *waiting)
{
    if (resolver->lookup.start == NULL || resolver->waiting_count >= RESOLVER_WAITING_MAX)
        return false;
    waiting->resolver = resolver;
    waiting->on_answered = on_answered;
    waiting->client = request->client;
    waiting->is_tcp = request->is_tcp;
    if (query_parse(reader_over(request->bytes, request->size), &waiting->query) != QUERY_OK)
        return false; /* resolver_answer() was not asked */
    assert(waiting->query.question_size <= sizeof(waiting->question));
    memcpy(waiting->question, waiting->query.question, waiting->query.question_size);
    waiting->query.question = waiting->question;
    waiting->lookup =
        resolver->lookup.start(resolver->lookup.context, &waiting->query.name, waiting);
    resolver->waiting_count += waiting->lookup != NULL;
    return waiting->lookup != NULL;
}

void resolver_looked_up(struct resolver_waiting *waiting, enum name_existence existence)
{
    uint8_t bytes[RESOLVER_ANSWER_MAX];
    const struct asked asked = { .query = &waiting->query,
                                 .status = QUERY_OK,
                                 .client = waiting->client,
                                 .now_s = clock_realtime_s(),
                                 .is_tcp = waiting->is_tcp,
                                 .existence = existence };
    waiting->lookup = NULL;
    waiting->resolver->waiting_count--;
    size_t size = answer(waiting->resolver, &asked, bytes);
    waiting->on_answered(waiting, bytes, size);
}

void resolver_wait_cancel(struct resolver_waiting *waiting)
{
    struct resolver *resolver = waiting->resolver;
    resolver->lookup.cancel(waiting->lookup);
    waiting->lookup = NULL;
    resolver->waiting_count--;
    resolver_count(resolver, waiting->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    resolver_count(resolver, RESOLVER_LEFT, 1);
}
