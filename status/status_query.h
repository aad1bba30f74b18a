/* status/status_query.h - what is asked of the source: which data sets, and which rows of those
 * that may be large. Equal questions share an answer. */
#pragma once
#include "base/address.h"
#include "status/status_data.h"

enum { STATUS_SEARCH_BYTES = 128, STATUS_TARGET_BYTES = 512 };

/* The data sets, as a set. */
enum status_part {
    STATUS_HEALTH = 1,
    STATUS_TRAFFIC = 2,
    STATUS_RULES = 4,
    STATUS_DENIED = 8,
    STATUS_CONNECTIONS = 16,
    STATUS_DECISIONS = 32,
    STATUS_EXPLANATION = 64,
    STATUS_METRICS = 128
};

/* Which rows come first. What a table can't be ordered by is never asked of it. */
enum status_order {
    STATUS_ORDER_ID = 0, /* rules: the database's own order, rising */
    STATUS_ORDER_HITS,   /* rules, falling; those without hits are left out */
    STATUS_ORDER_NEWEST, /* rules: the same, falling */
    STATUS_ORDER_UNUSED, /* rules without hits, in the database's own order */
    STATUS_ORDER_COUNT,  /* denied names, falling */
    STATUS_ORDER_LAST,   /* denied names, newest first */
    STATUS_ORDER_FIRST,  /* denied names, newest first */
    STATUS_ORDER_NAME,   /* denied names, connections */
    STATUS_ORDER_AGE,    /* connections, youngest first */
    STATUS_ORDER_BYTES,  /* connections, falling, both ways together */
    STATUS_ORDER_CLIENT  /* connections; as text */
};

/* Which decisions: those that allowed, or all the others. */
enum status_outcome { STATUS_OUTCOME_ANY = 0, STATUS_OUTCOME_ALLOWED, STATUS_OUTCOME_DENIED };

/* A page of a table. */
struct status_selection {
    enum status_order order;
    enum status_state state;     /* rules: only those; STATUS_STATE_ANY: all */
    enum status_outcome outcome; /* decisions: only those */
    int64_t rule_id;             /* rules, connections, decisions: of that rule alone; 0: of all */
    uint32_t limit; /* rows at most: 1 to STATUS_ROWS_MAX, or to STATUS_CONNECTIONS_MAX */
    uint64_t from; /* 0: the first page; else what `next` of the page before said. It means what the
                      source likes: a rule id to go on behind, or a number of rows to skip */
    char search[STATUS_SEARCH_BYTES]; /* UTF-8 that a target, name, group, client or comment has to
                                         contain, whatever the case; "": all */
};

struct status_query {
    unsigned parts; /* of enum status_part */
    struct status_selection rules, denied, connections, decisions;
    char target[STATUS_TARGET_BYTES]; /* STATUS_EXPLANATION: host or URL, as a person typed it */
    struct ip_address client;         /* STATUS_EXPLANATION */
};

bool status_query_equal(const struct status_query *left, const struct status_query *right);
