/* status/route.h - what is found under which path. A page, or another way to say the same, is a row
 * of the table in route.c. */
#pragma once
#include "status/view.h"

/* How an answer is written. */
enum media { MEDIA_TEXT = 0, MEDIA_HTML, MEDIA_JSON, MEDIA_METRICS };

/* The table that the arguments q, sort, state and from are about. */
enum route_table { TABLE_NONE = 0, TABLE_RULES, TABLE_DENIED, TABLE_CONNECTIONS, TABLE_DECISIONS };

struct route {
    const char *path;
    enum media media;
    unsigned parts; /* of enum status_part: what it shows */
    enum route_table table;
    view_fn *write;
};

/* NULL where there is nothing. */
const struct route *route_find(const char *path);

/* What is to be asked of the source. NULL, or a sentence that says what is wrong with the
 * arguments. */
const char *route_query(const struct route *route, const struct arguments *arguments,
                        struct status_query *ret_query);

/* What only the source could see to be wrong with the arguments; NULL: nothing. A page shows the
 * sentence itself. */
const char *route_refused(const struct route *route, const struct status_query *query,
                          const struct status_data *data);

/* Why an answer of this route can't be given from `data`: a set's `missing`; NULL: it can. A page
 * shows the sentence itself, where the set would be. */
const char *route_missing(const struct route *route, const struct status_query *query,
                          const struct status_data *data);
