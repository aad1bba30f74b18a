/* resolver/missing_names.h - names that are known not to exist, for a while (RFC 2308 5). Of fixed
 * size; belongs to one thread. */
#pragma once
#include "policy/host_name.h"

/* Names at most, and how long each is remembered at most. */
enum { MISSING_NAMES_MAX = 1024, MISSING_NAMES_TTL_MAX_S = 30 };

struct missing_names;

/* NULL when out of memory. */
struct missing_names *missing_names_new(void);
/* NULL is fine. */
void missing_names_free(struct missing_names *names);

/* Remembers a name for `ttl_s`, in place of another one that is due first; 0: not at all. `now_ms`
 * is monotonic. */
void missing_names_add(struct missing_names *names, const struct host_name *name, uint32_t ttl_s,
                       int64_t now_ms);
bool missing_names_has(const struct missing_names *names, const struct host_name *name,
                       int64_t now_ms);
