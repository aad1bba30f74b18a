/* app/pin_probe.h - for `pinhole pin`: reaches a server and has it show its certificates, one
 * handshake for each kind of key. Blocks, each step for some seconds at most. */
#pragma once
#include "app/options.h"
#include "policy/verdict.h"
#include "tls/certificate_finding.h"

/* What the server showed to a client that accepts keys of one kind. */
struct pin_view {
    const char *kind; /* "ECDSA", "RSA" */
    enum reason reason;
    struct certificate_finding *finding; /* a reference of its own; NULL: none was seen */
    const char *words; /* why none was seen, a literal; most servers have keys of one kind alone */
};

enum { PIN_VIEWS = 2 };

struct pin_probe {
    char name[256];
    uint16_t port;            /* of the target */
    struct endpoint endpoint; /* that was reached */
    int64_t now_s;            /* Unix seconds: when it was judged */
    struct pin_view views[PIN_VIEWS];
};

/* False with a fault where the server was not reached at all, or with nothing to judge it by. */
bool pin_probe_run(struct pin_probe *probe, const struct options *options, struct fault *fault);
void pin_probe_release(struct pin_probe *probe);

/* REASON_ALLOWED where the server showed certificates, and all that it showed are good; else what
 * is wrong. */
enum reason pin_probe_verdict(const struct pin_probe *probe);
