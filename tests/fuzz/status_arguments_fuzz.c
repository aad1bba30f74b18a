/* tests/fuzz/status_arguments_fuzz.c - a URL's query of any bytes: no crash, and what was read can
 * be written into a link that reads the same. */
#include "status/arguments.h"
#include "status/html.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arguments arguments, again;
    struct output output = { 0 };
    if (arguments_read((const char *)bytes, size, &arguments) != NULL)
        return 0;
    output_add(&output, "q=");
    html_argument(&output, arguments.search);
    if (arguments_read(output.at, output.size, &again) != NULL ||
        strcmp(arguments.search, again.search) != 0)
        abort();
    output_add(&output, "\n");
    html_text(&output, arguments.target);
    if (strpbrk(strchr(output.at, '\n') + 1, "<>\"'") != NULL)
        abort();
    output_release(&output);
    return 0;
}
