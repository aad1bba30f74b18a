/* base/spki_pin.c - pins as text. */
#include "base/spki_pin.h"
#include "base/text.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 43 digits of six bits hold two bits more than 32 bytes do. */
enum { DIGITS = SPKI_PIN_TEXT - 1, DIGIT_BITS = 6, SPARE_MASK = 3 };

static bool read_digit(char digit, uint32_t *ret_value)
{
    const char *place = digit != '\0' ? strchr(alphabet, digit) : NULL;
    if (place == NULL)
        return false;
    *ret_value = (uint32_t)(place - alphabet);
    return true;
}

bool spki_pin_parse(const char *text, struct spki_pin *ret_pin)
{
    struct spki_pin pin;
    uint32_t bits = 0, value = 0;
    size_t size = 0, held = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (!read_digit(text[i], &value))
            return false;
        bits = bits << DIGIT_BITS | value;
        held += DIGIT_BITS;
        if (held >= 8) {
            held -= 8;
            pin.sha256[size++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & SPARE_MASK) != 0 || text[DIGITS] != '=' || text[DIGITS + 1] != '\0')
        return false;
    *ret_pin = pin;
    return true;
}

void spki_pin_add_to(const struct spki_pin *pin, struct text *text)
{
    char digits[SPKI_PIN_TEXT + 1];
    uint32_t bits = 0;
    size_t held = 0, size = 0;
    for (int i = 0; i < SPKI_PIN_BYTES; i++) {
        bits = bits << 8 | pin->sha256[i];
        for (held += 8; held >= DIGIT_BITS; held -= DIGIT_BITS)
            digits[size++] = alphabet[bits >> (held - DIGIT_BITS) & 63];
    }
    digits[size++] = alphabet[bits << (DIGIT_BITS - held) & 63];
    digits[size++] = '=';
    digits[size] = '\0';
    text_add(text, digits);
}

bool spki_pin_equal(const struct spki_pin *left, const struct spki_pin *right)
{
    return memcmp(left->sha256, right->sha256, SPKI_PIN_BYTES) == 0;
}
