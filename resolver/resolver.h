/* resolver/resolver.h - bytes of a query in, bytes of its answer out: the one way that UDP, TCP and
 * `explain` share. One resolver belongs to one thread; only its counters may be read by others. */
#pragma once
#include "base/address.h"
#include "policy/name_hash.h"
#include "policy/verdict.h"
#include "resolver/answer.h"
#include "resolver/forwarder.h"

#include <stdatomic.h>
#include <stddef.h>

struct policy;
struct policy_view;
struct query_limit;
struct resolver_waiting;

enum {
    RESOLVER_ANSWER_MAX = 640, /* the room an answer may need on any transport, but for late ones */
    RESOLVER_TCP_IDLE_MS = 10000, /* a connection without a query this long ends (RFC 7766 6.2.3) */
    RESOLVER_LATE_ANSWER_MAX = FORWARDER_ROOM_BYTES, /* the largest late answer, on TCP */
    RESOLVER_WAITING_MAX = 1000, /* queries of one resolver that wait for a look-up */
};

/* Every counter: constant, word in metrics (stable). Each query counts once by its transport, once
 * by what became of it, and where it has a cookie of a server, once by that; SEARCH_NAMES and
 * KNOWN_MISSING tell of some NOT_FOUND why, and ZONE_FAILED of some FAILED. */
#define RESOLVER_COUNTER_LIST(COUNTER)                                                             \
    COUNTER(QUERIES_UDP, "queries_udp")                                                            \
    COUNTER(QUERIES_TCP, "queries_tcp")                                                            \
    COUNTER(ADDRESSES, "addresses")                                                                \
    COUNTER(NO_DATA, "no_data")                                                                    \
    COUNTER(DENIED, "denied")                                                                      \
    COUNTER(NOT_FOUND, "not_found")                                                                \
    COUNTER(FAILED, "failed")                                                                      \
    COUNTER(LEFT, "left")                                                                          \
    COUNTER(FORWARDED, "forwarded")                                                                \
    COUNTER(SEARCH_NAMES, "search_names")                                                          \
    COUNTER(KNOWN_MISSING, "known_missing")                                                        \
    COUNTER(ZONE_FAILED, "zone_failed")                                                            \
    COUNTER(FORMAT_ERROR, "format_error")                                                          \
    COUNTER(NOT_IMPLEMENTED, "not_implemented")                                                    \
    COUNTER(BAD_VERSION, "bad_version")                                                            \
    COUNTER(REFUSED, "refused")                                                                    \
    COUNTER(IDENTITY, "identity")                                                                  \
    COUNTER(COOKIE_ALONE, "cookie_alone")                                                          \
    COUNTER(LIMIT_BY_TCP, "limit_by_tcp")                                                          \
    COUNTER(LIMIT_REFUSED, "limit_refused")                                                        \
    COUNTER(LIMIT_DROPPED, "limit_dropped")                                                        \
    COUNTER(COOKIES_VALID, "cookies_valid")                                                        \
    COUNTER(COOKIES_BAD, "cookies_bad")                                                            \
    COUNTER(IGNORED, "ignored")                                                                    \
    COUNTER(BAD_SOURCE, "bad_source")                                                              \
    COUNTER(ANSWERS_DROPPED, "answers_dropped")                                                    \
    COUNTER(TCP_ACCEPTED, "tcp_accepted")                                                          \
    COUNTER(TCP_TURNED_AWAY, "tcp_turned_away")                                                    \
    COUNTER(TLS_FAILED, "tls_failed")

#define RESOLVER_COUNTER_CONSTANT(constant, word) RESOLVER_##constant,
enum resolver_counter { RESOLVER_COUNTER_LIST(RESOLVER_COUNTER_CONSTANT) RESOLVER_COUNTER_COUNT };
#undef RESOLVER_COUNTER_CONSTANT

/* A query whose name no rule allows; borrows its pointers for the call. */
struct resolver_event {
    struct endpoint client;
    const struct host_name *name; /* the one asked for, or that an internal zone leads to */
    uint16_t type;
    struct verdict verdict;      /* a denial, or REASON_OBSERVED */
    const struct policy *policy; /* that decided: its groups tell whose client it was */
    int64_t now_s;               /* as the request has it */
};

/* A query that a rule decided, either way; borrows its pointers for the call. */
struct resolver_decision {
    const struct endpoint *client;
    const struct host_name *name;
    const struct verdict *verdict;
    int64_t now_s; /* as the request has it */
    bool is_given; /* the rule allows the name, and the answer says that there is one */
};

/* Who is told of denied queries, when they are answered:
 * - NXDOMAIN, or REFUSED in its place, for any type;
 * - NODATA for a parent of an allowed name, where an address was asked for (A, AAAA);
 * - what passed only because the client is observed, where an address was asked for and given. Its
 *   verdict allows, with REASON_OBSERVED. */
struct resolver_sink {
    void *context;
    void (*query_denied)(void *context, const struct resolver_event *event); /* NULL: nobody */
    /* For each query that a rule decided, so it must cost next to nothing. NULL: nobody is told. */
    void (*rule_decided)(void *context, const struct resolver_decision *decision);
    /* May come before it, with a rule that will probably decide: time to have memory brought. NULL:
     * not needed. */
    void (*rule_expected)(void *context, int64_t rule_id);
};

