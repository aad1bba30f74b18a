/* status/output.c - text that grows while it is written. */
#include "status/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096, COUNT_DIGITS_MAX = 20 };

void output_release(struct output *output)
{
    free(output->at);
    *output = (struct output){ 0 };
}

char *output_reserve(struct output *output, size_t size)
{
    size_t capacity = output->capacity > 0 ? output->capacity : FIRST_BYTES;
    if (output->has_failed || size >= OUTPUT_BYTES_MAX - output->size) {
        output->has_failed = true;
        return NULL;
    }
    while (capacity <= output->size + size)
        capacity *= 2;
    if (capacity != output->capacity) {
        char *larger = realloc(output->at, capacity);
        if (larger == NULL) {
            output->has_failed = true;
            return NULL;
        }
        output->at = larger;
        output->capacity = capacity;
    }
    return output->at + output->size;
}

void output_commit(struct output *output, size_t size)
{
    output->size += size;
    output->at[output->size] = '\0';
}

void output_add_bytes(struct output *output, const void *bytes, size_t size)
{
    char *to = output_reserve(output, size);
    if (to == NULL)
        return;
    if (size > 0)
        memcpy(to, bytes, size);
    output_commit(output, size);
}

void output_add(struct output *output, const char *string)
{
    output_add_bytes(output, string, strlen(string));
}

void output_add_count(struct output *output, uint64_t count)
{
    char digits[COUNT_DIGITS_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + count % 10);
        count /= 10;
    } while (count > 0);
    output_add_bytes(output, digits + at, sizeof(digits) - at);
}

void output_repeat(struct output *output, size_t from, size_t size)
{
    char *to = output_reserve(output, size);
    if (to == NULL)
        return;
    memcpy(to, output->at + from, size); /* which output_reserve() may have moved */
    output_commit(output, size);
}

void output_add_format(struct output *output, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *to = size >= 0 ? output_reserve(output, (size_t)size) : NULL;
    if (to != NULL) {
        (void)vsnprintf(to, (size_t)size + 1, format, again);
        output_commit(output, (size_t)size);
    }
    va_end(again);
}
