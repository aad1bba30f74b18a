/* policy/name_table_requirement.c - what rules of a table demand of their servers, for those that
 * do not demand what most do; in the order of their ids. They stand beside the rules, which are
 * many and stay small. */
#include "policy/name_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_REQUIREMENTS = 8 };

/* Where the rule stands, or would. */
static uint32_t find_place(const struct name_table *table, int64_t rule_id)
{
    uint32_t low = 0, high = table->requirement_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (table->requirements[middle].rule_id < rule_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct name_table *table, uint32_t at, int64_t rule_id)
{
    return at < table->requirement_count && table->requirements[at].rule_id == rule_id;
}

static bool make_room(struct name_table *table)
{
    uint32_t capacity = table->requirement_capacity;
    uint32_t grown = capacity > 0 ? capacity * 2 : FIRST_REQUIREMENTS;
    if (table->requirement_count < capacity)
        return true;
    struct table_requirement *moved =
        grown > capacity
            ? realloc(table->requirements, (size_t)grown * sizeof(*table->requirements))
            : NULL;
    if (moved == NULL)
        return false;
    table->requirements = moved;
    table->requirement_capacity = grown;
    return true;
}

bool name_table_add_requirement(struct name_table *table, int64_t rule_id,
                                struct requirement *requirement)
{
    if (requirement == NULL)
        return true;
    if (!make_room(table))
        return false;
    uint32_t at = find_place(table, rule_id);
    memmove(&table->requirements[at + 1], &table->requirements[at],
            (table->requirement_count - at) * sizeof(*table->requirements));
    table->requirements[at] = (struct table_requirement){ rule_id, requirement_ref(requirement) };
    table->requirement_count++;
    return true;
}

void name_table_remove_requirement(struct name_table *table, int64_t rule_id)
{
    uint32_t at = find_place(table, rule_id);
    if (!is_at(table, at, rule_id))
        return;
    requirement_unref(table->requirements[at].requirement);
    table->requirement_count--;
    memmove(&table->requirements[at], &table->requirements[at + 1],
            (table->requirement_count - at) * sizeof(*table->requirements));
}

struct requirement *name_table_requirement(const struct name_table *table, int64_t rule_id)
{
    uint32_t at = find_place(table, rule_id);
    return is_at(table, at, rule_id) ? table->requirements[at].requirement : NULL;
}

bool name_table_copy_requirements(struct name_table *to, const struct name_table *from)
{
    size_t size = from->requirement_count * sizeof(*from->requirements);
    if (size == 0)
        return true;
    to->requirements = malloc(size);
    if (to->requirements == NULL)
        return false;
    memcpy(to->requirements, from->requirements, size);
    to->requirement_count = to->requirement_capacity = from->requirement_count;
    for (uint32_t i = 0; i < to->requirement_count; i++)
        requirement_ref(to->requirements[i].requirement);
    return true;
}

void name_table_release_requirements(struct name_table *table)
{
    for (uint32_t i = 0; i < table->requirement_count; i++)
        requirement_unref(table->requirements[i].requirement);
    free(table->requirements);
}
