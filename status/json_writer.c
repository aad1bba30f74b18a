/* status/json_writer.c - JSON member by member. */
#include "status/json_writer.h"
#include "base/text.h"

#include <string.h>

static void add_string(struct output *output, const char *value)
{
    size_t size = strlen(value);
    size_t room = 6 * size + 2; /* each byte as \uXXXX, and the quotes */
    char *to = output_reserve(output, room);
    if (to == NULL)
        return;
    struct text text = text_in(to, room + 1);
    text_add_json_string(&text, value, size);
    output_commit(output, text.size);
}

static void begin_member(struct json_writer *json, const char *key)
{
    if (json->has_member)
        output_add(json->output, ",");
    json->has_member = true;
    if (key == NULL)
        return;
    add_string(json->output, key);
    output_add(json->output, ":");
}

static void open_with(struct json_writer *json, const char *key, const char *bracket)
{
    begin_member(json, key);
    output_add(json->output, bracket);
    json->has_member = false;
}

static void close_with(struct json_writer *json, const char *bracket)
{
    output_add(json->output, bracket);
    json->has_member = true;
}

void json_open_object(struct json_writer *json, const char *key)
{
    open_with(json, key, "{");
}

void json_close_object(struct json_writer *json)
{
    close_with(json, "}");
}

void json_open_array(struct json_writer *json, const char *key)
{
    open_with(json, key, "[");
}

void json_close_array(struct json_writer *json)
{
    close_with(json, "]");
}

void json_add_text(struct json_writer *json, const char *key, const char *value)
{
    begin_member(json, key);
    add_string(json->output, value != NULL ? value : "");
}

void json_add_count(struct json_writer *json, const char *key, uint64_t value)
{
    begin_member(json, key);
    output_add_format(json->output, "%llu", (unsigned long long)value);
}

void json_add_number(struct json_writer *json, const char *key, int64_t value)
{
    begin_member(json, key);
    output_add_format(json->output, "%lld", (long long)value);
}

void json_add_bool(struct json_writer *json, const char *key, bool value)
{
    begin_member(json, key);
    output_add(json->output, value ? "true" : "false");
}

void json_add_null(struct json_writer *json, const char *key)
{
    begin_member(json, key);
    output_add(json->output, "null");
}

void json_add_time(struct json_writer *json, const char *key, int64_t value)
{
    if (value != 0)
        json_add_number(json, key, value);
    else
        json_add_null(json, key);
}

void json_add_text_or_null(struct json_writer *json, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_add_text(json, key, value);
    else
        json_add_null(json, key);
}
