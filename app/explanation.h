/* app/explanation.h - what happens to a host name or URL, step by step, and why: asked of the very
 * functions that the resolver and the gate ask. For `pinhole explain` and the status page. */
#pragma once
#include "app/options.h"
#include "app/url_explanation.h"
#include "policy/policy.h"
#include "resolver/preview.h"

struct fault;
struct text;

/* What is asked, and of what; all borrowed, for as long as the explanation is used. */
struct explanation_question {
    const struct options *options; /* listeners, gate addresses */
    struct ip_address from;        /* the client */
    const char *target;            /* host or URL, as typed */
    struct policy *policy;
    const struct provider_catalogue *providers;
};

struct explanation {
    struct explanation_question question;
    struct url_explanation url;
    struct compiled_rule target;           /* name and port that were asked for */
    struct verdict verdict;                /* of the gate */
    struct connect_to connect_to;          /* of the rule that allows it */
    const struct requirement *requirement; /* likewise; borrowed from the policy */
    struct preview v4, v6;                 /* of the resolver */
    bool has_listener;                     /* the port is one that clients can connect to */
    struct client client;                  /* as the policy's groups know it */
    char sentence[512], pattern[RULE_HOSTNAME_BYTES];
};

/* False with a fault: the target names no single host. */
bool explanation_can_read(const char *target, struct fault *fault);

/* False with a fault: the target can't be read, or memory is short. Large: not for the stack. */
bool explanation_make(const struct explanation_question *question,
                      struct explanation *ret_explanation, struct fault *fault);

bool explanation_is_allowed(const struct explanation *explanation);
/* "allowed", "denied", "observed": a literal. */
const char *explanation_outcome(const struct explanation *explanation);

/* The groups that the client is in, the closest first: "build, any", or as strings of JSON. */
void explanation_add_groups(const struct explanation *explanation, bool is_json, struct text *text);
/* The name of the client's home group. */
const char *explanation_home_group(const struct explanation *explanation);

/* All of it in lines for a person. */
void explanation_add_to(const struct explanation *explanation, struct text *text);
enum { EXPLANATION_BYTES = 16384 }; /* room for it */
