/* base/spki_pin.h - what a certificate's key is known by: the SHA-256 of its SubjectPublicKeyInfo
 * (RFC 7469 2.4), which stays the same when a certificate is renewed with the same key, and is one
 * for all cross-signed variants of an authority. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct text;

enum { SPKI_PIN_BYTES = 32, SPKI_PIN_TEXT = 44 /* of base64, with its one '=' */ };

struct spki_pin {
    uint8_t sha256[SPKI_PIN_BYTES];
};

/* Reads base64 (RFC 4648 4): exactly 44 characters, the one way that there is to write it. */
bool spki_pin_parse(const char *text, struct spki_pin *ret_pin);
void spki_pin_add_to(const struct spki_pin *pin, struct text *text);
bool spki_pin_equal(const struct spki_pin *left, const struct spki_pin *right);
