/* policy/requirement.h - what a rule demands of the certificate that the server behind it shows.
 * Immutable and counted, so any thread may keep one. NULL stands for what most rules demand: a
 * trusted chain with the name in it, valid now, and no pins. */
#pragma once
#include "base/spki_pin.h"

/* How a server is verified: the values of rule.verify. Zero is the default. */
enum verify_mode {
    VERIFY_CHAIN = 0, /* trusted chain, name, dates; with enforcing pins, one of them besides */
    VERIFY_PIN_ONLY,  /* by its pins alone, without the trust store */
    VERIFY_NONE,      /* not at all */
};

/* The word of a mode in rule.verify, logs and JSON: a literal. */
const char *verify_mode_word(enum verify_mode mode);

#define PIN_NEVER_EXPIRES INT64_MAX

/* A row of the table `pin`. */
struct required_pin {
    struct spki_pin spki;
    bool is_enforced;   /* false: what it would refuse is only reported */
    int64_t expires_at; /* Unix seconds: from then on it counts no more */
};

struct requirement;
struct text;

/* Copies `pins`, of which only as many as REQUIRED_PINS_MAX are allowed. NULL when out of memory.
 */
enum { REQUIRED_PINS_MAX = 64 };
struct requirement *requirement_new(enum verify_mode mode, const struct required_pin *pins,
                                    uint32_t count);
/* Takes one more reference; returns its argument. NULL is fine, here and below. */
struct requirement *requirement_ref(struct requirement *requirement);
/* Gives one back; the last one frees. Returns NULL. */
struct requirement *requirement_unref(struct requirement *requirement);

enum verify_mode requirement_mode(const struct requirement *requirement);
/* Borrowed. */
const struct required_pin *requirement_pins(const struct requirement *requirement,
                                            uint32_t *ret_count);

/* The same mode and the same pins, in whatever order they were given to requirement_new(). */
bool requirement_equal(const struct requirement *left, const struct requirement *right);

/* Has it enforcing pins, expired or not? And one that counts at `now_s` (Unix seconds)? With the
 * first and without the second it can't be met: that fails closed. */
bool requirement_has_enforcing_pin(const struct requirement *requirement);
bool requirement_has_live_pin(const struct requirement *requirement, int64_t now_s);

/* When the last of its enforcing pins expires; PIN_NEVER_EXPIRES: one never does, or there are
 * none.
 */
int64_t requirement_last_expiry(const struct requirement *requirement);
/* When the next pin, of either mode, expires; PIN_NEVER_EXPIRES: none does. */
int64_t requirement_next_expiry(const struct requirement *requirement, int64_t now_s);

/* Adds "chain with 2 pins", "chain", "pin-only with 1 pin" or "none": as it is at `now_s`, so that
 * only pins that are enforced and live count. And what that means, as one sentence without its full
 * stop. */
void requirement_add_name(const struct requirement *requirement, int64_t now_s, struct text *text);
void requirement_add_meaning(const struct requirement *requirement, int64_t now_s,
                             struct text *text);

/* How strict it is, for rules that are otherwise equal: the lower decides. */
enum { REQUIREMENT_STRICTEST = 0, REQUIREMENT_LOOSEST = 3 };
uint8_t requirement_looseness(const struct requirement *requirement);
