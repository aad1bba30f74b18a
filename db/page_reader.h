/* db/page_reader.h - pages of the tables that people look at: rules with what became of them, and
 * denied names. Texts may hold any bytes; a NULL in the table is "". One thread; nothing waits. */
#pragma once
#include "db/database.h"

#include <stddef.h>
#include <stdint.h>

/* A row of `rule` with that of `rule_status`; borrowed for the call. */
struct rule_page_row {
    int64_t id;
    const char *target, *action, *clients, *comment;
    const char *state, *hostname, *reason; /* "": not judged yet */
    const char *verify;
    int64_t expires_at;       /* 0: never */
    uint64_t pin_count;       /* of those that are enforced and live at `now_s` */
    int64_t certificate_ends; /* of the one that the exact hostname showed last; 0: none is known */
};

struct rule_page {
    const char *search; /* that target, clients or comment contain, whatever the case; "": all */
    const char *state;  /* "": any */
    int64_t after_id;   /* the page begins behind this id; 0: at the beginning */
    bool is_newest_first;
    uint32_t limit;
    int64_t now_s; /* Unix seconds */
    void (*row)(void *context, const struct rule_page_row *row);
    void *context;
};

/* Calls `row` for each, in the order of ids or against it, and once more than `limit` where there
 * are more. */
enum database_status page_reader_rules(struct database *database, const struct rule_page *page,
                                       struct fault *ret_fault);

/* The same of these rules alone, in their order, `limit` at most; those that are gone or not
 * searched for are passed over. `*ret_looked_at` is how many of them the page took. */
struct rule_ids {
    const int64_t *id;
    size_t count;
};
enum database_status page_reader_rules_of(struct database *database, const struct rule_page *page,
                                          const struct rule_ids *ids, size_t *ret_looked_at,
                                          struct fault *ret_fault);

/* The table `provider`; on DATABASE_OK the caller owns `*ret_catalogue`. */
struct provider_catalogue;
enum database_status page_reader_providers(struct database *database,
                                           struct provider_catalogue **ret_catalogue,
                                           struct fault *ret_fault);

/* Calls `each` for each state that rules are in, and with "" for those not judged yet. */
struct state_counts {
    void (*each)(void *context, const char *state, uint64_t count);
    void *context;
};
enum database_status page_reader_states(struct database *database,
                                        const struct state_counts *counts, struct fault *ret_fault);

/* A row of `denied_name`; borrowed for the call. */
struct denied_page_row {
    const char *target, *client_group, *reason;
    uint64_t count;
    int64_t first_seen, last_seen;
};

enum denied_order {
    DENIED_ORDER_LAST = 0, /* newest first */
    DENIED_ORDER_FIRST,    /* newest first */
    DENIED_ORDER_COUNT,    /* falling */
    DENIED_ORDER_TARGET,
};

struct denied_page {
    const char *search; /* that target, group or reason contain, whatever the case; "": all */
    enum denied_order order;
    uint64_t skip; /* rows before the page */
    uint32_t limit;
    void (*row)(void *context, const struct denied_page_row *row);
    void *context;
};

/* Calls `row` for each of the page; `*ret_total` is how many the search finds. */
enum database_status page_reader_denied(struct database *database, const struct denied_page *page,
                                        uint64_t *ret_total, struct fault *ret_fault);
