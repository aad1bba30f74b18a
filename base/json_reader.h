/* base/json_reader.h - reads JSON (RFC 8259) that stands in memory, value by value, without copying
 * it. Hostile bytes do no harm: what can't be read is a value that is not there. Words and numbers
 * are not checked for sense, as whoever asks for a number gets 0 where there is none. */
#pragma once
#include "base/reader.h"

struct text;

/* One value; borrows the bytes. Size 0: there is none. */
struct json {
    const uint8_t *at;
    size_t size;
};

enum { JSON_DEPTH_MAX = 32 };

/* The value that the bytes are, with white space around it. */
struct json json_read(const void *bytes, size_t size);

/* A member of an object. Keys are compared as they are written, without escapes. */
struct json json_member(struct json object, const char *key);

/* An array's elements: the rest of it after each call. False: there are no more. */
struct json_elements {
    struct reader rest;
};
struct json_elements json_elements_of(struct json array);
bool json_elements_next(struct json_elements *elements, struct json *ret_value);

/* A whole number, 0 for what is none; true for `true` alone. */
int64_t json_number(struct json value);
bool json_is_true(struct json value);

/* Adds a string's characters, or a number or word as it stands. What is no printable ASCII becomes
 * "?", so that it cannot steer a terminal; nothing for null and for what is not there. */
void json_add_plain(struct json value, struct text *text);
