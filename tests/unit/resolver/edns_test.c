/* tests/unit/resolver/edns_test.c - the OPT record of an answer to the byte, and what is left out
 * where there is no room. */
#include "resolver/edns.h"

#include "base/writer.h"
#include "resolver/cookie.h"
#include "unit.h"

static const struct cookie cookie = { .is_present = true,
                                      .client = "client!",
                                      .server = "server of ours!" };

#define OPT(rcode, flags, size) "\0\0\x29\x04\xd0" rcode "\0" flags "\0" size
#define KEEPALIVE               "\0\x0b\0\2\0\x64"
#define COOKIE                                                                                     \
    "\0\x0a\0\x18"                                                                                 \
    "client!\0server of ours!\0"
#define NSID              "\0\3\0\4gate"
#define ERROR(size, text) "\0\x0f\0" size "\0\x0f" text

static const struct row {
    const char *name;
    struct edns_answer edns;
    size_t room;
    const char *expected;
    size_t expected_size;
} rows[] = {
    { "nothing", { 0 }, 512, BYTES(OPT("\0", "\0\0", "\0")) },
    { "the upper bits of the rcode", { .rcode = 23 }, 512, BYTES(OPT("\1", "\0\0", "\0")) },
    { "DO", { .is_dnssec_ok = true }, 512, BYTES(OPT("\0", "\x80\0", "\0")) },
    { "a keepalive", { .keepalive_100ms = 100 }, 512, BYTES(OPT("\0", "\0\0", "\6") KEEPALIVE) },
    { "a cookie", { .cookie = &cookie }, 512, BYTES(OPT("\0", "\0\0", "\x1c") COOKIE) },
    { "NSID", { .nsid = "gate" }, 512, BYTES(OPT("\0", "\0\0", "\x08") NSID) },
    { "an error without text",
      { .error = { { 15, "", 0 } }, .error_count = 1 },
      512,
      BYTES(OPT("\0", "\0\0", "\6") ERROR("\2", "")) },
    { "all of them",
      { .keepalive_100ms = 100,
        .cookie = &cookie,
        .nsid = "gate",
        .error = { { 15, "why", 3 } },
        .error_count = 1 },
      512,
      BYTES(OPT("\0", "\0\0", "\x33") KEEPALIVE COOKIE NSID ERROR("\5", "why")) },
    { "a text is cut to the room at a character",
      { .error = { { 15, "w\xc3\xbc", 3 } }, .error_count = 1 },
      11 + 6 + 2,
      BYTES(OPT("\0", "\0\0", "\x07") ERROR("\3", "w")) },
    { "an error without room for its code",
      { .error = { { 15, "why", 3 } }, .error_count = 1 },
      11 + 5,
      BYTES(OPT("\0", "\0\0", "\0")) },
    { "NSID without room, before an error that has it",
      { .nsid = "gate", .error = { { 15, "", 0 } }, .error_count = 1 },
      11 + 7,
      BYTES(OPT("\0", "\0\0", "\6") ERROR("\2", "")) },
};

static void is_written_to_the_byte(void **state)
{
    const struct row *row = *state;
    uint8_t bytes[512];
    struct writer answer = writer_over(bytes, row->room);
    edns_write(&answer, &row->edns);
    assert_false(answer.failed);
    assert_int_equal(writer_size(&answer), row->expected_size);
    assert_memory_equal(bytes, row->expected, row->expected_size);
}

/* What a client must have is never left out: there the answer has to give up something else. */
static void fails_without_room_for_a_cookie(void **state)
{
    (void)state;
    uint8_t bytes[512];
    const struct edns_answer edns = { .cookie = &cookie };
    for (size_t room = 0; room < 11 + 28; room++) {
        struct writer answer = writer_over(bytes, room);
        edns_write(&answer, &edns);
        assert_true(answer.failed);
    }
}

static void text_is_160_bytes_at_most(void **state)
{
    (void)state;
    uint8_t bytes[512];
    char text[162];
    memset(text, 'x', sizeof(text));
    memcpy(text + 159, "\xc3\xbc", 2); /* across the end */
    const struct edns_answer edns = { .error = { { 0, text, sizeof(text) } }, .error_count = 1 };
    struct writer answer = writer_over(bytes, sizeof(bytes));
    edns_write(&answer, &edns);
    assert_int_equal(writer_size(&answer), 11 + 6 + 159);
}

int main(void)
{
    struct tests tests = { 0 };
    TESTS_ADD_TABLE(&tests, rows, is_written_to_the_byte);
    tests_add_row(&tests, "no room for a cookie", NULL, fails_without_room_for_a_cookie);
    tests_add_row(&tests, "a long text", NULL, text_is_160_bytes_at_most);
    return tests_run(&tests, "edns");
}
