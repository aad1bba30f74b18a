/* net/dns_reply.c - what a DNS reply says of a name's addresses of one family. */
#include "net/dns_reply.h"
#include "base/reader.h"

#include <string.h>

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28, CLASS_IN = 1 };
enum { RCODE_NO_ERROR = 0, RCODE_NAME_ERROR = 3, RCODE_MASK = 0x0f };
enum { NAME_BYTES_MAX = 255, LABEL_BYTES_MAX = 63, POINTER_BITS = 0xc0 };

struct dns_name { /* uncompressed, letters in lower case */
    size_t size;
    uint8_t bytes[NAME_BYTES_MAX];
};

struct record {
    struct dns_name owner;
    uint32_t type, class, ttl_s;
    struct reader data;
};

/* Records yet to be read, of a section or two. */
struct record_cursor {
    struct reader reader;
    uint32_t left;
};

struct reply {
    struct reader message; /* all of it: names point back into it */
    struct record_cursor answers;
    uint32_t authority_count;
    uint8_t family;
    struct dns_name name; /* asked for; then what it is an alias of */
    uint32_t ttl_s;
};

static bool add_label(struct dns_name *name, const uint8_t *label, size_t size)
{
    if (label == NULL || size > LABEL_BYTES_MAX || name->size + 1 + size > NAME_BYTES_MAX)
        return false;
    name->bytes[name->size++] = (uint8_t)size;
    for (size_t i = 0; i < size; i++) {
        bool is_upper = label[i] >= 'A' && label[i] <= 'Z';
        name->bytes[name->size++] = is_upper ? (uint8_t)(label[i] | 0x20) : label[i];
    }
    return true;
}

/* Consumes a name, compressed or not (RFC 1035 4.1.4). Each pointer must lead to before the place
 * where the last one led, so the walk ends. */
static bool read_name(const struct reader *message, struct reader *reader, struct dns_name *name)
{
    struct reader at = *reader;
    const uint8_t *earliest = reader->at;
    bool has_jumped = false;
    uint32_t length = 1;
    name->size = 0;
    while (length > 0) {
        length = reader_uint(&at, 1);
        if ((length & POINTER_BITS) == POINTER_BITS) {
            size_t offset = (length & ~(uint32_t)POINTER_BITS) << 8 | reader_uint(&at, 1);
            if (at.failed || offset >= (size_t)(earliest - message->at))
                return false;
            if (!has_jumped)
                *reader = at;
            has_jumped = true;
            earliest = message->at + offset;
            at = (struct reader){ earliest, message->end, false };
        } else if (!add_label(name, reader_take(&at, length), length) || at.failed) {
            return false;
        }
    }
    if (!has_jumped)
        *reader = at;
    return true;
}

/* False at the end, or, with the cursor's reader failed, where a record can't be read. */
static bool next_record(const struct reader *message, struct record_cursor *cursor,
                        struct record *ret_record)
{
    struct reader *reader = &cursor->reader;
    if (cursor->left == 0 || reader->failed)
        return false;
    cursor->left--;
    if (!read_name(message, reader, &ret_record->owner)) {
        reader->failed = true;
        return false;
    }
    ret_record->type = reader_uint(reader, 2);
    ret_record->class = reader_uint(reader, 2);
    ret_record->ttl_s = reader_uint(reader, 4);
    if (ret_record->ttl_s > INT32_MAX)
        ret_record->ttl_s = 0; /* RFC 2181 8 */
    ret_record->data = reader_vector(reader, 2);
    return !reader->failed;
}

static bool is_of_name(const struct record *record, uint32_t type, const struct dns_name *name)
{
    return record->type == type && record->class == CLASS_IN && record->owner.size == name->size &&
           memcmp(record->owner.bytes, name->bytes, name->size) == 0;
}

static void keep_least(uint32_t *least, uint32_t value)
{
    if (value < *least)
        *least = value;
}

enum alias_step { ALIAS_BROKEN = 0, ALIAS_NONE, ALIAS_FOLLOWED };

