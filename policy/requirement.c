/* policy/requirement.c - verify mode and pins of a rule. */
#include "policy/requirement.h"
#include "base/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct requirement {
    atomic_uint references;
    enum verify_mode mode;
    uint32_t pin_count;
    struct required_pin pins[]; /* in order */
};

const char *verify_mode_word(enum verify_mode mode)
{
    static const char *const words[] = {
        [VERIFY_CHAIN] = "chain", [VERIFY_PIN_ONLY] = "pin-only", [VERIFY_NONE] = "none"
    };
    return words[mode];
}

static int compare_pins(const void *left, const void *right)
{
    const struct required_pin *one = left, *other = right;
    int order = memcmp(one->spki.sha256, other->spki.sha256, SPKI_PIN_BYTES);
    if (order == 0)
        order = (int)one->is_enforced - (int)other->is_enforced;
    if (order == 0)
        order = (one->expires_at > other->expires_at) - (one->expires_at < other->expires_at);
    return order;
}

struct requirement *requirement_new(enum verify_mode mode, const struct required_pin *pins,
                                    uint32_t count)
{
    struct requirement *requirement =
        count <= REQUIRED_PINS_MAX ? malloc(sizeof(*requirement) + count * sizeof(*pins)) : NULL;
    if (requirement == NULL)
        return NULL;
    atomic_init(&requirement->references, 1);
    requirement->mode = mode;
    requirement->pin_count = count;
    for (uint32_t i = 0; i < count; i++)
        requirement->pins[i] = pins[i];
    qsort(requirement->pins, count, sizeof(*pins), compare_pins);
    return requirement;
}

struct requirement *requirement_ref(struct requirement *requirement)
{
    if (requirement != NULL)
        atomic_fetch_add_explicit(&requirement->references, 1, memory_order_relaxed);
    return requirement;
}

struct requirement *requirement_unref(struct requirement *requirement)
{
    if (requirement != NULL &&
        atomic_fetch_sub_explicit(&requirement->references, 1, memory_order_acq_rel) == 1)
        free(requirement);
    return NULL;
}

enum verify_mode requirement_mode(const struct requirement *requirement)
{
    return requirement != NULL ? requirement->mode : VERIFY_CHAIN;
}

const struct required_pin *requirement_pins(const struct requirement *requirement,
                                            uint32_t *ret_count)
{
    *ret_count = requirement != NULL ? requirement->pin_count : 0;
    return requirement != NULL ? requirement->pins : NULL;
}

bool requirement_equal(const struct requirement *left, const struct requirement *right)
{
    uint32_t left_count, right_count;
    const struct required_pin *left_pins = requirement_pins(left, &left_count);
    const struct required_pin *right_pins = requirement_pins(right, &right_count);
    if (requirement_mode(left) != requirement_mode(right) || left_count != right_count)
        return false;
    for (uint32_t i = 0; i < left_count; i++)
        if (compare_pins(&left_pins[i], &right_pins[i]) != 0)
            return false;
    return true;
}

bool requirement_has_enforcing_pin(const struct requirement *requirement)
{
    return requirement_has_live_pin(requirement, INT64_MIN);
}

bool requirement_has_live_pin(const struct requirement *requirement, int64_t now_s)
{
    uint32_t count;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pins[i].is_enforced && pins[i].expires_at > now_s)
            return true;
    return false;
}

int64_t requirement_last_expiry(const struct requirement *requirement)
{
    uint32_t count;
    int64_t last_s = INT64_MIN;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pins[i].is_enforced && pins[i].expires_at > last_s)
            last_s = pins[i].expires_at;
    return last_s != INT64_MIN ? last_s : PIN_NEVER_EXPIRES;
}

int64_t requirement_next_expiry(const struct requirement *requirement, int64_t now_s)
{
    uint32_t count;
    int64_t next_s = PIN_NEVER_EXPIRES;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    for (uint32_t i = 0; i < count; i++)
        if (pins[i].expires_at > now_s && pins[i].expires_at < next_s)
            next_s = pins[i].expires_at;
    return next_s;
}

uint8_t requirement_looseness(const struct requirement *requirement)
{
    switch (requirement_mode(requirement)) {
    case VERIFY_CHAIN:
        return requirement_has_enforcing_pin(requirement) ? REQUIREMENT_STRICTEST : 1;
    case VERIFY_PIN_ONLY:
        return 2;
    case VERIFY_NONE:
        break;
    }
    return REQUIREMENT_LOOSEST;
}

static uint32_t count_live(const struct requirement *requirement, bool is_enforced, int64_t now_s)
{
    uint32_t count, live = 0;
    const struct required_pin *pins = requirement_pins(requirement, &count);
    for (uint32_t i = 0; i < count; i++)
        live += pins[i].is_enforced == is_enforced && pins[i].expires_at > now_s;
    return live;
}

void requirement_add_name(const struct requirement *requirement, int64_t now_s, struct text *text)
{
    uint32_t live = count_live(requirement, true, now_s);
    text_add(text, verify_mode_word(requirement_mode(requirement)));
    if (live > 0)
        text_add_format(text, " with %u pin%s", live, live == 1 ? "" : "s");
    else if (requirement_has_enforcing_pin(requirement))
        text_add(text, " with expired pins");
}

/* "one of 2 pins", or the one that there is. */
static void add_pins(uint32_t live, struct text *text)
{
    if (live == 1)
        text_add(text, "the one pin");
    else
        text_add_format(text, "one of %u pins", live);
}

void requirement_add_meaning(const struct requirement *requirement, int64_t now_s,
                             struct text *text)
{
    uint32_t live = count_live(requirement, true, now_s);
    uint32_t reporting = count_live(requirement, false, now_s);
    bool is_expired = live == 0 && requirement_has_enforcing_pin(requirement);
    switch (requirement_mode(requirement)) {
    case VERIFY_CHAIN:
        text_add(text, "the server must have a trusted chain, with the name in it, valid now");
        if (live > 0) {
            text_add(text, ", and in that chain ");
            add_pins(live, text);
        }
        break;
    case VERIFY_PIN_ONLY:
        text_add(text, "the server must have ");
        add_pins(live, text);
        text_add(text, ", whatever the trusted roots are");
        break;
    case VERIFY_NONE:
        text_add(text, "the server is not checked: whoever answers at the address is believed");
        break;
    }
    if (is_expired)
        text_add(text, "; all its enforcing pins have expired, so nothing passes");
    if (reporting > 0)
        text_add_format(text, "; %u pin%s only report%s", reporting, reporting == 1 ? "" : "s",
                        reporting == 1 ? "s" : "");
}
