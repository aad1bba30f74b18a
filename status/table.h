/* status/table.h - the page's tables: captions, headings that sort, cells that know their heading
 * (narrow screens show each row as a card), search, paging. */
#pragma once
#include "status/view.h"

struct column {
    const char *label;
    const char *class; /* "number", "name", "sentence", ...; NULL: none */
    bool is_sortable;  /* by `order` */
    enum status_order order;
};

struct table {
    const char *caption; /* for screen readers */
    const struct column *columns;
    uint32_t column_count;
    const struct status_selection *selection; /* NULL: headings don't sort */
};

/* The table with its headings, up to its first row. */
void table_open(const struct table *table, const struct view *view, struct output *output);
void table_close(struct output *output);

void table_row_open(struct output *output);
void table_row_close(struct output *output);

/* A cell to be filled between open and close. The first column's are headings of their rows. */
void table_cell_open(const struct table *table, uint32_t column, struct output *output);
void table_cell_close(uint32_t column, struct output *output);
/* In a cell that has nothing to say; narrow screens leave it out. */
void table_dash(struct output *output);

/* A cell with a text; a dash for "". */
void table_cell(const struct table *table, uint32_t column, const char *text,
                struct output *output);
void table_cell_count(const struct table *table, uint32_t column, uint64_t count,
                      struct output *output);
void table_cell_bytes(const struct table *table, uint32_t column, uint64_t bytes,
                      struct output *output);
void table_cell_ago(const struct table *table, uint32_t column, int64_t time_s,
                    const struct view *view, struct output *output);

/* Text as code; a dash for "". */
void table_cell_code(const struct table *table, uint32_t column, const char *text,
                     struct output *output);
/* A link to the rule; a dash for 0. */
void table_cell_rule(const struct table *table, uint32_t column, int64_t rule_id,
                     struct output *output);
/* An address, and below it the group. */
void table_cell_client(const struct table *table, uint32_t column, const char *client,
                       const char *group, struct output *output);

/* A form that searches the page's table; what is chosen otherwise stays. */
void table_search(const struct view *view, const char *label, struct output *output);
/* Links to the same page with other arguments, one for each choice there is; the one that is shown
 * is marked. */
void table_choices_open(const char *label, struct output *output);
void table_choice(const struct view *view, const char *label, const struct arguments *arguments,
                  struct output *output);
void table_choices_close(struct output *output);
/* Links to the first page and to the next one, where they are others. `next` 0: there is none. */
void table_pager(const struct view *view, uint64_t next, struct output *output);

/* In place of a table. */
void table_empty(const char *sentence, struct output *output);
/* In place of a set that could not be had. True when `missing` says so. */
bool table_missing(const char *missing, struct output *output);
