/* status/arguments.h - the query of a request's URL, "q=bucket&sort=hits". Strict: what can't be
 * read, or is given twice, is an error and not guessed at; a name that nobody knows is passed over.
 */
#pragma once
#include "status/status_query.h"

#include <stddef.h>

enum { ARGUMENTS_BYTES_MAX = 2048 }; /* of a whole query */

/* Those that are known, decoded; "" where not given. */
struct arguments {
    char search[STATUS_SEARCH_BYTES]; /* q */
    char target[STATUS_TARGET_BYTES]; /* target */
    char client[64];                  /* client: as typed */
    enum status_state state;          /* state */
    bool has_order;
    enum status_order order;     /* sort */
    enum status_outcome outcome; /* outcome */
    int64_t rule_id;             /* rule */
    uint64_t from;               /* from */
};

/* Reads what stands behind the "?" (RFC 3986 3.4; "+" is a space, as forms send it). NULL, or a
 * sentence that says what is wrong. */
const char *arguments_read(const char *query, size_t size, struct arguments *ret_arguments);

/* The word of an order in URLs: "hits". And of an outcome: "denied"; "" for any. */
const char *arguments_order_word(enum status_order order);
const char *arguments_outcome_word(enum status_outcome outcome);
