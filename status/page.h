/* status/page.h - the pages for people, as HTML that works without a script. */
#pragma once
#include "status/route.h"

/* A whole page each, of view_fn. */
void page_overview(const struct view *view, struct output *output);
void page_rules(const struct view *view, struct output *output);
void page_denied(const struct view *view, struct output *output);
void page_connections(const struct view *view, struct output *output);
void page_decisions(const struct view *view, struct output *output);
void page_explain(const struct view *view, struct output *output);

/* What stands around each page. `title` is a literal. */
void page_open(const struct view *view, const char *title, struct output *output);
void page_close(struct output *output);

/* A section of a page, up to its content. Refreshed by the script where `is_live`. With `more`, the
 * path of a page with the whole of it, its heading leads there. */
struct section {
    const char *id, *title;
    const char *more; /* NULL: none */
    bool is_live;
};
void section_open(const struct section *section, struct output *output);
void section_close(struct output *output);

/* The parts that both the overview and a page of their own show; without their section. */
void part_health(const struct view *view, struct output *output);
void part_traffic(const struct view *view, struct output *output);
void part_rules(const struct view *view, struct output *output);
void part_denied(const struct view *view, struct output *output);
void part_connections(const struct view *view, struct output *output);
void part_decisions(const struct view *view, struct output *output);
/* The form, with what was typed. */
void part_explain_form(const struct view *view, struct output *output);

/* Why there is no answer, in the manner of `media`. */
void page_write_refusal(enum media media, unsigned code, const char *sentence,
                        struct output *output);
