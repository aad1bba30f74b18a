/* resolver/query_limit.c - how many queries a client may ask in a second. */
#include "resolver/query_limit.h"

#include "base/client_rate.h"

#include <stdlib.h>

struct query_limit {
    struct client_rate *proven, *unproven;
};

struct query_limit *query_limit_new(void)
{
    struct query_limit *limit = calloc(1, sizeof(*limit));
    if (limit == NULL)
        return NULL;
    limit->proven = client_rate_new();
    limit->unproven = client_rate_new();
    if (limit->proven != NULL && limit->unproven != NULL)
        return limit;
    query_limit_free(limit);
    return NULL;
}

void query_limit_free(struct query_limit *limit)
{
    if (limit == NULL)
        return;
    client_rate_free(limit->proven);
    client_rate_free(limit->unproven);
    free(limit);
}

enum query_share query_limit_take(struct query_limit *limit, const struct query_asker *asker,
                                  uint32_t per_second)
{
    struct client_rate *rate = asker->is_proven ? limit->proven : limit->unproven;
    uint32_t before = client_rate_count(rate, asker->address, asker->now_s);
    if (before < per_second)
        return QUERY_SHARE_LEFT;
    return before / per_second <= QUERY_LIMIT_REFUSALS ? QUERY_SHARE_SPENT : QUERY_SHARE_FLOODED;
}
