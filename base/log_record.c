/* base/log_record.c - one log line before it is text. */
#include "base/log_record.h"
#include "base/clock.h"
#include "base/text.h"

#include <string.h>
#include <time.h>

void log_record_start(struct log_record *record, const char *event)
{
    record->time_ms = clock_realtime_ms();
    record->event = event;
    record->values_size = 0;
    record->field_count = 0;
}

static struct log_field *add_field(struct log_record *record, const char *key)
{
    if (record->field_count == LOG_FIELDS)
        return NULL;

    struct log_field *field = &record->fields[record->field_count++];
    *field = (struct log_field){ .key = key };
    return field;
}

void log_record_bytes(struct log_record *record, const char *key, const void *bytes, size_t size)
{
    struct log_field *field = add_field(record, key);
    if (field == NULL)
        return;
    size_t left = LOG_VALUE_BYTES - record->values_size;
    if (size > left)
        size = left;
    field->at = record->values_size;
    field->size = (uint16_t)size;
    if (size > 0)
        memcpy(record->values + record->values_size, bytes, size);
    record->values_size = (uint16_t)(record->values_size + size);
}

void log_record_text(struct log_record *record, const char *key, const char *value)
{
    log_record_bytes(record, key, value, strlen(value));
}

void log_record_number(struct log_record *record, const char *key, int64_t value)
{
    struct log_field *field = add_field(record, key);
    if (field == NULL)
        return;
    field->is_number = true;
    field->number = value;
}

static void add_time(struct text *text, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    char buffer[32];
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        return;
    text_add_format(text, "%s.%03dZ", buffer, (int)(time_ms % 1000));
}

/* A word that needs no quotes to stay one value. */
static bool is_plain(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] <= 0x20 || bytes[i] >= 0x7f || strchr("\"\\=", bytes[i]) != NULL)
            return false;
    return size > 0;
}

void log_record_add_text(const struct log_record *record, struct text *text)
{
    add_time(text, record->time_ms);
    text_add_format(text, " %s", record->event);
    for (unsigned i = 0; i < record->field_count; i++) {
        const struct log_field *field = &record->fields[i];
        const uint8_t *value = record->values + field->at;
        text_add_format(text, " %s=", field->key);
        if (field->is_number) {
            text_add_format(text, "%lld", (long long)field->number);
        } else if (is_plain(value, field->size)) {
            text_add_bytes(text, value, field->size);
        } else {
            text_add(text, "\"");
            text_add_escaped(text, value, field->size);
            text_add(text, "\"");
        }
    }
    text_add(text, "\n");
}

void log_record_add_json(const struct log_record *record, struct text *text)
{
    text_add(text, "{\"time\":\"");
    add_time(text, record->time_ms);
    text_add(text, "\",\"event\":");
    text_add_json_string(text, record->event, strlen(record->event));
    for (unsigned i = 0; i < record->field_count; i++) {
        const struct log_field *field = &record->fields[i];
        text_add_format(text, ",\"%s\":", field->key);
        if (field->is_number)
            text_add_format(text, "%lld", (long long)field->number);
        else
            text_add_json_string(text, record->values + field->at, field->size);
    }
    text_add(text, "}\n");
}
