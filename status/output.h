/* status/output.h - text that grows while it is written: the body of an answer.
 * Invariant: ends in NUL once anything was added. Out of memory, or beyond OUTPUT_BYTES_MAX, it
 * fails for good and what is added is dropped, so a writer checks once, at its end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTPUT_BYTES_MAX = 8 << 20 };

/* Empty when zeroed. */
struct output {
    char *at; /* owned; malloc'ed */
    size_t size, capacity;
    bool has_failed;
};

void output_release(struct output *output);

void output_add(struct output *output, const char *string);
void output_add_bytes(struct output *output, const void *bytes, size_t size);
/* In decimal; several times as fast as a format. */
void output_add_count(struct output *output, uint64_t count);
/* Adds again the `size` bytes that begin at `from`, all of which are there. */
void output_repeat(struct output *output, size_t from, size_t size);
void output_add_format(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `size` more bytes, behind which there is room for a NUL too; NULL when it failed. Then
 * output_commit() says how many were written. */
char *output_reserve(struct output *output, size_t size);
void output_commit(struct output *output, size_t size);
