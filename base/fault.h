/* base/fault.h - what a person must fix: what happened, where, what to do.
 * Filled by whoever sees the failure, carried up by return, printed once by app/ as one line. */
#pragma once
#include <stdbool.h>

struct text;

struct fault {
    char what[200];   /* "can't open the policy file" */
    char where[300];  /* "policy.db", "--dns-listen 127.0.0.1:53" */
    char remedy[400]; /* "run pinhole init --db policy.db" */
    bool is_usage;    /* a mistake on the command line: exit 2 instead of 1 */
};

/* Each sets one part; text that is too long is cut. */
void fault_what(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fault_where(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fault_remedy(struct fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds "what: where: remedy" to `text`, on one line whatever the parts hold. */
void fault_add_to(const struct fault *fault, struct text *text);
