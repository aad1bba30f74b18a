/* resolver/resolver.c - bytes of a query in, bytes of its answer out. */
#include "resolver/resolver.h"

#include "base/clock.h"
#include "base/reader.h"
#include "base/writer.h"
#include "policy/policy.h"
#include "policy/policy_feed.h"
#include "resolver/dns.h"
#include "resolver/query_limit.h"
#include "resolver/search_name.h"

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
    resolver->identity = NULL;
    resolver->limit = NULL;
    resolver->zones = NULL;
    resolver->forwarder = NULL;
    resolver->waiting_count = resolver->forwarding_count = 0;
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
    case QUERY_IDENTITY:
        return RESOLVER_REFUSED;
    case QUERY_COOKIE_ALONE:
    case QUERY_BAD_COOKIE:
        return RESOLVER_COOKIE_ALONE;
    case QUERY_OVER_LIMIT:
        return RESOLVER_LIMIT_REFUSED;
    case QUERY_BY_TCP:
        return RESOLVER_LIMIT_BY_TCP;
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
    case ANSWER_IDENTITY:
        return RESOLVER_IDENTITY;
    case ANSWER_NO_DATA:
        return RESOLVER_NO_DATA;
    case ANSWER_ADDRESSES:
        return RESOLVER_ADDRESSES;
    case ANSWER_FORWARDED:
        return RESOLVER_FORWARDED;
    case ANSWER_DENIED:
        break;
    }
    return RESOLVER_DENIED;
}

/* One query that was read, and what is known about it. */
struct asked {
    const struct query *query;
    const struct name_hashes *hashes; /* of its name; NULL: not known */
    enum query_status status;
    struct endpoint client;
    int64_t now_s;
    bool is_tcp, may_wait;
    enum name_existence existence; /* NAME_UNKNOWN before a look-up */
    enum name_standing standing;
    const struct forwarded_answer *forwarded; /* of STANDING_FORWARDED */
    uint16_t failure;                         /* of STANDING_FAILED */
};

/* The name that rules decide on; NULL: they have no say. */
static const struct host_name *decided_name(const struct asked *asked)
{
    switch (asked->standing) {
    case STANDING_RULES:
        return &asked->query->name;
    case STANDING_FORWARDED:
        return asked->forwarded->leaves_zone ? &asked->forwarded->target : NULL;
    case STANDING_FAILED:
    case STANDING_MISSING:
        break;
    }
    return NULL;
}

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
        return is_denial && asks_for_address && decided_name(asked)->label_count > 0;
    case ANSWER_ADDRESSES:
        return verdict->reason == REASON_OBSERVED && asks_for_address;
    case ANSWER_FAILED:
    case ANSWER_NO_NAME:
    case ANSWER_IDENTITY:
    case ANSWER_ERROR:
    case ANSWER_FORWARDED:
        break;
    }
    return false;
}

static void tell(const struct resolver *resolver, const struct asked *asked,
                 const struct verdict *verdict, const struct policy *policy)
{
    struct resolver_event event = {
        asked->client, decided_name(asked), asked->query->type, *verdict, policy, asked->now_s
    };
    if (resolver->sink.query_denied != NULL)
        resolver->sink.query_denied(resolver->sink.context, &event);
}

static void tell_decision(const struct resolver *resolver, const struct asked *asked,
                          const struct answer_terms *terms)
{
    const struct verdict *verdict = &terms->verdict;
    const struct resolver_decision decision = {
        .client = &asked->client,
        .name = decided_name(asked),
        .verdict = verdict,
        .now_s = asked->now_s,
        .is_given = verdict->reason == REASON_ALLOWED && terms->standing != STANDING_MISSING,
    };
    if (resolver->sink.rule_decided != NULL)
        resolver->sink.rule_decided(resolver->sink.context, &decision);
}

/* Below a search domain only a rule for this very name tells it from what a search list made. A
 * client that is observed gets what the upstream DNS says. */
static bool is_search_name(const struct settings *settings, const struct host_name *name,
                           const struct verdict *verdict)
{
    bool is_named = verdict->rule_id != 0 && verdict->pattern == PATTERN_EXACT;
    return settings->search_domain_count > 0 && !is_named && verdict->reason != REASON_OBSERVED &&
           search_name_is_below(settings, name);
}

