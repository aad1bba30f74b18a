/* policy/client_group.h - which groups a client belongs to, by its address.
 * A client belongs to every group that has a network around its address, and always to 'any'.
 * Networks nest like their prefixes, so the networks around an address are a chain from the
 * innermost outward, of at most 33 (IPv4) or 129 (IPv6) links; finding its first link is a binary
 * search, however many networks there are. Immutable once built and counted, as policies are: any
 * thread reads it without a lock. */
#pragma once
#include "base/address.h"

#include <stddef.h>

struct client_groups;

/* The group that everybody is in. */
#define CLIENT_GROUP_ANY "any"
enum { CLIENT_GROUP_ANY_ID = 0, CLIENT_GROUP_NAME_MAX = 63 };

/* As read from the database; borrows its name. `id` is the row's and never given twice; 'any'
 * becomes CLIENT_GROUP_ANY_ID whatever its row says. */
struct client_group_row {
    uint32_t id;
    const char *name;
    bool is_observing; /* its clients' denials are not enforced, only recorded */
};

struct client_groups_builder;

/* NULL when out of memory. */
struct client_groups_builder *client_groups_builder_new(void);
/* Both copy what they are given; false when out of memory: then only free is left to do. A network
 * of a group that is not there is left out. NULL is a network that can't be read: somebody is
 * missing from the group. */
bool client_groups_builder_add_group(struct client_groups_builder *builder,
                                     const struct client_group_row *row);
bool client_groups_builder_add_network(struct client_groups_builder *builder, const char *group,
                                       const struct ip_network *network);
/* Takes the builder over (and frees it). The caller owns the result; NULL when out of memory. */
struct client_groups *client_groups_builder_finish(struct client_groups_builder *builder);
/* NULL is fine. */
void client_groups_builder_free(struct client_groups_builder *builder);

/* Only 'any'. NULL when out of memory. */
struct client_groups *client_groups_only_any(void);

struct client_groups *client_groups_ref(struct client_groups *groups);
/* NULL is fine; returns NULL. */
struct client_groups *client_groups_unref(struct client_groups *groups);

/* How many groups there are, and the name of each: index 0 is the first in the order of bytes. The
 * name lives as long as `groups`. */
size_t client_groups_count(const struct client_groups *groups);
const char *client_groups_name_at(const struct client_groups *groups, size_t index);

/* The id of a group by its name. False where there is none. */
bool client_groups_find(const struct client_groups *groups, const char *name, uint32_t *ret_id);
/* The name of a group; "" for an id that is none. Lives as long as `groups`. */
const char *client_groups_name(const struct client_groups *groups, uint32_t id);
/* True when the group has a network, or is 'any': somebody may be in it. */
bool client_groups_has_network(const struct client_groups *groups, uint32_t id);
/* True when a network of the group can't be read, so that whom it is for is not known whole. */
bool client_groups_misses_network(const struct client_groups *groups, uint32_t id);
/* The name of the first such group; NULL: there is none. Lives as long as `groups`. */
const char *client_groups_first_missing(const struct client_groups *groups);

/* A client as decisions see it; borrows from `groups`. */
struct client {
    const struct client_groups *groups;
    uint32_t network; /* the innermost around its address; CLIENT_NO_NETWORK: none */
};
#define CLIENT_NO_NETWORK UINT32_MAX

struct client client_of(const struct client_groups *groups, const struct ip_address *address);

/* The client's home group, which speaks for it: that of the longest network around its address,
 * 'any' where there is none. Of several groups with this very network it is one that enforces, if
 * any does; then the one with the lowest id. Known beforehand: costs nothing. */
uint32_t client_home_group(const struct client *client);
/* Its home group only observes: what would be denied passes, and is recorded. Nobody is observed
 * while a network of a group that enforces can't be read, as it may be around anybody. */
bool client_is_observed(const struct client *client);

/* The ids of the groups it belongs to, the closest first and 'any' last, each once, as many as
 * there is room for; returns how many. */
size_t client_list_groups(const struct client *client, uint32_t *ret_ids, size_t capacity);

/* How closely the group fits the client: 0: not a member, 1: 'any', else 2 and the bits of the
 * longest network of the group around its address. */
unsigned client_fit(const struct client *client, uint32_t group);
