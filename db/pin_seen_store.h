/* db/pin_seen_store.h - the table pin_seen: certificates that checked servers showed, added to what
 * it holds of them.
 *
 * A name has PIN_SEEN_OF_NAME_MAX rows at most, and the table PIN_SEEN_MAX. When they are full, a
 * new row takes the place of the one that was seen longest ago, and only if that was
 * PIN_SEEN_FORGOTTEN_S ago or more: names that clients make up under a wildcard push out nothing
 * that is in use. What is there already is written again only if it says something else, or was
 * seen PIN_SEEN_AGAIN_S ago. One thread. */
#pragma once
#include "base/spki_pin.h"
#include "db/database.h"

#include <stddef.h>

enum {
    PIN_SEEN_MAX = 10000,
    PIN_SEEN_OF_NAME_MAX = 20,
    PIN_SEEN_FORGOTTEN_S = 86400,
    PIN_SEEN_AGAIN_S = 3600,
    PIN_SEEN_AT_ONCE = 64,
    PIN_SEEN_HOSTNAME_BYTES = 320,
    PIN_SEEN_TEXT_BYTES = 192,
};

/* Where in the chain. */
enum pin_place { PIN_LEAF = 0, PIN_INTERMEDIATE, PIN_ROOT };

/* One row; texts are printable ASCII and end in NUL. */
struct pin_seen {
    char hostname[PIN_SEEN_HOSTNAME_BYTES]; /* api.example.com, api.example.com:8443 */
    struct spki_pin spki;
    enum pin_place place;
    char subject[PIN_SEEN_TEXT_BYTES], issuer[PIN_SEEN_TEXT_BYTES];
    int64_t not_before_s, not_after_s, seen_s; /* Unix seconds */
};

/* Writes PIN_SEEN_AT_ONCE rows at most: reads what is there first, and then writes what differs in
 * one short transaction, without waiting. DATABASE_OK: adds to `*left_out` how many found no place.
 * DATABASE_BUSY: call again later with the same rows. DATABASE_FAILED: some were lost, and the
 * fault says why. To a read-only database nothing is written. */
enum database_status pin_seen_store_write(struct database *database, const struct pin_seen *rows,
                                          size_t count, uint64_t *left_out,
                                          struct fault *ret_fault);
