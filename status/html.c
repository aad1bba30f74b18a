/* status/html.c - HTML, with each text escaped for the place it goes to. */
#include "status/html.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool html_is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

void html_markup(struct output *output, const char *literal)
{
    output_add(output, literal);
}

/* What stands in HTML for a byte that means something there; NULL: itself. One set for texts and
 * for attributes, whose values always stand in double quotes. */
static const char *entity_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static const char replacement[] = "\xef\xbf\xbd";

/* U+202A to U+202E, U+2066 to U+2069, U+200E, U+200F, U+061C: they turn the direction round.
 * U+0080 to U+009F: controls. */
static bool is_unwelcome(const char *character, size_t length)
{
    const unsigned char *byte = (const unsigned char *)character;
    if (length == 1)
        return (byte[0] < 0x20 && byte[0] != '\n' && byte[0] != '\t') || byte[0] == 0x7f;
    if (length == 2)
        return (byte[0] == 0xc2 && byte[1] < 0xa0) || (byte[0] == 0xd8 && byte[1] == 0x9c);
    if (length != 3 || byte[0] != 0xe2)
        return false;
    return (byte[1] == 0x80 && (byte[2] == 0x8e || byte[2] == 0x8f)) ||
           (byte[1] == 0x80 && byte[2] >= 0xaa && byte[2] <= 0xae) ||
           (byte[1] == 0x81 && byte[2] >= 0xa6 && byte[2] <= 0xa9);
}

void html_text(struct output *output, const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    for (size_t i = 0; i < size;) {
        size_t length = text_utf8_length(text + i, size - i);
        const char *entity = entity_of(text[i]);
        if (length == 0 || is_unwelcome(text + i, length))
            output_add(output, replacement);
        else if (entity != NULL)
            output_add(output, entity);
        else
            output_add_bytes(output, text + i, length);
        i += length > 0 ? length : 1;
    }
}

void html_attribute(struct output *output, const char *name, const char *value)
{
    output_add(output, " ");
    output_add(output, name);
    output_add(output, "=\"");
    html_text(output, value);
    output_add(output, "\"");
}

static bool is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void html_argument(struct output *output, const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (is_unreserved(byte))
            output_add_bytes(output, at, 1);
        else
            output_add_format(output, "%%%02X", byte);
    }
}

void html_element(struct output *output, const char *tag, const char *class, const char *text)
{
    output_add_format(output, "<%s", tag);
    if (class != NULL)
        html_attribute(output, "class", class);
    output_add(output, ">");
    html_text(output, text);
    output_add_format(output, "</%s>", tag);
}

void html_count(struct output *output, uint64_t count)
{
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            output_add(output, ",");
        output_add_bytes(output, &digits[i], 1);
    }
}

void html_bytes(struct output *output, uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    output_add_format(output, "%.*f %s", unit > 0 && value < 9.95 ? 1 : 0, value, units[unit]);
}

void html_duration(struct output *output, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
    size_t first = 0;
    if (seconds < 1) {
        output_add(output, "0 s");
        return;
    }
    while (seconds < units[first].seconds)
        first++;
    output_add_format(output, "%lld %s", (long long)(seconds / units[first].seconds),
                      units[first].name);
    int64_t rest = seconds % units[first].seconds;
    bool has_second = first < 3 && seconds / units[first].seconds < 10;
    if (has_second && rest >= units[first + 1].seconds)
        output_add_format(output, " %lld %s", (long long)(rest / units[first + 1].seconds),
                          units[first + 1].name);
}

/* UTC, split up. */
static struct tm split_time(int64_t time_s)
{
    struct tm parts = { 0 };
    time_t seconds = (time_t)time_s;
    (void)gmtime_r(&seconds, &parts); /* out of range: zeros */
    return parts;
}

/* `<time datetime="2026-11-23T10:00:00Z">`, still open for attributes. */
static void open_time(struct output *output, const struct tm *parts)
{
    output_add_format(output, "<time datetime=\"%04d-%02d-%02dT%02d:%02d:%02dZ\"",
                      parts->tm_year + 1900, parts->tm_mon + 1, parts->tm_mday, parts->tm_hour,
                      parts->tm_min, parts->tm_sec);
}

void html_ago(struct output *output, int64_t time_s, int64_t now_s)
{
    if (time_s == 0) {
        output_add(output, "never");
        return;
    }
    struct tm parts = split_time(time_s);
    open_time(output, &parts);
    output_add_format(output, " title=\"%04d-%02d-%02d %02d:%02d:%02d UTC\">", parts.tm_year + 1900,
                      parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (time_s > now_s)
        output_add(output, "in ");
    html_duration(output, time_s > now_s ? time_s - now_s : now_s - time_s);
    output_add(output, time_s > now_s ? "</time>" : " ago</time>");
}

void html_clock(struct output *output, int64_t time_ms)
{
    struct tm parts = split_time(time_ms / 1000);
    open_time(output, &parts);
    output_add_format(output, ">%02d:%02d:%02d</time>", parts.tm_hour, parts.tm_min, parts.tm_sec);
}
