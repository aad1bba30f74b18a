/* tests/unit/resolver/cookie_test.c - server cookies as RFC 9018 has them, and which are accepted.
 */
#include "resolver/cookie.h"

#include "base/reader.h"
#include "unit.h"

#include <stdlib.h>

#define OLD_KEY "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW_KEY "445536bcd2513298075a5d379663c962"
#define ONE_KEY "e5e973e5a6b2a43f48e7dc849e37bfcf"

/* Reads hex digits; returns how many bytes they are. */
static size_t unhex(const char *text, uint8_t *ret_bytes)
{
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        const char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };
        ret_bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

static struct cookie cookie_of(const char *hex)
{
    struct cookie cookie = { 0 };
    uint8_t bytes[64];
    size_t size = unhex(hex, bytes);
    assert_true(cookie_read(reader_over(bytes, size), &cookie));
    return cookie;
}

static struct cookie_keys keys_of(const char *current, const char *previous, int64_t rolled_at_s)
{
    struct cookie_keys keys = { .is_known = true, .rolled_at_s = rolled_at_s };
    assert_true(cookie_key_parse(current, &keys.current));
    keys.has_previous = previous != NULL;
    assert_true(previous == NULL || cookie_key_parse(previous, &keys.previous));
    return keys;
}

/* The examples of RFC 9018, Appendix A. */
static const struct row {
    const char *name, *client, *key, *previous, *cookie;
    int64_t now_s;
    enum cookie_state expected;
    const char *answer; /* the server's part of it */
} rows[] = {
    { "A.1: a client that learns its first", "198.51.100.100", ONE_KEY, NULL, "2464c4abcf10c957",
      1559731985, COOKIE_NEW, "010000005cf79f111f8130c3eee29480" },
    { "A.2: the same client, renewed", "198.51.100.100", ONE_KEY, NULL,
      "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, COOKIE_VALID,
      "010000005cf7a871d4a564a1442aca77" },
    { "A.3: another client; the reserved bytes are hashed as they come", "203.0.113.203", ONE_KEY,
      NULL, "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559728585, COOKIE_VALID,
      "01abcdef5cf78f71a314227b6679ebf5" },
    { "A.3: and later, renewed", "203.0.113.203", ONE_KEY, NULL,
      "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559734700, COOKIE_BAD,
      "010000005cf7a9acf73a7810aca2381e" },
    { "A.4: IPv6, and a key that was rolled", "2001:db8:220:1:59de:d0f4:8769:82b8", NEW_KEY,
      OLD_KEY, "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741961, COOKIE_VALID,
      "010000005cf7c609a6bb79d16625507a" },
};

static void is_exchanged_as_in_the_rfc(void **state)
{
    const struct row *row = *state;
    struct cookie cookie = cookie_of(row->cookie);
    struct cookie_keys keys = keys_of(row->key, row->previous, row->now_s);
    struct ip_address client;
    uint8_t answer[COOKIE_SERVER_BYTES];
    assert_int_equal(unhex(row->answer, answer), sizeof(answer));
    assert_true(ip_address_parse(row->client, &client));
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, row->now_s), row->expected);
    assert_true(cookie.is_present);
    assert_memory_equal(cookie.server, answer, sizeof(answer));
}

enum { MADE_S = 1795305600 };

