/* app/existence.h - whether a name exists upstream, for the resolver, which knows no upstream DNS
 * itself. */
#pragma once
#include "resolver/resolver.h"

struct dns_channel;

/* Looks names up over `channel`, which is borrowed; it ends no look-up of a query that waits. */
struct resolver_lookup existence_lookup(struct dns_channel *channel);
