/* status/json_writer.h - JSON (RFC 8259) member by member; the writer sees to commas. A key is a
 * literal; NULL in arrays and for the outermost value. */
#pragma once
#include "status/output.h"

struct json_writer {
    struct output *output; /* borrowed */
    bool has_member;       /* the innermost object or array has one */
};

void json_open_object(struct json_writer *json, const char *key);
void json_close_object(struct json_writer *json);
void json_open_array(struct json_writer *json, const char *key);
void json_close_array(struct json_writer *json);

/* NULL is "". Bytes that are no UTF-8 become U+FFFD. */
void json_add_text(struct json_writer *json, const char *key, const char *value);
void json_add_count(struct json_writer *json, const char *key, uint64_t value);
void json_add_number(struct json_writer *json, const char *key, int64_t value);
void json_add_bool(struct json_writer *json, const char *key, bool value);
void json_add_null(struct json_writer *json, const char *key);
/* A time: null for 0. */
void json_add_time(struct json_writer *json, const char *key, int64_t value);
/* A text that "" means absence of: null for it and for NULL. */
void json_add_text_or_null(struct json_writer *json, const char *key, const char *value);
