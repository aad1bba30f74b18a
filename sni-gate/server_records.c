/* sni-gate/server_records.c - a server's records, and the messages in them. */
#include "sni-gate/server_records.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGE_CAPACITY_FIRST = 512, ALERT_BYTES = 2, CHANGE_CIPHER_SPEC_BYTES = 1 };

static bool is_in_message(const struct server_records *records)
{
    return records->message_size > 0 && !records->is_taken;
}

static enum server_records_event judge_length(struct server_records *records)
{
    struct reader header = reader_over(records->header, RECORD_HEADER_BYTES);
    uint32_t type = reader_uint(&header, 1);
    reader_take(&header, 2);
    uint32_t length = reader_uint(&header, 2);
    records->header_size = 0;
    records->body_left = length;
    if (length == 0 || length > RECORD_FRAGMENT_MAX || records->read_size > records->limit)
        return SERVER_RECORDS_MALFORMED;
    if (type == RECORD_HANDSHAKE)
        return SERVER_RECORDS_INCOMPLETE;
    uint32_t expected = type == RECORD_ALERT ? ALERT_BYTES : CHANGE_CIPHER_SPEC_BYTES;
    return length == expected && !is_in_message(records) ? SERVER_RECORDS_INCOMPLETE
                                                         : SERVER_RECORDS_MALFORMED;
}

/* After one more byte of the header. */
static enum server_records_event judge_header(struct server_records *records)
{
    const uint8_t *header = records->header;
    if (header[0] < RECORD_CHANGE_CIPHER_SPEC || header[0] > RECORD_HANDSHAKE ||
        (records->header_size > 1 && header[1] != RECORD_MAJOR_VERSION))
        return SERVER_RECORDS_NOT_TLS;
    return records->header_size == RECORD_HEADER_BYTES ? judge_length(records)
                                                       : SERVER_RECORDS_INCOMPLETE;
}

static bool message_grow(struct server_records *records, size_t needed)
{
    if (needed <= records->message_capacity)
        return true;
    size_t capacity = 2 * records->message_capacity;
    if (capacity < MESSAGE_CAPACITY_FIRST)
        capacity = MESSAGE_CAPACITY_FIRST;
    if (capacity < needed)
        capacity = needed;
    uint8_t *message = realloc(records->message, capacity);
    if (message == NULL)
        return false;
    records->message = message;
    records->message_capacity = capacity;
    return true;
}

/* How many bytes the message has, as far as its header is there. The type comes alone, to be judged
 * at the same byte however the bytes are cut. */
static size_t message_needs(const struct server_records *records)
{
    if (records->message_size == 0)
        return 1;
    if (records->message_size < HANDSHAKE_HEADER_BYTES)
        return HANDSHAKE_HEADER_BYTES;
    struct reader header = reader_over(records->message, HANDSHAKE_HEADER_BYTES);
    reader_take(&header, 1);
    return HANDSHAKE_HEADER_BYTES + reader_uint(&header, 3);
}

static size_t least(size_t left, size_t right)
{
    return left < right ? left : right;
}

/* Reads what is there of the message, to the end of its type, its header or its own. */
static enum server_records_event read_message(struct server_records *records, struct reader *bytes)
{
    if (records->is_taken)
        records->message_size = 0;
    records->is_taken = false;
    size_t part = least(least(records->body_left, reader_left(bytes)),
                        message_needs(records) - records->message_size);
    if (!message_grow(records, records->message_size + part))
        return SERVER_RECORDS_OUT_OF_MEMORY;
    memcpy(records->message + records->message_size, reader_take(bytes, part), part);
    records->message_size += part;
    records->body_left -= part;
    records->read_size += part;
    if (records->expected != 0 && records->message[0] != records->expected)
        return SERVER_RECORDS_NOT_TLS;
    size_t needed = message_needs(records);
    if (needed > records->limit)
        return SERVER_RECORDS_MALFORMED;
    records->is_taken =
        records->message_size >= HANDSHAKE_HEADER_BYTES && records->message_size == needed;
    return records->is_taken ? SERVER_RECORDS_MESSAGE : SERVER_RECORDS_INCOMPLETE;
}

/* An alert's or a change of cipher's next byte. */
static enum server_records_event read_small(struct server_records *records, struct reader *bytes)
{
    bool is_alert = records->header[0] == RECORD_ALERT;
    size_t size = is_alert ? ALERT_BYTES : CHANGE_CIPHER_SPEC_BYTES;
    records->small[size - records->body_left] = (uint8_t)reader_uint(bytes, 1);
    records->body_left--;
    records->read_size++;
    if (records->body_left > 0)
        return SERVER_RECORDS_INCOMPLETE;
    if (is_alert)
        return SERVER_RECORDS_ALERT;
    return records->small[0] == 1 ? SERVER_RECORDS_CHANGE_CIPHER_SPEC : SERVER_RECORDS_MALFORMED;
}

enum server_records_event server_records_next(struct server_records *records, struct reader *bytes)
{
    enum server_records_event event = SERVER_RECORDS_INCOMPLETE;
    while (event == SERVER_RECORDS_INCOMPLETE && reader_left(bytes) > 0) {
        if (records->body_left == 0) {
            records->header[records->header_size++] = (uint8_t)reader_uint(bytes, 1);
            records->read_size++;
            event = judge_header(records);
        } else if (records->header[0] == RECORD_HANDSHAKE) {
            event = read_message(records, bytes);
        } else {
            event = read_small(records, bytes);
        }
    }
    return event;
}

struct reader server_records_message(const struct server_records *records)
{
    return reader_over(records->message, records->message_size);
}

bool server_records_at_boundary(const struct server_records *records)
{
    return records->body_left == 0;
}

void server_records_release(struct server_records *records)
{
    free(records->message);
    *records = (struct server_records){ 0 };
}
