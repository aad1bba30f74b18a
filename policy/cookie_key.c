/* policy/cookie_key.c - the keys of DNS cookies. */
#include "policy/cookie_key.h"
#include "policy/gate_address.h"

#include <byteswap.h>

/* The bytes stand in their order in the text, as other DNS servers read theirs, where a gate key is
 * two numbers. */
bool cookie_key_parse(const char *text, struct siphash_key *ret_key)
{
    struct gate_key key;
    if (!gate_key_parse(text, &key))
        return false;
    *ret_key =
        (struct siphash_key){ { bswap_64(key.siphash.words[0]), bswap_64(key.siphash.words[1]) } };
    return true;
}
