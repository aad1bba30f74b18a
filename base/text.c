/* base/text.c - text put together in a buffer of fixed size. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *buffer, size_t capacity)
{
    buffer[0] = '\0';
    return (struct text){ buffer, 0, capacity, false };
}

struct text text_behind(char *buffer, size_t capacity)
{
    return (struct text){ buffer, strlen(buffer), capacity, false };
}

void text_add_bytes(struct text *text, const void *bytes, size_t size)
{
    size_t left = text->capacity - text->size - 1;
    if (size > left) {
        size = left;
        text->cut = true;
    }
    if (size > 0)
        memcpy(text->at + text->size, bytes, size);
    text->size += size;
    text->at[text->size] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void text_add_format(struct text *text, const char *format, ...)
{
    size_t left = text->capacity - text->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text->at + text->size, left, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= left) {
        text->cut = true;
        text->size = text->capacity - 1;
        text->at[text->size] = '\0';
        return;
    }
    text->size += (size_t)size;
}

void text_add_escaped(struct text *text, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        if (byte[i] >= 0x20 && byte[i] < 0x7f && byte[i] != '\\' && byte[i] != '"')
            text_add_bytes(text, &byte[i], 1);
        else
            text_add_format(text, "\\x%02x", byte[i]);
    }
}

size_t text_utf8_length(const char *character, size_t left)
{
    const unsigned char *byte = (const unsigned char *)character;
    static const struct {
        unsigned char first, last;               /* of the leading byte */
        unsigned char second_first, second_last; /* what may follow it */
        size_t length;
    } forms[] = {
        { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (byte[0] < forms[i].first || byte[0] > forms[i].last)
            continue;
        if (forms[i].length > left)
            return 0;
        if (forms[i].length > 1 &&
            (byte[1] < forms[i].second_first || byte[1] > forms[i].second_last))
            return 0;
        for (size_t at = 2; at < forms[i].length; at++)
            if ((byte[at] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

void text_add_json_string(struct text *text, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    text_add(text, "\"");
    for (size_t i = 0; i < size;) {
        size_t length = text_utf8_length((const char *)byte + i, size - i);
        if (length == 0)
            text_add(text, "\\ufffd");
        else if (byte[i] == '"' || byte[i] == '\\')
            text_add_format(text, "\\%c", byte[i]);
        else if (byte[i] < 0x20 || byte[i] == 0x7f)
            text_add_format(text, "\\u%04x", byte[i]);
        else
            text_add_bytes(text, byte + i, length);
        i += length > 0 ? length : 1;
    }
    text_add(text, "\"");
}

size_t text_cut_at_character(const char *string, size_t size, size_t limit)
{
    if (size <= limit)
        return size;
    while (limit > 0 && ((unsigned char)string[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}