/* What the rules say of the name; true: nothing can be said before it is looked up. */
static bool decide(struct resolver *resolver, const struct asked *asked,
                   const struct policy *policy, struct answer_terms *terms)
{
    const struct host_name *name = decided_name(asked);
    if (asked->status != QUERY_OK || name == NULL)
        return false;
    const struct policy_question question = {
        .client = asked->client.address,
        .name = name,
        .hashes = asked->standing == STANDING_RULES ? asked->hashes : NULL,
    };
    terms->verdict = policy_decide_lookup(policy, &question, asked->now_s);
    if (asked->standing == STANDING_FORWARDED) {
        /* That the name exists is for its zone's server to say, which did. */
        terms->existence = NAME_WITH_ADDRESS;
    } else if (is_search_name(terms->settings, name, &terms->verdict)) {
        terms->standing = STANDING_MISSING;
        resolver_count(resolver, RESOLVER_SEARCH_NAMES, 1);
    }
    return asked->may_wait && asked->standing == STANDING_RULES &&
           terms->verdict.reason == REASON_OBSERVED;
}

/* The largest answer that may be given: only what a zone's server says is ever worth more than
 * every client takes. */
static size_t answer_limit(const struct asked *asked)
{
    bool is_forwarded = asked->standing == STANDING_FORWARDED;
    if (asked->is_tcp)
        return is_forwarded ? RESOLVER_LATE_ANSWER_MAX : RESOLVER_ANSWER_MAX;
    if (!is_forwarded)
        return DNS_UDP_MIN;
    return asked->query->udp_size < DNS_EDNS_UDP_BYTES ? asked->query->udp_size
                                                       : DNS_EDNS_UDP_BYTES;
}

