/* tests/fuzz/target_fuzz.c - a target of any bytes: no crash, and what is accepted reads as the
 * same rule again when the program shows it. */
#include "base/text.h"
#include "policy/rule.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char reason[RULE_REASON_BYTES] = "", shown[RULE_HOSTNAME_BYTES];
    struct compiled_rule rule = { .id = 1 }, again = { .id = 1 };
    if (!target_parse((const char *)bytes, size, &rule, reason)) {
        if (strlen(reason) == 0)
            abort();
        return 0;
    }
    struct text text = text_in(shown, sizeof(shown));
    compiled_rule_add_to(&rule, &text);
    if (text.cut || !target_parse(text.at, text.size, &again, reason) ||
        again.pattern != rule.pattern || again.port != rule.port ||
        again.name.size != rule.name.size ||
        memcmp(again.name.wire, rule.name.wire, rule.name.size) != 0)
        abort();
    return 0;
}
