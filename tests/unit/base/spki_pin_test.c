/* tests/unit/base/spki_pin_test.c - pins as people copy them. */
#include "base/spki_pin.h"
#include "base/text.h"
#include "unit.h"

static const struct row {
    const char *name;
    const char *text;
    bool is_pin;
} rows[] = {
    { "a root's pin", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63Gc=", true },
    { "a pin with plus signs", "++MBgDH5WGvL9Bcn5Be30cRcL0f5O+NyoXuWtQdX1aI=", true },
    { "all zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", true },
    { "all ones", "//////////////////////////////////////////8=", true },
    { "nothing", "", false },
    { "one digit less", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63G=", false },
    { "without its end", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63Gc", false },
    { "with more behind", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63Gc= ", false },
    { "a space in it", "hxqRlPTu1bMS/0DITB1SSu0 d4u/8l8TjPgfaAp63Gc=", false },
    { "the alphabet of URLs", "hxqRlPTu1bMS_0DITB1SSu0vd4u_8l8TjPgfaAp63Gc=", false },
    { "bits that say nothing", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63Gd=", false },
    { "two ends", "hxqRlPTu1bMS/0DITB1SSu0vd4u/8l8TjPgfaAp63G==", false },
};

static void reads_and_writes(void **state)
{
    const struct row *row = *state;
    struct spki_pin pin, again;
    char buffer[SPKI_PIN_TEXT + 1];
    struct text text = text_in(buffer, sizeof(buffer));
    assert_int_equal(spki_pin_parse(row->text, &pin), row->is_pin);
    if (!row->is_pin)
        return;
    spki_pin_add_to(&pin, &text);
    assert_string_equal(buffer, row->text);
    assert_true(spki_pin_parse(buffer, &again) && spki_pin_equal(&pin, &again));
    again.sha256[31] ^= 1;
    assert_false(spki_pin_equal(&pin, &again));
}

static void every_bit_counts(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 8 * SPKI_PIN_BYTES; bit++) {
        struct spki_pin pin = { { 0 } }, read;
        char buffer[SPKI_PIN_TEXT + 1];
        struct text text = text_in(buffer, sizeof(buffer));
        pin.sha256[bit / 8] = (uint8_t)(1u << bit % 8);
        spki_pin_add_to(&pin, &text);
        assert_true(spki_pin_parse(buffer, &read));
        assert_memory_equal(read.sha256, pin.sha256, SPKI_PIN_BYTES);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT(rows) + 1];
    for (size_t i = 0; i < COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){ rows[i].name, reads_and_writes, NULL, NULL, (void *)&rows[i] };
    tests[COUNT(rows)] = (struct CMUnitTest)cmocka_unit_test(every_bit_counts);
    return cmocka_run_group_tests_name("spki_pin", tests, NULL, NULL);
}
