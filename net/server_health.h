/* net/server_health.h - how one DNS server answers. One thread notes it, without a lock or an
 * allocation; any thread reads. */
#pragma once
#include "base/histogram.h"

#include <stdbool.h>

/* Why a question got no answer that is of use. */
enum server_fault {
    SERVER_USELESS = 0, /* an error, or no sense; or it is not known why */
    SERVER_TIMED_OUT,
    SERVER_UNREACHABLE, /* the network, or the server's machine, said no */
};

/* So many questions without an answer of use, one after another, make a server one that fails. A
 * name may be broken though its server is not, and a look-up asks two questions about it. */
enum { SERVER_FAILS_AFTER = 5 };

/* Empty when zeroed. Times are Unix milliseconds, 0: never. */
struct server_health {
    _Atomic uint64_t failures;                     /* questions without an answer of use */
    _Atomic int64_t failed_ms[SERVER_FAILS_AFTER]; /* the last, in a ring */
    _Atomic int fault;                             /* of the last failure */
    _Atomic int64_t answered_ms;                   /* the last */
    _Atomic uint64_t latency_ns;                   /* of the last answer */
    struct histogram answers;                      /* how long they took */
};

/* The owner: a question was answered, or was not. */
void server_health_answered(struct server_health *health, int64_t took_ns);
void server_health_failed(struct server_health *health, enum server_fault fault);

/* What several threads know of one server. Empty when zeroed. */
struct server_health_sum {
    uint64_t answer_count, failures;
    int64_t answered_ms;
    int64_t failed_ms[SERVER_FAILS_AFTER]; /* the last one first */
    enum server_fault fault;
    uint64_t latency_ns;
    struct histogram_sum answers;
};

/* Any thread. Of what was last, the latest counts. */
void server_health_add_to(const struct server_health *health, struct server_health_sum *sum);

/* False when SERVER_FAILS_AFTER questions in a row, whoever asked them, got no answer of use. */
bool server_health_is_good(const struct server_health_sum *sum);

/* A sentence without its full stop: a literal. */
const char *server_fault_words(enum server_fault fault);
