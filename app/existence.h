/* app/existence.h - whether a name exists upstream, for the resolver, which knows no upstream DNS
 * itself. */
#pragma once
#include "resolver/resolver.h"

#include <uv.h>

struct existence;
struct name_cache;

/* Asks `names`, which is borrowed, on `loop`. NULL when out of memory. */
struct existence *existence_new(uv_loop_t *loop, struct name_cache *names);
/* No query may wait any more. Its memory goes with a close callback. NULL is fine. */
void existence_free(struct existence *existence);

/* What the resolver is handed; it ends no look-up of a query that waits. */
struct resolver_lookup existence_lookup(struct existence *existence);
