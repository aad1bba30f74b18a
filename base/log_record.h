/* base/log_record.h - one log line before it is text: a fixed event word, then keys and values.
 * Fixed in size, so that a worker fills it in place in its ring and never allocates. Keys and event
 * words are string literals; values are copied. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text;

enum { LOG_FIELDS = 32, LOG_VALUE_BYTES = 3072, LOG_LINE_BYTES = 20480 };

struct log_field {
    const char *key;
    bool is_number;
    uint16_t at, size; /* of a text value, in `values` */
    int64_t number;
};

struct log_record {
    int64_t time_ms; /* Unix milliseconds */
    const char *event;
    uint16_t values_size;
    uint8_t field_count;
    struct log_field fields[LOG_FIELDS];
    uint8_t values[LOG_VALUE_BYTES];
};

/* Begins a record; `event` is a literal. */
void log_record_start(struct log_record *record, const char *event);
/* Adds a value; one that no longer fits is cut, a field too many is left out. */
void log_record_text(struct log_record *record, const char *key, const char *value);
void log_record_bytes(struct log_record *record, const char *key, const void *bytes, size_t size);
void log_record_number(struct log_record *record, const char *key, int64_t value);

/* One line with its newline: "2026-11-22T10:00:00.000Z event key=value key="two words"". */
void log_record_add_text(const struct log_record *record, struct text *text);
/* One JSON object a line, {"time":…,"event":…,key:value…}. */
void log_record_add_json(const struct log_record *record, struct text *text);