/* How a resolver learns whether a name exists upstream, which only queries of observed clients
 * need. What `start` returns is the look-up under way: resolver_looked_up(waiting, ...) comes once,
 * later and never from within `start`, unless `cancel` came first. NULL: it can't be looked up. */
struct resolver_lookup {
    void *context;
    void *(*start)(void *context, const struct host_name *name, struct resolver_waiting *waiting);
    void (*cancel)(void *lookup);
};

struct resolver {
    struct policy_view *policy;        /* borrowed; of the same thread */
    const struct gate_addresses *gate; /* borrowed */
    struct resolver_sink sink;
    struct resolver_lookup lookup;          /* `start` NULL: nothing can be looked up */
    const struct server_identity *identity; /* borrowed; NULL: nothing is told */
    struct query_limit *limit;      /* borrowed; NULL: no limit, whatever the settings say */
    const struct zone_table *zones; /* borrowed; NULL: none */
    struct forwarder *forwarder;    /* borrowed; NULL: no query can be forwarded */
    uint32_t waiting_count;         /* queries, of which the next is a part */
    uint32_t forwarding_count;
    _Atomic uint64_t counters[RESOLVER_COUNTER_COUNT]; /* written by the owner alone */
};

/* One message as it came; borrows its bytes. */
struct resolver_request {
    const uint8_t *bytes;
    size_t size;
    struct endpoint client;
    int64_t now_s; /* Unix seconds: rules expire by it */
    bool is_tcp;
};

/* Both pointers must outlive the resolver. What `struct resolver` has beyond these starts as NULL,
 * and may be set before the first query. */
void resolver_init(struct resolver *resolver, struct policy_view *policy,
                   const struct gate_addresses *gate, struct resolver_sink sink);

/* One message, read and not answered yet. */
struct resolver_reading {
    enum query_status status;
    struct query query;
    struct name_hashes hashes; /* of the name that is asked for; none but with QUERY_OK */
};

/* The steps of an answer, for who has several messages in hand: while one is answered, what the
 * next ones need comes out of memory. resolver_read() borrows the bytes until the answer. */
void resolver_read(struct resolver *resolver, const uint8_t *bytes, size_t size,
                   struct resolver_reading *ret_reading);
/* Optional, each some time after the step before it. The last one has the sink told of the rule. */
void resolver_look_closer(struct resolver *resolver, const struct resolver_reading *reading);
void resolver_expect(struct resolver *resolver, const struct resolver_reading *reading);

/* In place of a size: another server has to be asked first, because the name lies in an internal
 * zone, or passes only because the client is observed. resolver_wait() is next. */
#define RESOLVER_WAITS SIZE_MAX

/* Writes the answer into `ret_answer` (RESOLVER_ANSWER_MAX bytes) and returns its size; 0: the
 * message deserves none; or RESOLVER_WAITS. Allocates nothing. */
size_t resolver_answer(struct resolver *resolver, const struct resolver_request *request,
                       uint8_t *ret_answer);
/* The same where the message was read before. */
size_t resolver_answer_reading(struct resolver *resolver, const struct resolver_request *request,
                               struct resolver_reading *reading, uint8_t *ret_answer);
/* Again, where that gave RESOLVER_WAITS and resolver_wait() was in vain: SERVFAIL, most likely. The
 * query is still one, for limits and counters. */
size_t resolver_answer_now(struct resolver *resolver, const struct resolver_request *request,
                           uint8_t *ret_answer);

/* The late answer, of RESOLVER_LATE_ANSWER_MAX bytes at most on TCP; `size` 0 does not occur.
 * `waiting` is the caller's again. */
typedef void (*resolver_answered_fn)(struct resolver_waiting *waiting, const uint8_t *answer,
                                     size_t size);

/* A query that waits for another server: all that its answer needs, copied. Embedded in what the
 * transport keeps of the query, and in one place until it is answered or cancelled. */
struct resolver_waiting {
    struct resolver *resolver;
    resolver_answered_fn on_answered;
    bool is_forwarded;            /* to an internal zone; else it is looked up */
    void *lookup;                 /* where it is */
    struct forwarding forwarding; /* where it is forwarded */
    struct endpoint client;
    bool is_tcp;
    struct query query; /* its question points to `question` */
    uint8_t question[HOST_NAME_WIRE_MAX + 4];
};

/* Has the other server asked about a `request` for which resolver_answer() gave RESOLVER_WAITS.
 * True: `on_answered` is called once, later. False: that can't be done now; resolver_answer_now()
 * is next. */
bool resolver_wait(struct resolver *resolver, const struct resolver_request *request,
                   resolver_answered_fn on_answered, struct resolver_waiting *waiting);
/* What the look-up led to: decides anew, as the policy and the time are now, and answers. */
void resolver_looked_up(struct resolver_waiting *waiting, enum name_existence existence);
/* The client has gone: no answer will be given. */
void resolver_wait_cancel(struct resolver_waiting *waiting);

/* The word of a counter in metrics: a literal. */
const char *resolver_counter_word(enum resolver_counter counter);
/* Any thread. */
uint64_t resolver_counter_read(const struct resolver *resolver, enum resolver_counter counter);

/* Adds to a counter; the owner alone. Load and store apart, as no one else writes: no locked
 * instruction. */
static inline void resolver_count(struct resolver *resolver, enum resolver_counter counter,
                                  uint64_t more)
{
    uint64_t value = atomic_load_explicit(&resolver->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&resolver->counters[counter], value + more, memory_order_relaxed);
}
