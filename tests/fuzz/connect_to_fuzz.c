/* tests/fuzz/connect_to_fuzz.c - a connect_to of any bytes: no crash, and what is accepted reads as
 * the same again when the program shows it. */
#include "base/text.h"
#include "policy/connect_to.h"

#include <stdlib.h>
#include <string.h>

enum { TYPED_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char typed[TYPED_MAX], shown[CONNECT_TO_TEXT_BYTES], shown_again[CONNECT_TO_TEXT_BYTES];
    struct connect_to read, again;
    const char *problem = NULL;
    if (size >= sizeof(typed))
        return 0;
    memcpy(typed, bytes, size);
    typed[size] = '\0';
    if (!connect_to_parse(typed, &read, &problem)) {
        if (problem == NULL)
            abort();
        return 0;
    }
    struct text text = text_in(shown, sizeof(shown));
    struct text text_again = text_in(shown_again, sizeof(shown_again));
    connect_to_add_to(&read, &text);
    if (text.cut || !connect_to_parse(shown, &again, &problem) || again.kind != read.kind ||
        again.port != read.port || !ip_address_equal(&again.address, &read.address))
        abort();
    connect_to_add_to(&again, &text_again);
    if (strcmp(shown, shown_again) != 0)
        abort();
    return 0;
}
