/* tests/support/json.h - reads back the JSON that the program writes, as strictly as RFC 8259. */
#pragma once
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read. The first mistake fails it for good. */
struct json {
    const char *at, *end;
    bool failed;
};

static inline struct json json_over(const char *text, size_t size)
{
    return (struct json){ text, text + size, false };
}

/* The next byte, or 0 (and failed) behind the end. */
static inline unsigned char json_byte(struct json *json)
{
    if (json->failed || json->at == json->end) {
        json->failed = true;
        return 0;
    }
    return (unsigned char)*json->at++;
}

/* Consumes exactly `expected`. */
static inline void json_expect(struct json *json, const char *expected)
{
    for (; *expected != '\0'; expected++)
        json->failed |= json_byte(json) != (unsigned char)*expected;
}

static inline uint32_t json_hex(struct json *json)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char digit = json_byte(json);
        bool is_letter = digit >= 'a' && digit <= 'f';
        json->failed |= !is_letter && (digit < '0' || digit > '9');
        value = value << 4 | (uint32_t)(is_letter ? digit - 'a' + 10 : digit - '0');
    }
    return value;
}

/* RFC 3629 3, for what one \u can say. */
static inline void json_add_utf8(struct text *text, uint32_t character)
{
    unsigned char bytes[3] = { (unsigned char)(0xe0 | character >> 12),
                               (unsigned char)(0x80 | (character >> 6 & 0x3f)),
                               (unsigned char)(0x80 | (character & 0x3f)) };
    unsigned char one = (unsigned char)character;
    if (character < 0x80)
        text_add_bytes(text, &one, 1);
    else
        text_add_bytes(text, bytes, sizeof(bytes)); /* the program writes no two-byte ones so */
}

/* Reads a string with its quotes and adds what it says to `text`. */
static inline void json_string(struct json *json, struct text *text)
{
    json_expect(json, "\"");
    while (!json->failed) {
        unsigned char byte = json_byte(json);
        json->failed |= byte < 0x20; /* RFC 8259 7: must be escaped */
        if (byte == '"')
            return;
        if (byte == '\\') {
            byte = json_byte(json);
            if (byte == 'u') {
                json_add_utf8(text, json_hex(json));
                continue;
            }
            json->failed |= byte != '"' && byte != '\\';
        }
        text_add_bytes(text, &byte, 1);
    }
}
