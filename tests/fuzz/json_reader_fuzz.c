/* tests/fuzz/json_reader_fuzz.c - JSON of any bytes: no crash, parts lie within the whole, and what
 * is written of them is printable. */
#include "base/json_reader.h"
#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char buffer[256];
    struct text text = text_in(buffer, sizeof(buffer));
    struct json all = json_read(bytes, size), element;
    struct json list = json_member(all, "connections");
    struct json_elements elements = json_elements_of(list.size > 0 ? list : all);
    while (json_elements_next(&elements, &element)) {
        if (element.at < bytes || element.at + element.size > bytes + size)
            abort();
        json_add_plain(element, &text);
        json_add_plain(json_member(element, "c"), &text);
        (void)json_number(element);
    }
    for (size_t i = 0; i < text.size; i++)
        if (buffer[i] < ' ' || buffer[i] > '~')
            abort();
    return 0;
}
