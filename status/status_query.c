/* status/status_query.c - what is asked of the source. */
#include "status/status_query.h"

#include <string.h>

static bool is_same_selection(const struct status_selection *left,
                              const struct status_selection *right)
{
    return left->order == right->order && left->state == right->state &&
           left->outcome == right->outcome && left->rule_id == right->rule_id &&
           left->from == right->from && left->limit == right->limit &&
           strcmp(left->search, right->search) == 0;
}

bool status_query_equal(const struct status_query *left, const struct status_query *right)
{
    return left->parts == right->parts && is_same_selection(&left->rules, &right->rules) &&
           is_same_selection(&left->denied, &right->denied) &&
           is_same_selection(&left->connections, &right->connections) &&
           is_same_selection(&left->decisions, &right->decisions) &&
           strcmp(left->target, right->target) == 0 &&
           ip_address_equal(&left->client, &right->client);
}
