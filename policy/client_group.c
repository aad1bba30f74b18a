/* policy/client_group.c - which groups a client belongs to, by its address. */
#include "policy/client_group.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct group {
    uint32_t id;
    bool has_network, misses_network, is_observing;
    char name[CLIENT_GROUP_NAME_MAX + 1];
};

/* A group on a network; sorted by network, then by group. */
struct membership {
    struct ip_network network;
    uint32_t group;
    bool is_observing;
};

/* One network, whatever the groups on it. Sorted by first address, outer before inner. */
struct network_node {
    struct ip_network network;
    uint32_t outer;                    /* the network around it; CLIENT_NO_NETWORK */
    uint32_t first_group, group_count; /* in `members` */
    uint32_t home_group;               /* one of them, which speaks for the clients in here */
    bool is_observing;                 /* so does it */
};

struct client_groups {
    atomic_uint references;
    struct group *groups; /* sorted by name */
    size_t group_count;
    struct numbered {
        uint32_t id;
        uint32_t group; /* in `groups` */
    } * by_id;          /* sorted by id */
    uint32_t *members;  /* ids of groups, ascending within a network */
    struct network_node *nodes;
    uint32_t node_count;
    bool any_is_observing;
    bool may_observe;            /* no group that enforces misses a network */
    const struct group *missing; /* the first that misses one; NULL: none */
};

struct client_groups_builder {
    struct group *groups;
    size_t group_count, group_capacity;
    struct named_network {
        struct ip_network network;
        bool is_readable;
        char group[CLIENT_GROUP_NAME_MAX + 1];
    } * networks;
    size_t network_count, network_capacity;
};

struct client_groups_builder *client_groups_builder_new(void)
{
    return calloc(1, sizeof(struct client_groups_builder));
}

/* Room for one more element. NULL when out of memory. */
static void *grow(void *array, size_t count, size_t *capacity, size_t element_size)
{
    if (count < *capacity)
        return array;
    size_t grown = *capacity > 0 ? *capacity * 2 : 16;
    void *moved = realloc(array, grown * element_size);
    if (moved != NULL)
        *capacity = grown;
    return moved;
}

/* Copies a name; false for one that no group can have. */
static bool copy_name(const char *name, char ret_copy[CLIENT_GROUP_NAME_MAX + 1])
{
    size_t size = strlen(name);
    if (size == 0 || size > CLIENT_GROUP_NAME_MAX)
        return false;
    memcpy(ret_copy, name, size + 1);
    return true;
}

bool client_groups_builder_add_group(struct client_groups_builder *builder,
                                     const struct client_group_row *row)
{
    struct group group = { .id = row->id, .is_observing = row->is_observing };
    if (!copy_name(row->name, group.name))
        return true; /* no rule can name it */
    if (strcmp(row->name, CLIENT_GROUP_ANY) == 0)
        group.id = CLIENT_GROUP_ANY_ID;
    else if (row->id == CLIENT_GROUP_ANY_ID)
        return true; /* it would pass for 'any' */
    struct group *groups =
        grow(builder->groups, builder->group_count, &builder->group_capacity, sizeof(*groups));
    if (groups == NULL)
        return false;
    builder->groups = groups;
    groups[builder->group_count++] = group;
    return true;
}

bool client_groups_builder_add_network(struct client_groups_builder *builder, const char *group,
                                       const struct ip_network *network)
{
    struct named_network added = { .is_readable = network != NULL };
    if (network != NULL)
        added.network = *network;
    if (!copy_name(group, added.group) || strcmp(group, CLIENT_GROUP_ANY) == 0)
        return true; /* everybody is in 'any' without a network */
    struct named_network *networks = grow(builder->networks, builder->network_count,
                                          &builder->network_capacity, sizeof(*networks));
    if (networks == NULL)
        return false;
    builder->networks = networks;
    networks[builder->network_count++] = added;
    return true;
}

void client_groups_builder_free(struct client_groups_builder *builder)
{
    if (builder == NULL)
        return;
    free(builder->groups);
    free(builder->networks);
    free(builder);
}

static int compare_group_names(const void *left, const void *right)
{
    return strcmp(((const struct group *)left)->name, ((const struct group *)right)->name);
}

static int compare_networks(const struct ip_network *left, const struct ip_network *right)
{
    if (left->address.family != right->address.family)
        return left->address.family < right->address.family ? -1 : 1;
    int order = memcmp(left->address.bytes, right->address.bytes, sizeof(left->address.bytes));
    if (order != 0)
        return order;
    return (left->prefix_bits > right->prefix_bits) - (left->prefix_bits < right->prefix_bits);
}

static int compare_memberships(const void *left, const void *right)
{
    const struct membership *a = left, *b = right;
    int order = compare_networks(&a->network, &b->network);
    return order != 0 ? order : (a->group > b->group) - (a->group < b->group);
}

static struct group *find_group(const struct client_groups *groups, const char *name)
{
    struct group key = { 0 };
    if (groups->group_count == 0 || !copy_name(name, key.name))
        return NULL;
    return bsearch(&key, groups->groups, groups->group_count, sizeof(key), compare_group_names);
}