/* Writes the answer into `room`, as far as the client takes that much. */
static size_t answer(struct resolver *resolver, const struct asked *asked, struct writer room)
{
    const struct policy *policy = policy_view_get(resolver->policy);
    struct answer_terms terms = {
        .settings = policy_settings(policy),
        .gate = resolver->gate,
        .identity = resolver->identity,
        .existence = asked->existence,
        .standing = asked->standing,
        .forwarded = asked->forwarded,
        .failure = asked->failure,
        .keepalive_100ms = asked->is_tcp ? RESOLVER_TCP_IDLE_MS / 100 : 0,
    };
    if (decide(resolver, asked, policy, &terms))
        return RESOLVER_WAITS;
    size_t limit = answer_limit(asked);
    struct writer writer =
        writer_over(room.start, limit < writer_left(&room) ? limit : writer_left(&room));
    enum answer_kind kind = answer_compose(asked->query, asked->status, &terms, &writer);
    resolver_count(resolver, asked->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    resolver_count(resolver, counter_of_kind(kind, asked->status), 1);
    if (terms.verdict.rule_id != 0)
        tell_decision(resolver, asked, &terms);
    if (is_worth_telling(kind, asked, &terms.verdict))
        tell(resolver, asked, &terms.verdict, policy);
    return writer.failed ? 0 : writer_size(&writer);
}

/* Internal zones */

static const struct zone *find_zone(const struct resolver *resolver, const struct host_name *name)
{
    return resolver->zones != NULL ? zone_table_find(resolver->zones, name) : NULL;
}

static void fail(struct resolver *resolver, struct asked *asked, uint16_t failure)
{
    asked->standing = STANDING_FAILED;
    asked->failure = failure;
    resolver_count(resolver, RESOLVER_ZONE_FAILED, 1);
}

/* How it stands with a name of `zone` before anybody is asked; STANDING_FORWARDED: somebody has to
 * be. Proofs (RFC 4035) are nothing that could be remembered. */
static void stand_in_zone(struct resolver *resolver, const struct zone *zone, struct asked *asked)
{
    const struct settings *settings = policy_settings(policy_view_get(resolver->policy));
    const struct query *query = asked->query;
    const struct forwarder *forwarder = resolver->forwarder;
    asked->standing = STANDING_FORWARDED;
    if (search_name_cannot_exist(settings, &query->name)) {
        asked->standing = STANDING_MISSING;
        resolver_count(resolver, RESOLVER_SEARCH_NAMES, 1);
    } else if (forwarder == NULL) {
        if (!asked->may_wait)
            fail(resolver, asked, DNS_EXTENDED_ERROR_UNREACHABLE);
    } else if (!query->is_dnssec_ok && forwarder_knows_missing(forwarder, &query->name)) {
        asked->standing = STANDING_MISSING;
        resolver_count(resolver, RESOLVER_KNOWN_MISSING, 1);
    } else if (!forwarder_can_ask(forwarder, zone)) {
        fail(resolver, asked, DNS_EXTENDED_ERROR_UNREACHABLE);
    } else if (!asked->may_wait) {
        fail(resolver, asked, DNS_EXTENDED_ERROR_OTHER); /* too many wait */
    }
}

/* What a client that asks too often is told. Who may not be who it says is told to come by TCP, in
 * an answer as small as the query. */
static enum query_status limit(struct resolver *resolver, const struct resolver_request *request,
                               uint32_t per_second, bool is_proven)
{
    struct query_asker asker = { &request->client.address, is_proven, request->now_s };
    switch (query_limit_take(resolver->limit, &asker, per_second)) {
    case QUERY_SHARE_LEFT:
        return QUERY_OK;
    case QUERY_SHARE_SPENT:
        return is_proven ? QUERY_OVER_LIMIT : QUERY_BY_TCP;
    case QUERY_SHARE_FLOODED:
        break;
    }
    return QUERY_IGNORED;
}

/* What a query that was read as `status` deserves of its client: judges its cookie, and whether the
 * client asks too often. QUERY_IGNORED where it asks far too often. */
static enum query_status admit(struct resolver *resolver, const struct resolver_request *request,
                               enum query_status status, struct query *query)
{
    const struct settings *settings = policy_settings(policy_view_get(resolver->policy));
    enum cookie_state cookie = cookie_exchange(&query->cookie, &settings->cookie_keys,
                                               &request->client.address, request->now_s);
    if (cookie == COOKIE_VALID || cookie == COOKIE_BAD)
        resolver_count(resolver,
                       cookie == COOKIE_VALID ? RESOLVER_COOKIES_VALID : RESOLVER_COOKIES_BAD, 1);
    if (settings->max_queries_per_client > 0 && resolver->limit != NULL) {
        bool is_proven = request->is_tcp || cookie == COOKIE_VALID;
        enum query_status told =
            limit(resolver, request, settings->max_queries_per_client, is_proven);
        if (told != QUERY_OK)
            return told;
    }
    if (status != QUERY_COOKIE_ALONE || cookie == COOKIE_VALID || cookie == COOKIE_NEW)
        return status;
    return cookie == COOKIE_BAD ? QUERY_BAD_COOKIE : QUERY_FORMAT_ERROR; /* RFC 7873 5.4 */
}

static size_t ignore(struct resolver *resolver, const struct resolver_request *request,
                     enum resolver_counter why)
{
    resolver_count(resolver, request->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    resolver_count(resolver, why, 1);
    return 0;
}

/* The answer to a query that was read and admitted. */
static size_t answer_admitted(struct resolver *resolver, const struct resolver_request *request,
                              struct asked *asked, uint8_t *ret_answer)
{
    const struct zone *zone =
        asked->status == QUERY_OK ? find_zone(resolver, &asked->query->name) : NULL;
    asked->client = request->client;
    asked->now_s = request->now_s;
    asked->is_tcp = request->is_tcp;
    if (zone != NULL)
        stand_in_zone(resolver, zone, asked);
    return asked->standing == STANDING_FORWARDED
               ? RESOLVER_WAITS
               : answer(resolver, asked, writer_over(ret_answer, RESOLVER_ANSWER_MAX));
}

void resolver_read(struct resolver *resolver, const uint8_t *bytes, size_t size,
                   struct resolver_reading *ret_reading)
{
    ret_reading->hashes.key_id = 0;
    ret_reading->status = query_parse(reader_over(bytes, size), &ret_reading->query);
    if (ret_reading->status == QUERY_OK)
        policy_look_ahead(policy_view_get(resolver->policy), &ret_reading->query.name,
                          &ret_reading->hashes);
}

void resolver_look_closer(struct resolver *resolver, const struct resolver_reading *reading)
{
    if (reading->status == QUERY_OK)
        policy_look_closer(policy_view_get(resolver->policy), &reading->query.name,
                           &reading->hashes);
}

void resolver_expect(struct resolver *resolver, const struct resolver_reading *reading)
{
    if (reading->status != QUERY_OK || resolver->sink.rule_expected == NULL)
        return;
    int64_t rule_id = policy_guess_rule(policy_view_get(resolver->policy), &reading->query.name,
                                        &reading->hashes);
    if (rule_id != 0)
        resolver->sink.rule_expected(resolver->sink.context, rule_id);
}

size_t resolver_answer_reading(struct resolver *resolver, const struct resolver_request *request,
                               struct resolver_reading *reading, uint8_t *ret_answer)
{
    if (reading->status == QUERY_IGNORED)
        return ignore(resolver, request, RESOLVER_IGNORED);
    enum query_status status = admit(resolver, request, reading->status, &reading->query);
    if (status == QUERY_IGNORED)
        return ignore(resolver, request, RESOLVER_LIMIT_DROPPED);
    struct asked asked = {
        .query = &reading->query,
        .hashes = &reading->hashes,
        .status = status,
        .may_wait = true,
    };
    return answer_admitted(resolver, request, &asked, ret_answer);
}

size_t resolver_answer(struct resolver *resolver, const struct resolver_request *request,
                       uint8_t *ret_answer)
{
    struct resolver_reading reading;
    resolver_read(resolver, request->bytes, request->size, &reading);
    return resolver_answer_reading(resolver, request, &reading, ret_answer);
}

/* Reads a query anew that resolver_answer() has admitted, and counted with its cookie. False: it
 * was not asked. */
static bool read_again(const struct resolver *resolver, const struct resolver_request *request,
                       struct query *ret_query)
{
    const struct settings *settings = policy_settings(policy_view_get(resolver->policy));
    if (query_parse(reader_over(request->bytes, request->size), ret_query) != QUERY_OK)
        return false;
    (void)cookie_exchange(&ret_query->cookie, &settings->cookie_keys, &request->client.address,
                          request->now_s);
    return true;
}

size_t resolver_answer_now(struct resolver *resolver, const struct resolver_request *request,
                           uint8_t *ret_answer)
{
    struct query query;
    if (!read_again(resolver, request, &query))
        return 0;
    struct asked asked = { .query = &query, .status = QUERY_OK };
    return answer_admitted(resolver, request, &asked, ret_answer);
}

/* Waiting for another server */

static bool look_up(struct resolver *resolver, struct resolver_waiting *waiting)
{
    uint32_t looked_up = resolver->waiting_count - resolver->forwarding_count;
    if (resolver->lookup.start == NULL || looked_up >= RESOLVER_WAITING_MAX)
        return false;
    waiting->lookup =
        resolver->lookup.start(resolver->lookup.context, &waiting->query.name, waiting);
    return waiting->lookup != NULL;
}

/* The late answer to `asked`, put together in `room`. */
static void answer_late(struct resolver_waiting *waiting, struct asked *asked, struct writer room)
{
    asked->query = &waiting->query;
    asked->status = QUERY_OK;
    asked->client = waiting->client;
    asked->now_s = clock_realtime_s();
    asked->is_tcp = waiting->is_tcp;
    waiting->resolver->waiting_count--;
    size_t size = answer(waiting->resolver, asked, room);
    waiting->on_answered(waiting, room.start, size);
}

static void on_forwarded(struct forwarding *forwarding, const struct forwarder_result *result)
{
    struct resolver_waiting *waiting =
        (struct resolver_waiting *)((char *)forwarding -
                                    offsetof(struct resolver_waiting, forwarding));
    struct asked asked = { .standing = STANDING_FORWARDED, .forwarded = result->answer };
    if (result->answer == NULL)
        fail(waiting->resolver, &asked, result->failure);
    waiting->resolver->forwarding_count--;
    answer_late(waiting, &asked, writer_over(result->room, FORWARDER_ROOM_BYTES));
}

static bool forward(struct resolver *resolver, const struct zone *zone,
                    struct resolver_waiting *waiting)
{
    waiting->is_forwarded = true;
    waiting->forwarding.on_done = on_forwarded;
    if (resolver->forwarder == NULL ||
        !forwarder_ask(resolver->forwarder, zone, &waiting->query, &waiting->client.address,
                       &waiting->forwarding))
        return false;
    resolver->forwarding_count++;
    return true;
}

bool resolver_wait(struct resolver *resolver, const struct resolver_request *request,
                   resolver_answered_fn on_answered, struct resolver_waiting *waiting)
{
    waiting->resolver = resolver;
    waiting->on_answered = on_answered;
    waiting->client = request->client;
    waiting->is_tcp = request->is_tcp;
    waiting->is_forwarded = false;
    if (!read_again(resolver, request, &waiting->query))
        return false;
    assert(waiting->query.question_size <= sizeof(waiting->question));
    memcpy(waiting->question, waiting->query.question, waiting->query.question_size);
    waiting->query.question = waiting->question;
    const struct zone *zone = find_zone(resolver, &waiting->query.name);
    bool waits = zone != NULL ? forward(resolver, zone, waiting) : look_up(resolver, waiting);
    resolver->waiting_count += waits;
    return waits;
}

void resolver_looked_up(struct resolver_waiting *waiting, enum name_existence existence)
{
    uint8_t bytes[RESOLVER_ANSWER_MAX];
    struct asked asked = { .existence = existence };
    waiting->lookup = NULL;
    answer_late(waiting, &asked, writer_over(bytes, sizeof(bytes)));
}

void resolver_wait_cancel(struct resolver_waiting *waiting)
{
    struct resolver *resolver = waiting->resolver;
    if (waiting->is_forwarded) {
        forwarder_leave(&waiting->forwarding);
        resolver->forwarding_count--;
    } else {
        resolver->lookup.cancel(waiting->lookup);
        waiting->lookup = NULL;
    }
    resolver->waiting_count--;
    resolver_count(resolver, waiting->is_tcp ? RESOLVER_QUERIES_TCP : RESOLVER_QUERIES_UDP, 1);
    resolver_count(resolver, RESOLVER_LEFT, 1);
}
