/* base/text.h - text put together in a buffer of fixed size.
 * Invariant: always NUL-terminated; what does not fit is cut, and `cut` says so. Borrows the
 * buffer. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *at;        /* the text so far */
    size_t size;     /* its bytes, without the NUL */
    size_t capacity; /* of the buffer, with the NUL; at least 1 */
    bool cut;
};

/* An empty text in `buffer` of `capacity` bytes (at least 1). */
struct text text_in(char *buffer, size_t capacity);
/* Goes on behind the text that stands in `buffer`, which ends in NUL. */
struct text text_behind(char *buffer, size_t capacity);

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *bytes, size_t size);
void text_add_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds bytes from outside so that they cannot steer a terminal or forge a log line: printable ASCII
 * as it is, all else (and the backslash and the double quote) as \xNN. */
void text_add_escaped(struct text *text, const void *bytes, size_t size);

/* Adds a JSON string with its quotes (RFC 8259 7). Bytes that are no UTF-8 become U+FFFD. */
void text_add_json_string(struct text *text, const void *bytes, size_t size);

/* The length of the UTF-8 character that begins at `character` (RFC 3629 4) and ends within `left`
 * bytes (at least 1), or 0 where none does. */
size_t text_utf8_length(const char *character, size_t left);

/* The length of the longest prefix of `size` bytes of UTF-8 that fits in `limit` and cuts no
 * character. */
size_t text_cut_at_character(const char *string, size_t size, size_t limit);
