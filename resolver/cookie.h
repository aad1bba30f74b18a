/* resolver/cookie.h - DNS cookies (RFC 7873), with the server's part that every server under the
 * same key makes and accepts (RFC 9018). A client whose server part is valid has had an answer of
 * ours at its address lately, so its address is not forged. Pure; allocates nothing. */
#pragma once
#include "base/address.h"
#include "policy/cookie_key.h"

#include <stddef.h>

struct reader;

enum {
    COOKIE_CLIENT_BYTES = 8,   /* RFC 7873 4.1 */
    COOKIE_SERVER_MIN = 8,     /* RFC 7873 4.2 */
    COOKIE_SERVER_MAX = 32,    /* RFC 7873 4.2 */
    COOKIE_SERVER_BYTES = 16,  /* of ours (RFC 9018 4) */
    COOKIE_AHEAD_MAX_S = 300,  /* RFC 9018 4.3: made by a server whose clock is ahead of ours */
    COOKIE_AGE_MAX_S = 3600,   /* RFC 9018 4.3 */
    COOKIE_RENEW_AGE_S = 1800, /* RFC 9018 4.3: an older one gets a new one in its place */
};

/* The cookie of a query, and then of its answer. */
struct cookie {
    bool is_present;
    uint8_t server_size; /* of the server's part as it came; 0: there was none */
    uint8_t client[COOKIE_CLIENT_BYTES];
    uint8_t server[COOKIE_SERVER_BYTES]; /* set where `server_size` is its size */
};

/* What a cookie says of its client. Zero says nothing. */
enum cookie_state {
    COOKIE_NONE = 0, /* or there is no key */
    COOKIE_NEW,      /* the client has none of ours yet */
    COOKIE_BAD,      /* not ours, not of this client, or too old */
    COOKIE_VALID,
};

/* Reads the option's value. False where its length is none that a cookie has (RFC 7873 5.2.2); then
 * `*ret_cookie` is untouched. */
bool cookie_read(struct reader option, struct cookie *ret_cookie);

/* Judges the server's part of a client's cookie, and puts the one in its place that the answer is
 * to carry: the same while it is young, else a new one. Without a key no answer carries one, and
 * the cookie is no longer present. */
enum cookie_state cookie_exchange(struct cookie *cookie, const struct cookie_keys *keys,
                                  const struct ip_address *client, int64_t now_s);
