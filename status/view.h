/* status/view.h - what a page or a JSON answer is written from. */
#pragma once
#include "status/arguments.h"
#include "status/output.h"

#include <stdint.h>

/* All borrowed, for the call. */
struct view {
    const struct status_data *data; /* zeroed where nothing was asked of the source */
    const struct status_query *query;
    const struct arguments *arguments;
    const char *path; /* of the page: "/rules" */
    int64_t now_s;
};

typedef void view_fn(const struct view *view, struct output *output);
