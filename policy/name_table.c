/* policy/name_table.c - names to rules. */
#include "policy/name_table.h"
#include "base/reader.h"
#include "base/word.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

struct name_table *name_table_new(const struct name_hash_key *key)
{
    struct name_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    table->key = *key;
    atomic_init(&table->references, 1);
    return name_slots_init(&table->slots) ? table : name_table_unref(table);
}

/* A copy of `size` bytes in a buffer of `capacity`; NULL when out of memory, or for no capacity. */
static void *copy_array(const void *array, size_t size, size_t capacity)
{
    void *copy = capacity > 0 ? malloc(capacity) : NULL;
    if (copy != NULL && size > 0)
        memcpy(copy, array, size);
    return copy;
}

struct name_table *name_table_copy(const struct name_table *table)
{
    struct name_table *copy = calloc(1, sizeof(*copy));
    if (copy == NULL)
        return NULL;
    copy->key = table->key;
    copy->bytes_size = table->bytes_size;
    copy->bytes_capacity = table->bytes_capacity;
    copy->rule_count = table->rule_count;
    copy->dead_rule_count = table->dead_rule_count;
    copy->below_count = table->below_count;
    copy->below_capacity = table->below_capacity;
    copy->connect_count = table->connect_count;
    copy->connect_capacity = table->connect_capacity;
    copy->bytes = copy_array(table->bytes, table->bytes_size, table->bytes_capacity);
    copy->belows = copy_array(table->belows, table->below_count * sizeof(*table->belows),
                              table->below_capacity * sizeof(*table->belows));
    copy->connects = copy_array(table->connects, table->connect_count * sizeof(*table->connects),
                                table->connect_capacity * sizeof(*table->connects));
    atomic_init(&copy->references, 1);
    bool is_whole = (copy->bytes != NULL || copy->bytes_capacity == 0) &&
                    (copy->belows != NULL || copy->below_capacity == 0) &&
                    (copy->connects != NULL || copy->connect_capacity == 0) &&
                    table_entries_copy(&copy->entries, &table->entries) &&
                    name_slots_copy(&copy->slots, &table->slots) &&
                    name_table_copy_requirements(copy, table);
    return is_whole ? copy : name_table_unref(copy);
}

struct name_table *name_table_ref(struct name_table *table)
{
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
    return table;
}

struct name_table *name_table_unref(struct name_table *table)
{
    if (table == NULL || atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    free(table->bytes);
    free(table->belows);
    free(table->connects);
    name_table_release_requirements(table);
    table_entries_release(&table->entries);
    name_slots_release(&table->slots);
    free(table);
    return NULL;
}

/* realloc() to fewer bytes; keeps the old block where there is no better one. */
static void *trim_array(void *array, size_t size)
{
    void *trimmed = size > 0 ? realloc(array, size) : NULL;
    return trimmed != NULL ? trimmed : array;
}

void name_table_trim(struct name_table *table)
{
    name_slots_trim(&table->slots);
    table_entries_trim(&table->entries);
    if (table->bytes_size > 0) {
        table->bytes = trim_array(table->bytes, table->bytes_size);
        table->bytes_capacity = table->bytes_size;
    }
    if (table->connect_count > 0) {
        table->connects =
            trim_array(table->connects, table->connect_count * sizeof(*table->connects));
        table->connect_capacity = table->connect_count;
    }
    if (table->below_count > 0) {
        table->belows = trim_array(table->belows, table->below_count * sizeof(*table->belows));
        table->below_capacity = table->below_count;
    }
}

/* The bytes of a node's label, of which the first byte of `label` says how many. */
static const uint8_t *label_bytes(const struct name_table *table, const struct table_node *node)
{
    uint32_t at;
    if (node->label[0] < sizeof(node->label))
        return node->label + 1;
    memcpy(&at, node->label + sizeof(node->label) - sizeof(at), sizeof(at));
    return table->bytes + at;
}

/* False when out of memory. */
static bool set_label(struct name_table *table, struct table_node *node, const uint8_t *label)
{
    node->label[0] = label[0];
    if (label[0] < sizeof(node->label)) {
        memcpy(node->label + 1, label + 1, label[0]);
        return true;
    }
    uint32_t at = name_table_add_bytes(table, label + 1, label[0]);
    memcpy(node->label + sizeof(node->label) - sizeof(at), &at, sizeof(at));
    return at != TABLE_NONE;
}

/* Most labels are a word or less, for which a call takes longer than the comparison. */
static inline bool is_same(const uint8_t *left, const uint8_t *right, size_t size)
{
    if (size <= sizeof(uint64_t))
        return word_of_bytes(left, size) == word_of_bytes(right, size);
    return memcmp(left, right, size) == 0;
}

uint32_t name_table_find_child(const struct name_table *table, uint32_t parent,
                               const uint8_t *label, uint32_t hash)
{
    const struct name_slots *slots = &table->slots;
    for (uint32_t at = name_slots_start(slots, hash);; at = name_slots_next(slots, at)) {
        const struct name_slot *slot = &slots->slot[at];
        if (slot->node == TABLE_NONE)
            return TABLE_NONE;
        if (slot->hash != hash)
            continue;
        const struct table_node *node = name_table_node(table, slot->node);
        if (node->parent == parent && node->label[0] == label[0] &&
            is_same(label_bytes(table, node), label + 1, label[0]))
            return slot->node;
    }
}

void name_table_prefetch(const struct name_table *table, const struct name_hashes *hashes,
                         unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __builtin_prefetch(&table->slots.slot[name_slots_start(&table->slots, hashes->hash[i])]);
}

void name_table_prefetch_names(const struct name_table *table, const struct name_hashes *hashes,
                               unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t node = name_slots_first(&table->slots, hashes->hash[i]);
        if (node != TABLE_NONE)
            __builtin_prefetch(name_table_node(table, node));
    }
}

