/* sni-gate/server_opening.c - what a server's first bytes are. */
#include "sni-gate/server_opening.h"

#include "sni-gate/record_filter.h"

#include <string.h>

enum {
    RECORD_CHANGE_CIPHER_SPEC = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_MAJOR_VERSION = 3,
    RECORD_FRAGMENT_MAX = 1 << 14,
    HANDSHAKE_SERVER_HELLO = 2,
    HANDSHAKE_HEADER = 4,
    LEGACY_VERSION = 2,
    RANDOM_BYTES = 32,
    NEEDED_BYTES = HANDSHAKE_HEADER + LEGACY_VERSION + RANDOM_BYTES,
};

/* RFC 8446 4.1.3: the random of a ServerHello that is a HelloRetryRequest. */
static const uint8_t RETRY_RANDOM[RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* The first bytes of the handshake, joined, and how many more there are. */
struct handshake_start {
    uint8_t bytes[NEEDED_BYTES];
    size_t seen;
    bool is_cut; /* the last record is not all there */
};

static enum server_opening judge_handshake(const struct handshake_start *start)
{
    if (start->seen > 0 && start->bytes[0] != HANDSHAKE_SERVER_HELLO)
        return SERVER_OPENING_ANSWER; /* no client takes it for a HelloRetryRequest */
    if (start->seen < NEEDED_BYTES)
        return SERVER_OPENING_INCOMPLETE;
    const uint8_t *random = start->bytes + HANDSHAKE_HEADER + LEGACY_VERSION;
    if (memcmp(random, RETRY_RANDOM, RANDOM_BYTES) != 0)
        return SERVER_OPENING_ANSWER;
    struct reader header = reader_over(start->bytes + 1, HANDSHAKE_HEADER - 1);
    size_t size = HANDSHAKE_HEADER + reader_uint(&header, 3);
    if (start->seen > size) /* nothing may follow before the second hello (RFC 8446 4.1.4) */
        return SERVER_OPENING_MALFORMED;
    return start->seen == size && !start->is_cut ? SERVER_OPENING_RETRY : SERVER_OPENING_INCOMPLETE;
}

static void add_handshake(struct handshake_start *start, const uint8_t *bytes, size_t size)
{
    size_t wanted = start->seen < NEEDED_BYTES ? NEEDED_BYTES - start->seen : 0;
    memcpy(start->bytes + NEEDED_BYTES - wanted, bytes, size < wanted ? size : wanted);
    start->seen += size;
}

/* Reads one record, of which some bytes may be missing, and adds what it has of the handshake.
 * SERVER_OPENING_INCOMPLETE asks for the next record, or, where none is left, for more bytes. */
static enum server_opening read_record(struct reader *bytes, struct handshake_start *start)
{
    uint32_t type = reader_uint(bytes, 1);
    if (type != RECORD_HANDSHAKE && type != RECORD_CHANGE_CIPHER_SPEC)
        return SERVER_OPENING_ANSWER;
    if (reader_left(bytes) < RECORD_HEADER_BYTES - 1) {
        reader_take(bytes, reader_left(bytes));
        return SERVER_OPENING_INCOMPLETE;
    }
    uint32_t major = reader_uint(bytes, 1);
    reader_take(bytes, 1);
    size_t size = reader_uint(bytes, 2);
    if (major != RECORD_MAJOR_VERSION)
        return SERVER_OPENING_ANSWER;
    if (size == 0 || size > RECORD_FRAGMENT_MAX)
        return SERVER_OPENING_MALFORMED;
    size_t here = size < reader_left(bytes) ? size : reader_left(bytes);
    const uint8_t *fragment = reader_take(bytes, here);
    if (type == RECORD_CHANGE_CIPHER_SPEC) /* RFC 8446 D.4: may follow a HelloRetryRequest */
        return SERVER_OPENING_INCOMPLETE;
    start->is_cut = here < size;
    add_handshake(start, fragment, here);
    return judge_handshake(start);
}

enum server_opening server_opening_judge(struct reader bytes)
{
    struct handshake_start start = { .seen = 0 };
    enum server_opening opening = SERVER_OPENING_INCOMPLETE;
    size_t size = reader_left(&bytes);
    while (opening == SERVER_OPENING_INCOMPLETE && reader_left(&bytes) > 0)
        opening = read_record(&bytes, &start);
    if (opening == SERVER_OPENING_INCOMPLETE && size >= SERVER_OPENING_MAX)
        return SERVER_OPENING_MALFORMED;
    return opening;
}

size_t server_opening_whole_records(struct reader bytes)
{
    const uint8_t *start = bytes.at, *end = bytes.at;
    while (!bytes.failed) {
        end = bytes.at;
        reader_take(&bytes, RECORD_HEADER_BYTES - 2);
        (void)reader_vector(&bytes, 2);
    }
    return (size_t)(end - start);
}
