/* status/problems.h - what a person has to look at: the page says it first. */
#pragma once
#include "status/view.h"

/* Made of a health. */
struct problems {
    struct output items; /* owned: a list item each */
    uint32_t bad_count;  /* something does not work */
    uint32_t odd_count;  /* something works, and not as it was written */
};

void problems_collect(const struct view *view, struct problems *ret_problems);
void problems_release(struct problems *problems);