int64_t name_table_guess_rule(const struct name_table *table, const struct name_hashes *hashes,
                              unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t node = name_slots_first(&table->slots, hashes->hash[i]);
        if (node != TABLE_NONE)
            return name_table_rule(table, node)->id;
    }
    return 0;
}

void name_table_follow(const struct name_table *table, const struct host_name *name,
                       const struct name_hashes *hashes, struct name_path *ret_path)
{
    uint32_t node = TABLE_NONE;
    ret_path->first = name->label_count;
    for (unsigned i = name->label_count; i > 0; i--) {
        node =
            name_table_find_child(table, node, name->wire + hashes->at[i - 1], hashes->hash[i - 1]);
        if (node == TABLE_NONE)
            return;
        ret_path->node[i - 1] = node;
        ret_path->first = i - 1;
    }
}

uint32_t name_table_find(const struct name_table *table, const struct host_name *name)
{
    struct name_hashes hashes;
    struct name_path path;
    name_hashes_compute(&table->key, name, &hashes);
    name_table_follow(table, name, &hashes, &path);
    return path.first == 0 && name->label_count > 0 ? path.node[0] : TABLE_NONE;
}

/* Doubles `*capacity` (counted in elements) until `needed` fit. NULL when out of memory or past
 * 32-bit indices. */
static void *grow_array(void *array, size_t needed, size_t *capacity, size_t element_size)
{
    size_t grown = *capacity > 0 ? *capacity : FIRST_CAPACITY;
    if (needed <= *capacity)
        return array;
    while (grown < needed)
        grown *= 2;
    if (needed >= TABLE_NONE)
        return NULL;
    void *moved = realloc(array, grown * element_size);
    if (moved != NULL)
        *capacity = grown;
    return moved;
}

uint32_t name_table_add_child(struct name_table *table, uint32_t parent, const uint8_t *label,
                              uint32_t hash)
{
    uint32_t node = table_entries_add(&table->entries);
    if (node == TABLE_NONE || !set_label(table, name_table_node(table, node), label) ||
        !name_slots_add(&table->slots, hash, node))
        return TABLE_NONE;
    name_table_node(table, node)->parent = parent;
    return node;
}

uint32_t name_table_add_bytes(struct name_table *table, const uint8_t *bytes, size_t size)
{
    uint8_t *moved = grow_array(table->bytes, table->bytes_size + size, &table->bytes_capacity, 1);
    if (moved == NULL)
        return TABLE_NONE;
    table->bytes = moved;
    memcpy(moved + table->bytes_size, bytes, size);
    table->bytes_size += size;
    return (uint32_t)(table->bytes_size - size);
}

bool name_table_add_rule(struct name_table *table, const struct table_rule *rule)
{
    uint32_t at = rule->node;
    bool is_newest = at + 1 == table->entries.count; /* else the order of ids would be broken */
    if (!is_newest || name_table_rule(table, at)->node != TABLE_NONE)
        at = table_entries_add(&table->entries);
    if (at == TABLE_NONE)
        return false;
    struct table_node *node = name_table_node(table, rule->node);
    *name_table_rule(table, at) = *rule;
    name_table_rule(table, at)->next = node->first_rule;
    node->first_rule = at;
    table->rule_count++;
    return true;
}

uint32_t name_table_next_rule(const struct name_table *table, uint32_t entry)
{
    while (entry < table->entries.count && name_table_rule(table, entry)->id == 0)
        entry++;
    return entry < table->entries.count ? entry : TABLE_NONE;
}

void name_table_remove_rule(struct name_table *table, uint32_t rule)
{
    uint32_t *link = &name_table_node(table, name_table_rule(table, rule)->node)->first_rule;
    while (*link != rule)
        link = &name_table_rule(table, *link)->next;
    *link = name_table_rule(table, rule)->next;
    name_table_remove_connect_to(table, name_table_rule(table, rule)->id);
    name_table_remove_requirement(table, name_table_rule(table, rule)->id);
    name_table_rule(table, rule)->id = 0;
    table->dead_rule_count++;
}

