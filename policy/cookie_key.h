/* policy/cookie_key.h - the keys of DNS cookies (RFC 9018), as a policy file has them: the one that
 * new cookies are made under, and the one before it. Pure. */
#pragma once
#include "base/siphash.h"

#include <stdbool.h>

/* Zero is unknown: then there are no cookies. */
struct cookie_keys {
    bool is_known, has_previous;
    struct siphash_key current;
    struct siphash_key previous; /* good for cookies that were made before ... */
    int64_t rolled_at_s;         /* ... the time when it was put aside; Unix seconds */
};

enum { COOKIE_KEY_DIGITS = 32 };

/* Reads 16 bytes as 32 hex digits in lower case. False leaves `*ret_key` untouched. */
bool cookie_key_parse(const char *text, struct siphash_key *ret_key);
