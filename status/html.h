/* status/html.h - HTML, with each text escaped for the place it goes to. Whatever came from
 * outside, a rule's comment as much as a server name, goes through html_text(), html_attribute() or
 * html_argument(); html_markup() takes literals alone. */
#pragma once
#include "status/output.h"

#include <stdint.h>

/* Has the text something to show? NULL is "". */
bool html_is_set(const char *text);

/* A literal of the program, as it is. */
void html_markup(struct output *output, const char *literal);

/* Text between tags. Bytes that are no UTF-8, control characters, and characters that turn the
 * direction of writing round (with which one text can be made to look like another) become U+FFFD.
 * NULL is "". */
void html_text(struct output *output, const char *text);

/* ` name="value"`, within a tag that is open. */
void html_attribute(struct output *output, const char *name, const char *value);

/* A part of a URL's query, percent-encoded (RFC 3986 2.1): safe in an attribute too. */
void html_argument(struct output *output, const char *value);

/* `<tag class="class">text</tag>`; without the attribute where `class` is NULL. */
void html_element(struct output *output, const char *tag, const char *class, const char *text);

/* "1,234,567" */
void html_count(struct output *output, uint64_t count);
/* "1.4 GiB" */
void html_bytes(struct output *output, uint64_t bytes);
/* "3 h 12 min", at most two units; "0 s" for less than a second and for the past. */
void html_duration(struct output *output, int64_t seconds);
/* A moment: `<time datetime="...">3 min ago</time>`; "never" for 0. */
void html_ago(struct output *output, int64_t time_s, int64_t now_s);
/* A moment of the day: `<time datetime="...">12:30:05</time>`, UTC. */
void html_clock(struct output *output, int64_t time_ms);
