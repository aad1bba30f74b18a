/* resolver/cookie.c - DNS cookies. */
#include "resolver/cookie.h"

#include "base/reader.h"
#include "base/writer.h"

#include <endian.h>
#include <string.h>

/* The server's part (RFC 9018 4): version, three bytes reserved, time, hash. */
enum { VERSION = 1, VERSION_AT = 0, TIME_AT = 4, HASH_AT = 8 };

bool cookie_read(struct reader option, struct cookie *ret_cookie)
{
    size_t size = reader_left(&option);
    if (size != COOKIE_CLIENT_BYTES && (size < COOKIE_CLIENT_BYTES + COOKIE_SERVER_MIN ||
                                        size > COOKIE_CLIENT_BYTES + COOKIE_SERVER_MAX))
        return false;
    size_t server_size = size - COOKIE_CLIENT_BYTES;
    ret_cookie->is_present = true;
    ret_cookie->server_size = (uint8_t)server_size;
    memcpy(ret_cookie->client, reader_take(&option, COOKIE_CLIENT_BYTES), COOKIE_CLIENT_BYTES);
    if (server_size == COOKIE_SERVER_BYTES)
        memcpy(ret_cookie->server, reader_take(&option, COOKIE_SERVER_BYTES), COOKIE_SERVER_BYTES);
    return true;
}

/* RFC 9018 4.4: over the client's part, ours up to the hash, and the client's address. What came as
 * the reserved bytes is hashed as it is (4.2). */
static uint64_t hash_of(const struct cookie *cookie, const struct siphash_key *key,
                        const struct ip_address *client)
{
    uint8_t input[COOKIE_CLIENT_BYTES + HASH_AT + sizeof(client->bytes)];
    size_t address_size = client->family == 4 ? 4 : sizeof(client->bytes);
    memcpy(input, cookie->client, COOKIE_CLIENT_BYTES);
    memcpy(input + COOKIE_CLIENT_BYTES, cookie->server, HASH_AT);
    memcpy(input + COOKIE_CLIENT_BYTES + HASH_AT, client->bytes, address_size);
    return htole64(siphash_2_4(key, input, COOKIE_CLIENT_BYTES + HASH_AT + address_size));
}

static bool is_made_under(const struct cookie *cookie, const struct siphash_key *key,
                          const struct ip_address *client)
{
    uint64_t hash = hash_of(cookie, key, client);
    return memcmp(&hash, cookie->server + HASH_AT, sizeof(hash)) == 0;
}

static void make(struct cookie *cookie, const struct siphash_key *key,
                 const struct ip_address *client, uint32_t now_s)
{
    memset(cookie->server, 0, TIME_AT);
    cookie->server[VERSION_AT] = VERSION;
    store_uint(cookie->server + TIME_AT, now_s, 4);
    uint64_t hash = hash_of(cookie, key, client);
    memcpy(cookie->server + HASH_AT, &hash, sizeof(hash));
}

/* RFC 9018 4.3: seconds are compared as serial numbers (RFC 1982), which outlast 2106. */
static int32_t seconds_between(uint32_t earlier, uint32_t later)
{
    return (int32_t)(later - earlier);
}

/* The keys that a cookie of its age may have been made under; none for one out of time. */
struct candidates {
    bool has_current, has_previous;
};

/* RFC 9018 4.3. The key before is for cookies of the time until it was put aside, with the same
 * allowance for servers whose clocks differ. */
static struct candidates find_candidates(const struct cookie_keys *keys, uint32_t made_s,
                                         int32_t age_s)
{
    bool is_in_time = age_s >= -COOKIE_AHEAD_MAX_S && age_s <= COOKIE_AGE_MAX_S;
    int32_t after_roll_s = seconds_between((uint32_t)keys->rolled_at_s, made_s);
    return (struct candidates){ is_in_time, is_in_time && keys->has_previous &&
                                                after_roll_s <= COOKIE_AHEAD_MAX_S };
}

/* Judges a server's part of our size. `*ret_is_young` where it needs no new one. */
static bool is_valid(const struct cookie *cookie, const struct cookie_keys *keys,
                     const struct ip_address *client, uint32_t now_s, bool *ret_is_young)
{
    struct reader server = reader_over(cookie->server, COOKIE_SERVER_BYTES);
    uint32_t version = reader_uint(&server, 1);
    reader_take(&server, TIME_AT - 1);
    uint32_t made_s = reader_uint(&server, 4);
    int32_t age_s = seconds_between(made_s, now_s);
    struct candidates may_be = find_candidates(keys, made_s, age_s);
    if (version != VERSION)
        return false;
    if (may_be.has_current && is_made_under(cookie, &keys->current, client)) {
        *ret_is_young = age_s <= COOKIE_RENEW_AGE_S;
        return true;
    }
    return may_be.has_previous && is_made_under(cookie, &keys->previous, client);
}

enum cookie_state cookie_exchange(struct cookie *cookie, const struct cookie_keys *keys,
                                  const struct ip_address *client, int64_t now_s)
{
    bool is_young = false;
    if (!cookie->is_present || !keys->is_known) {
        cookie->is_present = false;
        return COOKIE_NONE;
    }
    enum cookie_state state = cookie->server_size == 0 ? COOKIE_NEW : COOKIE_BAD;
    if (cookie->server_size == COOKIE_SERVER_BYTES &&
        is_valid(cookie, keys, client, (uint32_t)now_s, &is_young))
        state = COOKIE_VALID;
    if (!is_young)
        make(cookie, &keys->current, client, (uint32_t)now_s);
    return state;
}
