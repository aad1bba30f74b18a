/* sni-gate/gate_event.h - what the gate tells of each connection, once, when it has ended. */
#pragma once
#include "base/address.h"
#include "policy/requirement.h"
#include "policy/verdict.h"
#include "sni-gate/address_check.h"
#include "tls/certificate_finding.h"
#include "upstream/address_rule.h"

struct host_name;
struct policy;

/* How connections end: constant, word in logs and JSON (stable). */
#define GATE_END_LIST(END)                                                                         \
    END(REFUSED, "refused") /* the verdict denies; no byte went through */                         \
    END(CLOSED, "closed")   /* both sides ended in order */                                        \
    END(CLIENT_RESET, "client_reset")                                                              \
    END(SERVER_RESET, "server_reset")                                                              \
    END(IDLE, "idle")       /* nothing came for as long as the setting idle_seconds says */        \
    END(SHED, "shed")       /* it was idle, and others needed its descriptors */                   \
    END(REVOKED, "revoked") /* the policy no longer allows it */                                   \
    END(FAILED, "failed")   /* the network gave it up, or Pinhole ran out of memory */             \
    END(DRAINED, "drained") /* Pinhole stopped, and it was still open when the time was up */

#define GATE_END_CONSTANT(constant, word) GATE_END_##constant,
enum gate_end { GATE_END_LIST(GATE_END_CONSTANT) GATE_END_COUNT };
#undef GATE_END_CONSTANT

/* The word of an end: a literal. */
const char *gate_end_word(enum gate_end end);

/* What showed that the server is the right one: constant, word in logs and JSON (stable). */
#define GATE_PROOF_LIST(PROOF)                                                                     \
    PROOF(NONE, "none")   /* nothing, or nothing yet */                                            \
    PROOF(CHECK, "check") /* a handshake of Pinhole's own to the same address: under TLS 1.3 there \
                             is no more to see */                                                  \
    PROOF(HANDSHAKE, "handshake") /* the very certificate and signature that passed, besides */    \
    PROOF(RESUMED, "resumed")     /* the check alone: the client resumed a session of TLS 1.2 */

#define GATE_PROOF_CONSTANT(constant, word) GATE_PROOF_##constant,
enum gate_proof { GATE_PROOF_LIST(GATE_PROOF_CONSTANT) GATE_PROOF_COUNT };
#undef GATE_PROOF_CONSTANT

/* The word of a proof: a literal. */
const char *gate_proof_word(enum gate_proof proof);

/* One connection. Borrowed: valid during the call alone. */
struct gate_event {
    struct endpoint client;
    struct endpoint proxy;        /* that named the client; family 0: none */
    const struct host_name *name; /* NULL: none was read */
    bool has_ech;                 /* the allowed hello has encrypted_client_hello */
    uint16_t port;                /* that the client believes it connected to */
    struct verdict verdict;
    const struct policy *policy;       /* as it is now: its groups tell whose client it is */
    struct arrival_address arrived_at; /* looked at where the policy allows the name */
    struct endpoint server;            /* dialled, or refused to be; family 0: it came to neither */
    enum address_fitness server_fitness;   /* of `server` */
    bool has_stale_addresses;              /* the upstream DNS failed: the last known ones served */
    const struct requirement *requirement; /* of the rule that allowed it */
    const struct certificate_finding *finding; /* of the last server's certificate; NULL: none */
    enum gate_proof proof;
    uint64_t bytes_up, bytes_down; /* to the server, to the client */
    int64_t duration_ms;
    bool was_opened; /* it came to be relayed: connection_opened() told of it */
    enum gate_end end;
};

/* Who is told, on the worker's loop. */
struct gate_sink {
    void *context;
    /* Once a connection, when it has ended. */
    void (*connection_ended)(void *context, const struct gate_event *event);
    /* Before that, of one that is relayed from now on; `end` means nothing yet. NULL: nobody. */
    void (*connection_opened)(void *context, const struct gate_event *event);
};