/* A cookie that ONE_KEY made for 192.0.2.7 at MADE_S, so many seconds later. */
static const struct later_row {
    const char *name, *client, *key, *previous;
    int64_t rolled_s; /* after MADE_S */
    int64_t age_s;
    unsigned flipped_byte; /* of the server's part; 16: none */
    enum cookie_state expected;
    bool stays;
} later_rows[] = {
    { "at once", "192.0.2.7", ONE_KEY, NULL, 0, 0, 16, COOKIE_VALID, true },
    { "half an hour later", "192.0.2.7", ONE_KEY, NULL, 0, 1800, 16, COOKIE_VALID, true },
    { "then it is renewed", "192.0.2.7", ONE_KEY, NULL, 0, 1801, 16, COOKIE_VALID, false },
    { "to the end of the hour", "192.0.2.7", ONE_KEY, NULL, 0, 3600, 16, COOKIE_VALID, false },
    { "after it", "192.0.2.7", ONE_KEY, NULL, 0, 3601, 16, COOKIE_BAD, false },
    { "from a clock that is ahead", "192.0.2.7", ONE_KEY, NULL, 0, -300, 16, COOKIE_VALID, true },
    { "too far ahead", "192.0.2.7", ONE_KEY, NULL, 0, -301, 16, COOKIE_BAD, false },
    { "of another client", "192.0.2.8", ONE_KEY, NULL, 0, 0, 16, COOKIE_BAD, false },
    { "of a client by IPv6", "2001:db8::7", ONE_KEY, NULL, 0, 0, 16, COOKIE_BAD, false },
    { "under another key", "192.0.2.7", NEW_KEY, NULL, 0, 0, 16, COOKIE_BAD, false },
    { "under the key before", "192.0.2.7", NEW_KEY, ONE_KEY, 10, 20, 16, COOKIE_VALID, false },
    { "under the key before, which was put aside earlier", "192.0.2.7", NEW_KEY, ONE_KEY, -301, 20,
      16, COOKIE_BAD, false },
    { "under the key before, to the end of the hour", "192.0.2.7", NEW_KEY, ONE_KEY, 10, 3600, 16,
      COOKIE_VALID, false },
    { "under the key before, after it", "192.0.2.7", NEW_KEY, ONE_KEY, 10, 3601, 16, COOKIE_BAD,
      false },
    { "of another version", "192.0.2.7", ONE_KEY, NULL, 0, 0, 0, COOKIE_BAD, false },
    { "with other reserved bytes", "192.0.2.7", ONE_KEY, NULL, 0, 0, 3, COOKIE_BAD, false },
    { "of another time", "192.0.2.7", ONE_KEY, NULL, 0, 0, 7, COOKIE_BAD, false },
    { "with another hash", "192.0.2.7", ONE_KEY, NULL, 0, 0, 15, COOKIE_BAD, false },
};

static void is_judged_as_expected(void **state)
{
    const struct later_row *row = *state;
    struct cookie cookie = cookie_of("0102030405060708");
    struct cookie_keys made_under = keys_of(ONE_KEY, NULL, 0);
    struct cookie_keys keys = keys_of(row->key, row->previous, MADE_S + row->rolled_s);
    struct ip_address maker, client;
    uint8_t before[COOKIE_SERVER_BYTES];
    assert_true(ip_address_parse("192.0.2.7", &maker));
    assert_true(ip_address_parse(row->client, &client));
    assert_int_equal(cookie_exchange(&cookie, &made_under, &maker, MADE_S), COOKIE_NEW);
    cookie.server_size = COOKIE_SERVER_BYTES; /* as the client sends it back */
    if (row->flipped_byte < COOKIE_SERVER_BYTES)
        cookie.server[row->flipped_byte] ^= 2;
    memcpy(before, cookie.server, sizeof(before));
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, MADE_S + row->age_s), row->expected);
    assert_int_equal(memcmp(before, cookie.server, sizeof(before)) == 0, row->stays);
    /* What the answer carries is good. */
    cookie.server_size = COOKIE_SERVER_BYTES;
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, MADE_S + row->age_s), COOKIE_VALID);
}

static void servers_part_of_another_size_is_bad(void **state)
{
    (void)state;
    struct cookie_keys keys = keys_of(ONE_KEY, NULL, 0);
    struct ip_address client = { 4, { 192, 0, 2, 7 } };
    struct cookie cookie = cookie_of("01020304050607080102030405060708");
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, MADE_S), COOKIE_BAD);
}

static void without_a_key_there_are_none(void **state)
{
    (void)state;
    struct cookie_keys keys = { 0 };
    struct ip_address client = { 4, { 192, 0, 2, 7 } };
    struct cookie cookie = cookie_of("0102030405060708");
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, MADE_S), COOKIE_NONE);
    assert_false(cookie.is_present);
}

/* RFC 9018 4.3, RFC 1982: the seconds of 32 bits start anew in 2106. */
static void time_goes_round(void **state)
{
    (void)state;
    const int64_t end_s = INT64_C(1) << 32;
    struct cookie_keys keys = keys_of(ONE_KEY, NULL, 0);
    struct ip_address client = { 4, { 192, 0, 2, 7 } };
    struct cookie cookie = cookie_of("0102030405060708");
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, end_s - 10), COOKIE_NEW);
    cookie.server_size = COOKIE_SERVER_BYTES;
    assert_int_equal(cookie_exchange(&cookie, &keys, &client, end_s + 10), COOKIE_VALID);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, is_exchanged_as_in_the_rfc);
    TESTS_ADD_TABLE(&tests, later_rows, is_judged_as_expected);
    tests_add_row(&tests, "another size", NULL, servers_part_of_another_size_is_bad);
    tests_add_row(&tests, "no key", NULL, without_a_key_there_are_none);
    tests_add_row(&tests, "time goes round", NULL, time_goes_round);
    return tests_run(&tests, "cookie");
}
