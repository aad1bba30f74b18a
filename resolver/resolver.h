/* resolver/resolver.h - bytes of a query in, bytes of its answer out: the one way that UDP, TCP and
 * `explain` share. One resolver belongs to one thread; only its counters may be read by others. */
#pragma once
#include "base/address.h"
#include "policy/verdict.h"

#include <stdatomic.h>
#include <stddef.h>

struct gate_addresses;
struct host_name;
struct policy_view;

enum {
    RESOLVER_ANSWER_MAX = 512,    /* the room an answer may need on any transport */
    RESOLVER_TCP_IDLE_MS = 10000, /* a connection without a query this long ends (RFC 7766 6.2.3) */
};

/* Every counter: constant, word in metrics (stable). Each query counts once by its transport and
 * once by what became of it. */
#define RESOLVER_COUNTER_LIST(COUNTER)                                                             \
    COUNTER(QUERIES_UDP, "queries_udp")                                                            \
    COUNTER(QUERIES_TCP, "queries_tcp")                                                            \
    COUNTER(ADDRESSES, "addresses")                                                                \
    COUNTER(NO_DATA, "no_data")                                                                    \
    COUNTER(DENIED, "denied")                                                                      \
    COUNTER(FORMAT_ERROR, "format_error")                                                          \
    COUNTER(NOT_IMPLEMENTED, "not_implemented")                                                    \
    COUNTER(BAD_VERSION, "bad_version")                                                            \
    COUNTER(REFUSED, "refused")                                                                    \
    COUNTER(IGNORED, "ignored")                                                                    \
    COUNTER(BAD_SOURCE, "bad_source")                                                              \
    COUNTER(ANSWERS_DROPPED, "answers_dropped")                                                    \
    COUNTER(TCP_ACCEPTED, "tcp_accepted")                                                          \
    COUNTER(TCP_TURNED_AWAY, "tcp_turned_away")

#define RESOLVER_COUNTER_CONSTANT(constant, word) RESOLVER_##constant,
enum resolver_counter { RESOLVER_COUNTER_LIST(RESOLVER_COUNTER_CONSTANT) RESOLVER_COUNTER_COUNT };
#undef RESOLVER_COUNTER_CONSTANT

/* A denied query; borrows `name` for the call. */
struct resolver_event {
    struct endpoint client;
    const struct host_name *name;
    uint16_t type;
    struct verdict verdict;
};

/* Who is told of denied queries, from within resolver_answer(): NXDOMAIN, or REFUSED in its place,
 * and NODATA for the address of a parent of an allowed name. */
struct resolver_sink {
    void *context;
    void (*query_denied)(void *context, const struct resolver_event *event); /* NULL: nobody */
};

struct resolver {
    struct policy_view *policy;        /* borrowed; of the same thread */
    const struct gate_addresses *gate; /* borrowed */
    struct resolver_sink sink;
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

/* Both pointers must outlive the resolver. */
void resolver_init(struct resolver *resolver, struct policy_view *policy,
                   const struct gate_addresses *gate, struct resolver_sink sink);

/* Writes the answer into `ret_answer` (RESOLVER_ANSWER_MAX bytes) and returns its size; 0: the
 * message deserves none. Allocates nothing. */
size_t resolver_answer(struct resolver *resolver, const struct resolver_request *request,
                       uint8_t *ret_answer);

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
