/* sni-gate/hello_assembler.c - puts a ClientHello together from TLS records. */
#include "sni-gate/hello_assembler.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RAW_CAPACITY_FIRST = 512 };

void hello_assembler_init(struct hello_assembler *assembler)
{
    *assembler = (struct hello_assembler){ .status = HELLO_INCOMPLETE };
}

size_t hello_assembler_room(const struct hello_assembler *assembler)
{
    return HELLO_RAW_MAX - assembler->raw_size;
}

static bool append(struct hello_assembler *assembler, const void *bytes, size_t size)
{
    size_t needed = assembler->raw_size + size;
    if (needed > assembler->raw_capacity) {
        size_t capacity = 2 * assembler->raw_capacity;
        if (capacity < RAW_CAPACITY_FIRST)
            capacity = RAW_CAPACITY_FIRST;
        if (capacity < needed)
            capacity = needed;
        uint8_t *raw = realloc(assembler->raw, capacity);
        if (raw == NULL)
            return false;
        assembler->raw = raw;
        assembler->raw_capacity = capacity;
    }
    memcpy(assembler->raw + assembler->raw_size, bytes, size);
    assembler->raw_size = needed;
    return true;
}

/* Judges as much of a record's header as there is; HELLO_COMPLETE: all of it, and sound. */
static enum hello_assembly judge_record_header(struct reader header, bool is_first)
{
    size_t count = reader_left(&header);
    uint32_t type = reader_uint(&header, 1);
    uint32_t major = count > 1 ? reader_uint(&header, 1) : RECORD_MAJOR_VERSION;
    if (type != RECORD_HANDSHAKE) {
        bool could_be_tls = type >= RECORD_CHANGE_CIPHER_SPEC && type <= RECORD_APPLICATION_DATA &&
                            major == RECORD_MAJOR_VERSION;
        if (is_first && could_be_tls && count == 1)
            return HELLO_INCOMPLETE;
        return is_first && !could_be_tls ? HELLO_NOT_TLS : HELLO_MALFORMED;
    }
    if (major != RECORD_MAJOR_VERSION)
        return HELLO_MALFORMED;
    if (count < RECORD_HEADER_BYTES)
        return HELLO_INCOMPLETE;
    reader_take(&header, 1); /* the minor version means nothing (RFC 8446 5.1) */
    uint32_t length = reader_uint(&header, 2);
    return length > 0 && length <= RECORD_FRAGMENT_MAX ? HELLO_COMPLETE : HELLO_MALFORMED;
}

/* Learns the message's size from its header, which may lie in up to four records. */
static enum hello_assembly judge_message_header(struct hello_assembler *assembler,
                                                struct reader fragment)
{
    while (assembler->message_seen < HANDSHAKE_HEADER_BYTES && reader_left(&fragment) > 0)
        assembler->header[assembler->message_seen++] = (uint8_t)reader_uint(&fragment, 1);
    assembler->message_seen += reader_left(&fragment);
    if (assembler->header[0] != HANDSHAKE_CLIENT_HELLO)
        return HELLO_MALFORMED;
    if (assembler->message_seen < HANDSHAKE_HEADER_BYTES)
        return HELLO_INCOMPLETE;
    struct reader header = reader_over(assembler->header, HANDSHAKE_HEADER_BYTES);
    reader_take(&header, 1);
    assembler->message_size = HANDSHAKE_HEADER_BYTES + reader_uint(&header, 3);
    if (assembler->message_size > HELLO_RAW_MAX - RECORD_HEADER_BYTES)
        return HELLO_TOO_LARGE;
    if (assembler->message_seen > assembler->message_size)
        return HELLO_MALFORMED;
    return assembler->message_seen == assembler->message_size ? HELLO_COMPLETE : HELLO_INCOMPLETE;
}

/* Judges the record at the end of what was judged; HELLO_INCOMPLETE with `judged_size` moved on
 * asks for the next. */
static enum hello_assembly judge_record(struct hello_assembler *assembler)
{
    struct reader raw = reader_over(assembler->raw + assembler->judged_size,
                                    assembler->raw_size - assembler->judged_size);
    size_t count =
        reader_left(&raw) < RECORD_HEADER_BYTES ? reader_left(&raw) : RECORD_HEADER_BYTES;
    enum hello_assembly status =
        judge_record_header(reader_over(raw.at, count), assembler->judged_size == 0);
    if (status != HELLO_COMPLETE)
        return status;
    reader_take(&raw, RECORD_HEADER_BYTES - 2);
    struct reader fragment = reader_vector(&raw, 2);
    if (raw.failed)
        return HELLO_INCOMPLETE;
    assembler->judged_size += RECORD_HEADER_BYTES + reader_left(&fragment);
    return judge_message_header(assembler, fragment);
}

/* Copies the fragments of sound records behind each other; a message in one record stays where it
 * is. */
static enum hello_assembly join(struct hello_assembler *assembler)
{
    if (assembler->judged_size == RECORD_HEADER_BYTES + assembler->message_size)
        return HELLO_COMPLETE;
    assembler->joined = malloc(assembler->message_size);
    if (assembler->joined == NULL)
        return HELLO_OUT_OF_MEMORY;
    struct reader raw = reader_over(assembler->raw, assembler->judged_size);
    uint8_t *to = assembler->joined;
    while (reader_left(&raw) > 0) {
        reader_take(&raw, RECORD_HEADER_BYTES - 2);
        struct reader fragment = reader_vector(&raw, 2);
        size_t size = reader_left(&fragment);
        memcpy(to, fragment.at, size);
        to += size;
    }
    return HELLO_COMPLETE;
}

static enum hello_assembly judge(struct hello_assembler *assembler)
{
    enum hello_assembly status = HELLO_INCOMPLETE;
    while (status == HELLO_INCOMPLETE && assembler->judged_size < assembler->raw_size) {
        size_t judged_before = assembler->judged_size;
        status = judge_record(assembler);
        if (assembler->judged_size == judged_before)
            break;
    }
    if (status == HELLO_COMPLETE)
        return join(assembler);
    if (status == HELLO_INCOMPLETE && hello_assembler_room(assembler) == 0)
        return HELLO_TOO_LARGE;
    return status;
}

enum hello_assembly hello_assembler_feed(struct hello_assembler *assembler, const void *bytes,
                                         size_t size)
{
    assert(assembler->status == HELLO_INCOMPLETE && size <= hello_assembler_room(assembler));
    assembler->status = append(assembler, bytes, size) ? judge(assembler) : HELLO_OUT_OF_MEMORY;
    return assembler->status;
}

struct reader hello_assembler_message(const struct hello_assembler *assembler)
{
    assert(assembler->status == HELLO_COMPLETE);
    const uint8_t *message =
        assembler->joined != NULL ? assembler->joined : assembler->raw + RECORD_HEADER_BYTES;
    return reader_over(message, assembler->message_size);
}

uint8_t *hello_assembler_take_raw(struct hello_assembler *assembler, size_t *ret_size)
{
    uint8_t *raw = assembler->raw;
    *ret_size = assembler->raw_size;
    assembler->raw = NULL;
    hello_assembler_release(assembler);
    return raw;
}

void hello_assembler_release(struct hello_assembler *assembler)
{
    free(assembler->raw);
    free(assembler->joined);
    hello_assembler_init(assembler);
}