/* Puts what the name is an alias of in its place. Aliases stand in any order. */
static enum alias_step follow_alias(struct reply *reply)
{
    struct record_cursor cursor = reply->answers;
    struct record record;
    while (next_record(&reply->message, &cursor, &record)) {
        if (!is_of_name(&record, TYPE_CNAME, &reply->name))
            continue;
        keep_least(&reply->ttl_s, record.ttl_s);
        return read_name(&reply->message, &record.data, &reply->name) ? ALIAS_FOLLOWED
                                                                      : ALIAS_BROKEN;
    }
    return cursor.reader.failed ? ALIAS_BROKEN : ALIAS_NONE;
}

static bool follow_aliases(struct reply *reply)
{
    enum alias_step step = ALIAS_FOLLOWED;
    for (int count = 0; count <= DNS_REPLY_ALIASES_MAX && step == ALIAS_FOLLOWED; count++)
        step = follow_alias(reply);
    return step == ALIAS_NONE;
}

static void collect_addresses(struct reply *reply, struct dns_lookup_result *result)
{
    uint32_t type = reply->family == 4 ? TYPE_A : TYPE_AAAA;
    size_t size = reply->family == 4 ? 4 : 16;
    struct record_cursor cursor = reply->answers;
    struct record record;
    while (result->address_count < DNS_REPLY_ADDRESSES_MAX &&
           next_record(&reply->message, &cursor, &record)) {
        if (!is_of_name(&record, type, &reply->name) || reader_left(&record.data) != size)
            continue;
        struct ip_address *address = &result->address[result->address_count++];
        *address = (struct ip_address){ .family = reply->family };
        memcpy(address->bytes, record.data.at, size);
        keep_least(&reply->ttl_s, record.ttl_s);
    }
}

/* RFC 2308 5: the least of the SOA's own TTL and its last field. */
static uint32_t negative_ttl(const struct reply *reply)
{
    struct record_cursor cursor = reply->answers;
    struct record record;
    struct dns_name skipped;
    cursor.left += reply->authority_count;
    while (next_record(&reply->message, &cursor, &record)) {
        if (record.type != TYPE_SOA || !read_name(&reply->message, &record.data, &skipped) ||
            !read_name(&reply->message, &record.data, &skipped))
            continue;
        reader_take(&record.data, 16); /* serial, refresh, retry, expire */
        uint32_t least = reader_uint(&record.data, 4);
        keep_least(&least, record.ttl_s);
        return least;
    }
    return 0;
}

/* Reads as far as the answers; the rcode, or -1 where there is none to go by. */
static int open_reply(struct reply *reply)
{
    struct reader at = reply->message;
    reader_take(&at, 2); /* the id: c-ares compared it */
    uint32_t flags = reader_uint(&at, 2);
    uint32_t question_count = reader_uint(&at, 2);
    reply->answers.left = reader_uint(&at, 2);
    reply->authority_count = reader_uint(&at, 2);
    reader_take(&at, 2);
    if (at.failed || question_count != 1 || !read_name(&reply->message, &at, &reply->name))
        return -1;
    reader_take(&at, 4); /* type and class */
    reply->answers.reader = at;
    return at.failed ? -1 : (int)(flags & RCODE_MASK);
}

void dns_reply_read(const void *bytes, size_t size, uint8_t family,
                    struct dns_lookup_result *ret_result)
{
    struct reply reply = { .message = reader_over(bytes, size),
                           .family = family,
                           .ttl_s = UINT32_MAX };
    struct dns_lookup_result *result = ret_result;
    int rcode = open_reply(&reply);
    *result = (struct dns_lookup_result){ .status = DNS_LOOKUP_FAILED };
    if (rcode == RCODE_NO_ERROR && follow_aliases(&reply)) {
        collect_addresses(&reply, result);
        result->status = result->address_count > 0 ? DNS_LOOKUP_OK : DNS_LOOKUP_NO_ADDRESS;
    } else if (rcode == RCODE_NAME_ERROR) {
        result->status = DNS_LOOKUP_NO_NAME;
    }
    if (result->status != DNS_LOOKUP_FAILED)
        result->ttl_s = result->address_count > 0 ? reply.ttl_s : negative_ttl(&reply);
}
