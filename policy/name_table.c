/* policy/name_table.c - names to rules. */
#include "policy/name_table.h"
#include "base/reader.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 16, FIRST_CAPACITY = 16 };

void name_hashes_compute(const struct siphash_key *key, const struct host_name *name,
                         struct name_hashes *ret_hashes)
{
    uint64_t hash = 0;
    size_t at = 0;
    for (unsigned i = 0; i < name->label_count; i++) {
        ret_hashes->at[i] = (uint8_t)at;
        at += 1u + name->wire[at];
    }
    for (unsigned i = name->label_count; i > 0; i--) {
        const uint8_t *label = name->wire + ret_hashes->at[i - 1];
        hash = siphash_behind(key, hash, label + 1, label[0]);
        ret_hashes->hash[i - 1] = hash;
    }
}

static struct table_slot *slots_new(uint32_t count)
{
    struct table_slot *slots = malloc(count * sizeof(*slots));
    for (uint32_t i = 0; slots != NULL && i < count; i++)
        slots[i].node = TABLE_NONE;
    return slots;
}

struct name_table *name_table_new(const struct siphash_key *key)
{
    struct name_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    table->key = *key;
    table->slots = slots_new(FIRST_SLOTS);
    table->slot_mask = FIRST_SLOTS - 1;
    atomic_init(&table->references, 1);
    return table->slots != NULL ? table : name_table_unref(table);
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
    size_t slots_size = ((size_t)table->slot_mask + 1) * sizeof(*table->slots);
    copy->key = table->key;
    copy->names_size = table->names_size;
    copy->names_capacity = table->names_capacity;
    copy->node_count = table->node_count;
    copy->node_capacity = table->node_capacity;
    copy->rule_count = table->rule_count;
    copy->rule_capacity = table->rule_capacity;
    copy->dead_rule_count = table->dead_rule_count;
    copy->below_count = table->below_count;
    copy->below_capacity = table->below_capacity;
    copy->connect_count = table->connect_count;
    copy->connect_capacity = table->connect_capacity;
    copy->slot_mask = table->slot_mask;
    copy->names = copy_array(table->names, table->names_size, table->names_capacity);
    copy->nodes = copy_array(table->nodes, table->node_count * sizeof(*table->nodes),
                             table->node_capacity * sizeof(*table->nodes));
    copy->rules = copy_array(table->rules, table->rule_count * sizeof(*table->rules),
                             table->rule_capacity * sizeof(*table->rules));
    copy->belows = copy_array(table->belows, table->below_count * sizeof(*table->belows),
                              table->below_capacity * sizeof(*table->belows));
    copy->connects = copy_array(table->connects, table->connect_count * sizeof(*table->connects),
                                table->connect_capacity * sizeof(*table->connects));
    copy->slots = copy_array(table->slots, slots_size, slots_size);
    atomic_init(&copy->references, 1);
    bool is_whole = (copy->names != NULL || copy->names_capacity == 0) &&
                    (copy->nodes != NULL || copy->node_capacity == 0) &&
                    (copy->rules != NULL || copy->rule_capacity == 0) &&
                    (copy->belows != NULL || copy->below_capacity == 0) &&
                    (copy->connects != NULL || copy->connect_capacity == 0) &&
                    copy->slots != NULL && name_table_copy_requirements(copy, table);
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
    free(table->names);
    free(table->nodes);
    free(table->rules);
    free(table->belows);
    free(table->connects);
    name_table_release_requirements(table);
    free(table->slots);
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
    if (table->node_count == 0)
        return;
    table->names = trim_array(table->names, table->names_size);
    table->names_capacity = table->names_size;
    table->nodes = trim_array(table->nodes, table->node_count * sizeof(*table->nodes));
    table->node_capacity = table->node_count;
    if (table->rule_count == 0)
        return;
    table->rules = trim_array(table->rules, table->rule_count * sizeof(*table->rules));
    table->rule_capacity = table->rule_count;
    if (table->connect_count > 0) {
        table->connects =
            trim_array(table->connects, table->connect_count * sizeof(*table->connects));
        table->connect_capacity = table->connect_count;
    }
    if (table->below_count == 0)
        return;
    table->belows = trim_array(table->belows, table->below_count * sizeof(*table->belows));
    table->below_capacity = table->below_count;
}

uint32_t name_table_find(const struct name_table *table, const uint8_t *wire, size_t size,
                         uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t at = (uint32_t)hash & table->slot_mask;; at = (at + 1) & table->slot_mask) {
        const struct table_slot *slot = &table->slots[at];
        if (slot->node == TABLE_NONE)
            return TABLE_NONE;
        if (slot->tag != tag)
            continue;
        const struct table_node *node = &table->nodes[slot->node];
        if (node->first_rule != TABLE_NONE) /* asked for next: it comes while the name does */
            __builtin_prefetch(&table->rules[node->first_rule]);
        if (node->name_size == size && memcmp(table->names + node->name_at, wire, size) == 0)
            return slot->node;
    }
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