/* Starts a node for a network that was not there yet, below the innermost that is around it. Its
 * first group speaks for it until another does. */
static void start_node(struct client_groups *groups, const struct membership *first,
                       uint32_t first_group)
{
    const struct ip_network *network = &first->network;
    uint32_t outer = groups->node_count > 0 ? groups->node_count - 1 : CLIENT_NO_NETWORK;
    while (outer != CLIENT_NO_NETWORK &&
           !(groups->nodes[outer].network.prefix_bits < network->prefix_bits &&
             ip_network_contains(&groups->nodes[outer].network, &network->address)))
        outer = groups->nodes[outer].outer;
    groups->nodes[groups->node_count++] =
        (struct network_node){ .network = *network,
                               .outer = outer,
                               .first_group = first_group,
                               .home_group = first->group,
                               .is_observing = first->is_observing };
}

/* One more group on the network: of those that would speak for it, the first that enforces does. */
static void add_member(struct client_groups *groups, uint32_t at,
                       const struct membership *membership)
{
    struct network_node *node = &groups->nodes[groups->node_count - 1];
    if (node->is_observing && !membership->is_observing) {
        node->home_group = membership->group;
        node->is_observing = false;
    }
    node->group_count++;
    groups->members[at] = membership->group;
}

/* Turns sorted memberships into nodes. */
static void link_networks(struct client_groups *groups, const struct membership *memberships,
                          size_t count)
{
    uint32_t member_count = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_new =
            i == 0 || compare_networks(&memberships[i - 1].network, &memberships[i].network) != 0;
        if (is_new)
            start_node(groups, &memberships[i], member_count);
        else if (memberships[i - 1].group == memberships[i].group)
            continue; /* the row stands there twice */
        add_member(groups, member_count++, &memberships[i]);
    }
}

static struct membership *collect_memberships(struct client_groups *groups,
                                              const struct client_groups_builder *builder,
                                              size_t *ret_count)
{
    struct membership *memberships = calloc(builder->network_count + 1, sizeof(*memberships));
    size_t count = 0;
    for (size_t i = 0; memberships != NULL && i < builder->network_count; i++) {
        struct group *group = find_group(groups, builder->networks[i].group);
        if (group == NULL)
            continue;
        if (!builder->networks[i].is_readable) {
            group->misses_network = true;
            continue;
        }
        group->has_network = true;
        memberships[count++] =
            (struct membership){ builder->networks[i].network, group->id, group->is_observing };
    }
    if (memberships != NULL)
        qsort(memberships, count, sizeof(*memberships), compare_memberships);
    *ret_count = count;
    return memberships;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = ((const struct numbered *)left)->id, b = ((const struct numbered *)right)->id;
    return (a > b) - (a < b);
}

static void sort_by_id(struct client_groups *groups)
{
    for (uint32_t i = 0; i < groups->group_count; i++)
        groups->by_id[i] = (struct numbered){ groups->groups[i].id, i };
    qsort(groups->by_id, groups->group_count, sizeof(*groups->by_id), compare_numbers);
}

static bool any_is_observing(const struct client_groups *groups)
{
    const struct group *any = find_group(groups, CLIENT_GROUP_ANY);
    return any != NULL && any->is_observing;
}

static void note_missing(struct client_groups *groups)
{
    groups->may_observe = true;
    for (size_t i = groups->group_count; i > 0; i--) {
        const struct group *group = &groups->groups[i - 1];
        if (!group->misses_network)
            continue;
        groups->missing = group;
        groups->may_observe = groups->may_observe && group->is_observing;
    }
}

static bool allocate(struct client_groups *groups, size_t network_count)
{
    groups->by_id = calloc(groups->group_count + 1, sizeof(*groups->by_id));
    groups->members = calloc(network_count + 1, sizeof(*groups->members));
    groups->nodes = calloc(network_count + 1, sizeof(*groups->nodes));
    return groups->by_id != NULL && groups->members != NULL && groups->nodes != NULL;
}

struct client_groups *client_groups_builder_finish(struct client_groups_builder *builder)
{
    size_t count = 0;
    struct membership *memberships = NULL;
    struct client_groups *groups = calloc(1, sizeof(*groups));
    bool is_built = false;
    if (groups != NULL) {
        atomic_init(&groups->references, 1);
        groups->groups = builder->groups;
        groups->group_count = builder->group_count;
        builder->groups = NULL;
        if (groups->group_count > 0)
            qsort(groups->groups, groups->group_count, sizeof(*groups->groups),
                  compare_group_names);
        if (allocate(groups, builder->network_count)) {
            sort_by_id(groups);
            memberships = collect_memberships(groups, builder, &count);
            is_built = memberships != NULL;
        }
    }
    if (is_built) {
        link_networks(groups, memberships, count);
        groups->any_is_observing = any_is_observing(groups);
        note_missing(groups);
    }
    free(memberships);
    client_groups_builder_free(builder);
    return is_built ? groups : client_groups_unref(groups);
}

