/* base/fault.c - what a person must fix. */
#include "base/fault.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fault_what(struct fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->what, sizeof(fault->what), format, arguments); /* cutting is fine */
    va_end(arguments);
}

void fault_where(struct fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->where, sizeof(fault->where), format, arguments);
    va_end(arguments);
}

void fault_remedy(struct fault *fault, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(fault->remedy, sizeof(fault->remedy), format, arguments);
    va_end(arguments);
}

static void add_on_one_line(struct text *text, const char *separator, const char *part)
{
    if (part[0] == '\0')
        return;
    text_add(text, separator);
    for (; *part != '\0'; part++) {
        char byte = (unsigned char)*part < 0x20 ? ' ' : *part;
        text_add_bytes(text, &byte, 1);
    }
}

void fault_add_to(const struct fault *fault, struct text *text)
{
    add_on_one_line(text, "", fault->what);
    add_on_one_line(text, ": ", fault->where);
    add_on_one_line(text, ": ", fault->remedy);
}