static void insert_slot(struct table_slot *slots, uint32_t mask, uint64_t hash, uint32_t node)
{
    uint32_t at = (uint32_t)hash & mask;
    while (slots[at].node != TABLE_NONE)
        at = (at + 1) & mask;
    slots[at] = (struct table_slot){ (uint32_t)(hash >> 32), node };
}

/* Twice the slots. Names are hashed anew, since a slot keeps half of the hash. */
static bool grow_slots(struct name_table *table)
{
    uint32_t mask = table->slot_mask * 2 + 1;
    struct table_slot *slots = slots_new(mask + 1);
    if (slots == NULL)
        return false;
    for (uint32_t node = 0; node < table->node_count; node++) {
        struct host_name name = name_table_name(table, node);
        struct name_hashes hashes;
        name_hashes_compute(&table->key, &name, &hashes);
        insert_slot(slots, mask, hashes.hash[0], node);
    }
    free(table->slots);
    table->slots = slots;
    table->slot_mask = mask;
    return true;
}

uint32_t name_table_add_node(struct name_table *table, uint32_t name_at, size_t size, uint64_t hash)
{
    if ((uint64_t)(table->node_count + 1) * 4 > ((uint64_t)table->slot_mask + 1) * 3 &&
        !grow_slots(table))
        return TABLE_NONE;
    size_t capacity = table->node_capacity;
    struct table_node *nodes =
        grow_array(table->nodes, (size_t)table->node_count + 1, &capacity, sizeof(*nodes));
    if (nodes == NULL)
        return TABLE_NONE;
    table->nodes = nodes;
    table->node_capacity = (uint32_t)capacity;
    uint32_t node = table->node_count++;
    nodes[node] = (struct table_node){ .name_at = name_at,
                                       .first_rule = TABLE_NONE,
                                       .first_below = TABLE_NONE,
                                       .name_size = (uint8_t)size };
    insert_slot(table->slots, table->slot_mask, hash, node);
    return node;
}

uint32_t name_table_add_name(struct name_table *table, const uint8_t *wire, size_t size)
{
    uint8_t *names = grow_array(table->names, table->names_size + size, &table->names_capacity, 1);
    if (names == NULL)
        return TABLE_NONE;
    table->names = names;
    memcpy(names + table->names_size, wire, size);
    table->names_size += size;
    return (uint32_t)(table->names_size - size);
}

bool name_table_add_rule(struct name_table *table, const struct table_rule *rule)
{
    size_t capacity = table->rule_capacity;
    struct table_rule *rules =
        grow_array(table->rules, (size_t)table->rule_count + 1, &capacity, sizeof(*rules));
    if (rules == NULL)
        return false;
    table->rules = rules;
    table->rule_capacity = (uint32_t)capacity;
    struct table_node *node = &table->nodes[rule->node];
    rules[table->rule_count] = *rule;
    rules[table->rule_count].next = node->first_rule;
    node->first_rule = table->rule_count++;
    return true;
}

void name_table_remove_rule(struct name_table *table, uint32_t rule)
{
    uint32_t *link = &table->nodes[table->rules[rule].node].first_rule;
    while (*link != rule)
        link = &table->rules[*link].next;
    *link = table->rules[rule].next;
    name_table_remove_connect_to(table, table->rules[rule].id);
    name_table_remove_requirement(table, table->rules[rule].id);
    table->rules[rule].id = 0;
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
    for (uint32_t at = table->nodes[node].first_rule; at != TABLE_NONE;
         at = table->rules[at].next) {
        const struct table_rule *rule = &table->rules[at];
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
    uint32_t at = table->nodes[node].first_below;
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
        belows[at] = (struct table_below){ group, 0, table->nodes[node].first_below };
        table->nodes[node].first_below = at;
    }
    table->belows[at].count += (uint32_t)more;
    return true;
}

bool name_table_has_below(const struct name_table *table, uint32_t node,
                          const struct client *client)
{
    for (uint32_t at = table->nodes[node].first_below; at != TABLE_NONE;
         at = table->belows[at].next)
        if (table->belows[at].count > 0 && client_fit(client, table->belows[at].group) > 0)
            return true;
    return false;
}

struct host_name name_table_name_at(const struct name_table *table, uint32_t name_at,
                                    uint8_t name_size)
{
    struct host_name name;
    struct reader reader = reader_over(table->names + name_at, name_size);
    (void)host_name_read(&reader,
                         &name); /* cannot fail: the table holds names that were read before */
    return name;
}

struct host_name name_table_name(const struct name_table *table, uint32_t node)
{
    return name_table_name_at(table, table->nodes[node].name_at, table->nodes[node].name_size);
}