struct client_groups *client_groups_only_any(void)
{
    struct client_groups_builder *builder = client_groups_builder_new();
    return builder != NULL ? client_groups_builder_finish(builder) : NULL;
}

struct client_groups *client_groups_ref(struct client_groups *groups)
{
    atomic_fetch_add_explicit(&groups->references, 1, memory_order_relaxed);
    return groups;
}

struct client_groups *client_groups_unref(struct client_groups *groups)
{
    if (groups == NULL ||
        atomic_fetch_sub_explicit(&groups->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    free(groups->groups);
    free(groups->by_id);
    free(groups->members);
    free(groups->nodes);
    free(groups);
    return NULL;
}

size_t client_groups_count(const struct client_groups *groups)
{
    return groups->group_count;
}

const char *client_groups_name_at(const struct client_groups *groups, size_t index)
{
    return groups->groups[index].name;
}

bool client_groups_find(const struct client_groups *groups, const char *name, uint32_t *ret_id)
{
    bool is_any = strcmp(name, CLIENT_GROUP_ANY) == 0;
    const struct group *group = is_any ? NULL : find_group(groups, name);
    if (!is_any && group == NULL)
        return false;
    *ret_id = is_any ? CLIENT_GROUP_ANY_ID : group->id;
    return true;
}

static const struct group *find_by_id(const struct client_groups *groups, uint32_t id)
{
    struct numbered key = { id, 0 };
    const struct numbered *found =
        groups->group_count > 0
            ? bsearch(&key, groups->by_id, groups->group_count, sizeof(key), compare_numbers)
            : NULL;
    return found != NULL ? &groups->groups[found->group] : NULL;
}

const char *client_groups_name(const struct client_groups *groups, uint32_t id)
{
    const struct group *group = find_by_id(groups, id);
    if (id == CLIENT_GROUP_ANY_ID)
        return CLIENT_GROUP_ANY;
    return group != NULL ? group->name : "";
}

bool client_groups_has_network(const struct client_groups *groups, uint32_t id)
{
    const struct group *group = find_by_id(groups, id);
    return id == CLIENT_GROUP_ANY_ID || (group != NULL && group->has_network);
}

bool client_groups_misses_network(const struct client_groups *groups, uint32_t id)
{
    const struct group *group = find_by_id(groups, id);
    return group != NULL && group->misses_network;
}

const char *client_groups_first_missing(const struct client_groups *groups)
{
    return groups->missing != NULL ? groups->missing->name : NULL;
}

struct client client_of(const struct client_groups *groups, const struct ip_address *address)
{
    struct ip_network self = { *address, UINT8_MAX }; /* behind every network that begins with it */
    uint32_t low = 0, high = groups->node_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_networks(&groups->nodes[middle].network, &self) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    /* The last network that begins at or before the address is around it, or inside one that is. */
    uint32_t network = low > 0 ? low - 1 : CLIENT_NO_NETWORK;
    while (network != CLIENT_NO_NETWORK &&
           !ip_network_contains(&groups->nodes[network].network, address))
        network = groups->nodes[network].outer;
    return (struct client){ groups, network };
}

static bool has_group(const struct client_groups *groups, const struct network_node *node,
                      uint32_t group)
{
    const uint32_t *members = groups->members + node->first_group;
    uint32_t low = 0, high = node->group_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (members[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low < node->group_count && members[low] == group;
}

unsigned client_fit(const struct client *client, uint32_t group)
{
    if (group == CLIENT_GROUP_ANY_ID)
        return 1;
    for (uint32_t at = client->network; at != CLIENT_NO_NETWORK;
         at = client->groups->nodes[at].outer)
        if (has_group(client->groups, &client->groups->nodes[at], group))
            return 2u + client->groups->nodes[at].network.prefix_bits;
    return 0;
}

uint32_t client_home_group(const struct client *client)
{
    return client->network != CLIENT_NO_NETWORK ? client->groups->nodes[client->network].home_group
                                                : CLIENT_GROUP_ANY_ID;
}

bool client_is_observed(const struct client *client)
{
    bool is_observing = client->network != CLIENT_NO_NETWORK
                            ? client->groups->nodes[client->network].is_observing
                            : client->groups->any_is_observing;
    return is_observing && client->groups->may_observe;
}

static bool is_listed(const uint32_t *ids, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

size_t client_list_groups(const struct client *client, uint32_t *ret_ids, size_t capacity)
{
    const struct client_groups *groups = client->groups;
    size_t count = 0;
    for (uint32_t at = client->network; at != CLIENT_NO_NETWORK; at = groups->nodes[at].outer) {
        const uint32_t *members = groups->members + groups->nodes[at].first_group;
        for (uint32_t i = 0; i < groups->nodes[at].group_count && count < capacity; i++)
            if (!is_listed(ret_ids, count, members[i]))
                ret_ids[count++] = members[i];
    }
    if (count < capacity)
        ret_ids[count++] = CLIENT_GROUP_ANY_ID;
    return count;
}