/* True when `left` goes before `right` among rules of one name. */
static bool goes_before(const struct table_rule *left, const struct table_rule *right,
                        const struct client *client)
{
    if (left->action != right->action)
        return left->action < right->action;
    unsigned left_fit = client_fit(client, left->group),
             right_fit = client_fit(client, right->group);
    if (left_fit != right_fit)
        return left_fit > right_fit;
    return left->looseness != right->looseness ? left->looseness < right->looseness
                                               : left->id < right->id;
}

const struct table_rule *name_table_winner(const struct name_table *table, uint32_t node,
                                           const struct rule_match *match)
{
    const struct table_rule *winner = NULL;
    for (uint32_t at = name_table_node(table, node)->first_rule; at != TABLE_NONE;
         at = name_table_rule(table, at)->next) {
        const struct table_rule *rule = name_table_rule(table, at);
        if (!table_rule_covers(rule, match->pattern) || rule->port != match->port ||
            rule->expires_at <= match->now_s || client_fit(match->client, rule->group) == 0)
            continue;
        if (winner == NULL || goes_before(rule, winner, match->client))
            winner = rule;
    }
    return winner;
}

bool name_table_count_below(struct name_table *table, uint32_t node, uint32_t group, int more)
{
    uint32_t at = name_table_node(table, node)->first_below;
    while (at != TABLE_NONE && table->belows[at].group != group)
        at = table->belows[at].next;
    if (at == TABLE_NONE) {
        size_t capacity = table->below_capacity;
        struct table_below *belows =
            grow_array(table->belows, (size_t)table->below_count + 1, &capacity, sizeof(*belows));
        if (belows == NULL)
            return false;
        table->belows = belows;
        table->below_capacity = (uint32_t)capacity;
        at = table->below_count++;
        belows[at] = (struct table_below){ group, 0, name_table_node(table, node)->first_below };
        name_table_node(table, node)->first_below = at;
    }
    table->belows[at].count += (uint32_t)more;
    return true;
}

bool name_table_allows(const struct name_table *table, uint32_t node, enum pattern_kind pattern,
                       uint32_t group, const struct policy_ports *ports)
{
    for (uint32_t i = 0; i < ports->count; i++) {
        bool is_allowed = false, is_denied = false;
        for (uint32_t at = name_table_node(table, node)->first_rule; at != TABLE_NONE;
             at = name_table_rule(table, at)->next) {
            const struct table_rule *rule = name_table_rule(table, at);
            if (rule->group != group || !table_rule_covers(rule, pattern) ||
                rule->port != ports->port[i])
                continue;
            is_allowed = is_allowed || rule->action == RULE_ALLOW;
            is_denied = is_denied || rule->action == RULE_DENY;
        }
        if (is_allowed && !is_denied)
            return true;
    }
    return false;
}

/* A wildcard of the rule's alone would allow it; the node's other rules are looked at for such ones
 * only, as there may be thousands and a query waits. */
static bool allows_below(const struct name_table *table, uint32_t node,
                         const struct table_rule *rule, const struct policy_ports *ports)
{
    static const enum pattern_kind wildcards[] = { PATTERN_ONE_LABEL, PATTERN_ANY_DEPTH };
    for (size_t i = 0; i < sizeof(wildcards) / sizeof(wildcards[0]); i++)
        if (rule->action == RULE_ALLOW && table_rule_covers(rule, wildcards[i]) &&
            name_table_allows(table, node, wildcards[i], rule->group, ports))
            return true;
    return false;
}

bool name_table_has_below(const struct name_table *table, uint32_t node,
                          const struct client *client, const struct policy_ports *ports)
{
    uint32_t at = name_table_node(table, node)->first_below;
    for (; at != TABLE_NONE; at = table->belows[at].next)
        if (table->belows[at].count > 0 && client_fit(client, table->belows[at].group) > 0)
            return true;
    for (at = name_table_node(table, node)->first_rule; at != TABLE_NONE;
         at = name_table_rule(table, at)->next) {
        const struct table_rule *rule = name_table_rule(table, at);
        if (rule->pattern != PATTERN_EXACT && client_fit(client, rule->group) > 0 &&
            allows_below(table, node, rule, ports))
            return true;
    }
    return false;
}

struct host_name name_table_name(const struct name_table *table, uint32_t node)
{
    uint8_t wire[HOST_NAME_WIRE_MAX];
    struct host_name name;
    size_t size = 0;
    for (uint32_t at = node; at != TABLE_NONE; at = name_table_node(table, at)->parent) {
        const struct table_node *part = name_table_node(table, at);
        wire[size] = part->label[0];
        memcpy(wire + size + 1, label_bytes(table, part), part->label[0]);
        size += 1u + part->label[0];
    }
    wire[size++] = 0;
    struct reader reader = reader_over(wire, size);
    (void)host_name_read(&reader, &name); /* cannot fail: it was read before */
    return name;
}
