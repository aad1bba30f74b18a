/* app/rule_uses.h - how often rules decided, on all workers together. Any thread. */
#pragma once
#include "app/worker.h"

/* Borrowed; the workers live as long. */
struct rule_uses {
    struct worker *const *workers;
    uint32_t worker_count;
};

struct rule_count rule_uses_of(const struct rule_uses *uses, int64_t rule_id);

/* Decisions that are not among those of their rule; to be asked after what it shall speak of. */
uint64_t rule_uses_left_out(const struct rule_uses *uses);

/* The rules that decided at all, those that did most often first; of equals the lower id. The
 * caller frees `*ret_ids`. False when out of memory. */
bool rule_uses_list(const struct rule_uses *uses, int64_t **ret_ids, size_t *ret_count);
