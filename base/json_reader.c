/* base/json_reader.c - reads JSON that stands in memory. */
#include "base/json_reader.h"
#include "base/text.h"

#include <string.h>

/* The byte that is next, not consumed; 0 at the end, which begins no value. */
static uint8_t next_byte(const struct reader *reader)
{
    return reader_left(reader) > 0 ? *reader->at : 0;
}

static void skip_space(struct reader *reader)
{
    uint8_t byte;
    while ((byte = next_byte(reader)) == ' ' || byte == '\t' || byte == '\n' || byte == '\r')
        (void)reader_take(reader, 1);
}

static bool skip_byte(struct reader *reader, uint8_t wanted)
{
    skip_space(reader);
    if (next_byte(reader) != wanted)
        return false;
    return reader_take(reader, 1) != NULL;
}

static bool skip_string(struct reader *reader)
{
    const uint8_t *byte;
    if (!skip_byte(reader, '"'))
        return false;
    while ((byte = reader_take(reader, 1)) != NULL && *byte != '"')
        if (*byte == '\\')
            (void)reader_take(reader, 1);
    return byte != NULL;
}

static bool is_of_word(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == 'E' ||
           byte == '+' || byte == '-' || byte == '.';
}

static bool skip_word(struct reader *reader)
{
    const uint8_t *start = reader->at;
    while (is_of_word(next_byte(reader)))
        (void)reader_take(reader, 1);
    return reader->at > start;
}

/* Behind the opening bracket stands a value: each bracket that opens is counted, so nothing calls
 * itself, and any depth up to the limit takes the same memory. */
static bool skip_part(struct reader *reader, unsigned *depth)
{
    switch (next_byte(reader)) {
    case '{':
    case '[':
        ++*depth;
        return reader_take(reader, 1) != NULL;
    case '}':
    case ']':
        if (*depth == 0)
            return false;
        --*depth;
        return reader_take(reader, 1) != NULL;
    case ',':
    case ':':
        return *depth > 0 && reader_take(reader, 1) != NULL;
    case '"':
        return skip_string(reader);
    default: /* no enum */
        return skip_word(reader);
    }
}

/* Consumes one value. Brackets are matched by number alone: a comma too many is passed over. */
static bool take_value(struct reader *reader, struct json *ret_value)
{
    unsigned depth = 0;
    skip_space(reader);
    const uint8_t *start = reader->at;
    if (next_byte(reader) == '}' || next_byte(reader) == ']')
        return false;
    do {
        if (!skip_part(reader, &depth) || depth > JSON_DEPTH_MAX)
            return false;
        if (depth > 0)
            skip_space(reader);
    } while (depth > 0);
    *ret_value = (struct json){ start, (size_t)(reader->at - start) };
    return true;
}

struct json json_read(const void *bytes, size_t size)
{
    struct json value = { 0 };
    struct reader reader = reader_over(bytes, size);
    bool is_whole = take_value(&reader, &value);
    skip_space(&reader);
    return is_whole && reader_done(&reader) ? value : (struct json){ 0 };
}

static bool is_key(struct json key, const char *wanted)
{
    size_t size = strlen(wanted);
    return key.size == size + 2 && key.at[0] == '"' && memcmp(key.at + 1, wanted, size) == 0;
}

/* Nothing is an empty text, at no place in particular. */
static struct reader reader_within(struct json value)
{
    return value.at != NULL ? reader_over(value.at, value.size) : reader_over("", 0);
}

struct json json_member(struct json object, const char *key)
{
    struct reader reader = reader_within(object);
    struct json name, value;
    if (!skip_byte(&reader, '{'))
        return (struct json){ 0 };
    while (take_value(&reader, &name) && skip_byte(&reader, ':') && take_value(&reader, &value)) {
        if (is_key(name, key))
            return value;
        if (!skip_byte(&reader, ','))
            break;
    }
    return (struct json){ 0 };
}

struct json_elements json_elements_of(struct json array)
{
    struct reader rest = reader_within(array);
    if (!skip_byte(&rest, '['))
        rest = reader_over("", 0);
    return (struct json_elements){ rest };
}

bool json_elements_next(struct json_elements *elements, struct json *ret_value)
{
    if (!take_value(&elements->rest, ret_value))
        return false;
    (void)skip_byte(&elements->rest, ',');
    return true;
}

int64_t json_number(struct json value)
{
    bool is_negative = value.size > 0 && value.at[0] == '-';
    int64_t number = 0;
    for (size_t i = is_negative; i < value.size && value.at[i] >= '0' && value.at[i] <= '9'; i++) {
        if (number > (INT64_MAX - 9) / 10)
            return 0;
        number = 10 * number + (value.at[i] - '0');
    }
    return is_negative ? -number : number;
}

bool json_is_true(struct json value)
{
    return value.size == 4 && memcmp(value.at, "true", 4) == 0;
}

/* A character of a string; an escape is one too (RFC 8259 7). */
static char take_character(struct reader *reader)
{
    const uint8_t *byte = reader_take(reader, 1);
    const uint8_t *escaped = byte != NULL && *byte == '\\' ? reader_take(reader, 1) : NULL;
    if (escaped != NULL && *escaped == 'u') {
        (void)reader_take(reader, 4); /* control characters and the like alone are written so */
        return '?';
    }
    if (escaped != NULL && *escaped != '"' && *escaped != '\\' && *escaped != '/')
        return ' '; /* a line's end or a tab */
    if (escaped != NULL)
        return (char)*escaped;
    return byte != NULL && *byte >= ' ' && *byte < 0x7f ? (char)*byte : '?';
}

void json_add_plain(struct json value, struct text *text)
{
    bool is_string = value.size >= 2 && value.at[0] == '"';
    if (value.size == 4 && memcmp(value.at, "null", 4) == 0)
        return;
    if (!is_string) {
        for (size_t i = 0; i < value.size && is_of_word(value.at[i]); i++)
            text_add_bytes(text, value.at + i, 1);
        return;
    }
    struct reader reader = reader_over(value.at + 1, value.size - 2);
    while (reader_left(&reader) > 0) {
        char character = take_character(&reader);
        text_add_bytes(text, &character, 1);
    }
}
