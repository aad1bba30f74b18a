/* resolver/query_limit.h - how many queries a client may ask in a second, so that none starves the
 * others. One for all workers: a client's queries spread over them by its ports, and one that opens
 * many sockets shall not have many shares. Counts like base/client_rate.h. Any thread. */
#pragma once
#include "base/address.h"

struct query_limit;

/* Who asks. What comes by UDP may be forged, and is counted apart: whoever forges a client's
 * address does not take that client's share of what it proves to have asked itself. */
struct query_asker {
    const struct ip_address *address;
    bool is_proven; /* by TCP, or by a server cookie of ours */
    int64_t now_s;
};

/* What is left of a client's share. Zero is no answer at all. */
enum query_share {
    QUERY_SHARE_FLOODED = 0, /* it asks so often that not even a refusal is worth while */
    QUERY_SHARE_SPENT,
    QUERY_SHARE_LEFT,
};

/* So many times its share is refused; what is beyond is dropped. */
enum { QUERY_LIMIT_REFUSALS = 16 };

/* NULL when out of memory. */
struct query_limit *query_limit_new(void);
/* NULL is fine. */
void query_limit_free(struct query_limit *limit);

/* Counts one query, of which a client has `per_second` (not 0). */
enum query_share query_limit_take(struct query_limit *limit, const struct query_asker *asker,
                                  uint32_t per_second);
