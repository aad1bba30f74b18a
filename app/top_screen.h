/* app/top_screen.h - what `pinhole top` shows, as lines of text. */
#pragma once
#include "base/json_reader.h"
#include "base/text.h"

#include <stdint.h>

/* The answers of /api/v1/; a value that is not there is shown as nothing. */
struct top_answers {
    struct json health, traffic, denied, connections, decisions;
};

/* What was counted when the screen was drawn last, to make rates of it. Zeroed at first. */
struct top_before {
    int64_t at_ms; /* monotonic; 0: nothing was drawn yet */
    int64_t queries, connections, bytes_up, bytes_down;
};

struct top_size {
    unsigned columns, rows;
};

/* Adds the whole screen, its lines cut to the columns and its tables to the rows; `now_ms` is
 * monotonic. */
void top_screen_add(const struct top_answers *answers, struct top_before *before, int64_t now_ms,
                    struct top_size size, struct text *screen);
