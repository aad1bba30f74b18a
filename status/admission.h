/* status/admission.h - who may ask: the name by which the page is asked for, and the token. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault;

/* The names by which a status may be asked; borrowed. */
struct host_names {
    const char *const *name;
    uint32_t count;
};

/* True where the value of a Host header is an IP address, localhost or one of `names`, with or
 * without a port. A page of another site can point a name of its own at this address (DNS
 * rebinding), and would then read the answers as its own; but it can't choose what stands here: the
 * browser says the page's name. */
bool host_is_own(const char *host, const struct host_names *names);

/* Compares without telling by its time where they differ; only whether the lengths do. */
bool token_is_equal(const char *left, const char *right);

/* The token behind "Bearer " in the value of an Authorization header (RFC 6750 2.1), or NULL. */
const char *token_of_header(const char *value);
