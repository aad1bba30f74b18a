/* app/requirement_json.c - verify and pins as JSON. */
#include "app/requirement_json.h"
#include "base/text.h"

void requirement_add_json(const struct requirement *requirement, struct text *text)
{
    uint32_t count;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    text_add_format(text, "\"verify\":\"%s\",\"pins\":[",
                    verify_mode_word(requirement_mode(requirement)));
    for (uint32_t i = 0; i < count; i++) {
        text_add(text, i > 0 ? ",{\"spki_sha256\":\"" : "{\"spki_sha256\":\"");
        spki_pin_add_to(&pins[i].spki, text);
        text_add_format(
            text, "\",\"mode\":\"%s\",\"expires_at\":", pins[i].is_enforced ? "enforce" : "report");
        if (pins[i].expires_at == PIN_NEVER_EXPIRES)
            text_add(text, "null}");
        else
            text_add_format(text, "%lld}", (long long)pins[i].expires_at);
    }
    text_add(text, "]");
}
