/* resolver/record.c - the records of a DNS message from another server. */
#include "resolver/record.h"

#include "base/writer.h"
#include "resolver/dns.h"

/* Each pointer must lead to before the place where the last one led, so the walk ends. */
static bool copy_name(const struct reader *message, struct reader *at, struct writer *to)
{
    enum { LABEL_KIND = 0xc0, LABEL_POINTER = 0xc0 };
    struct reader from = *at;
    const uint8_t *earliest = at->at;
    bool has_jumped = false;
    uint32_t length = 1;
    while (length > 0) {
        length = reader_uint(&from, 1);
        if ((length & LABEL_KIND) == LABEL_POINTER) {
            size_t offset = (length & ~(uint32_t)LABEL_KIND) << 8 | reader_uint(&from, 1);
            if (from.failed || offset >= (size_t)(earliest - message->at))
                return false;
            *at = has_jumped ? *at : from;
            has_jumped = true;
            earliest = message->at + offset;
            from = (struct reader){ earliest, message->end, false };
            continue;
        }
        const uint8_t *label = reader_take(&from, length);
        if ((length & LABEL_KIND) != 0 || label == NULL)
            return false;
        writer_uint(to, length, 1);
        writer_bytes(to, label, length);
    }
    *at = has_jumped ? *at : from;
    return !to->failed;
}

bool record_read_name(const struct reader *message, struct reader *at, uint8_t *wire,
                      struct host_name *ret_name)
{
    uint8_t buffer[HOST_NAME_WIRE_MAX];
    struct writer name = writer_over(wire != NULL ? wire : buffer, HOST_NAME_WIRE_MAX);
    if (!copy_name(message, at, &name))
        return false;
    struct reader plain = reader_over(name.start, writer_size(&name));
    return host_name_read(&plain, ret_name);
}

bool record_read(const struct reader *message, struct reader *at, struct record *ret_record)
{
    if (!record_read_name(message, at, NULL, &ret_record->owner))
        return false;
    ret_record->type = (uint16_t)reader_uint(at, 2);
    ret_record->class = (uint16_t)reader_uint(at, 2);
    ret_record->ttl_s = reader_uint(at, 4);
    ret_record->data = reader_vector(at, 2);
    if (ret_record->ttl_s > INT32_MAX && ret_record->type != DNS_TYPE_OPT)
        ret_record->ttl_s = 0; /* RFC 2181 8 */
    return !at->failed;
}

/* Where names stand in the data of the types that may be compressed, or were before RFC 3597 4
 * forbade it: behind so many bytes and so many strings. */
static const struct layout {
    uint16_t type;
    uint8_t bytes, strings, names;
} layouts[] = {
    { DNS_TYPE_NS, 0, 0, 1 },    { DNS_TYPE_MD, 0, 0, 1 },    { DNS_TYPE_MF, 0, 0, 1 },
    { DNS_TYPE_CNAME, 0, 0, 1 }, { DNS_TYPE_SOA, 0, 0, 2 },   { DNS_TYPE_MB, 0, 0, 1 },
    { DNS_TYPE_MG, 0, 0, 1 },    { DNS_TYPE_MR, 0, 0, 1 },    { DNS_TYPE_PTR, 0, 0, 1 },
    { DNS_TYPE_MINFO, 0, 0, 2 }, { DNS_TYPE_MX, 2, 0, 1 },    { DNS_TYPE_RP, 0, 0, 2 },
    { DNS_TYPE_AFSDB, 2, 0, 1 }, { DNS_TYPE_RT, 2, 0, 1 },    { DNS_TYPE_PX, 2, 0, 2 },
    { DNS_TYPE_SRV, 6, 0, 1 },   { DNS_TYPE_NAPTR, 4, 3, 1 }, { DNS_TYPE_KX, 2, 0, 1 },
    { DNS_TYPE_DNAME, 0, 0, 1 },
};

static struct layout layout_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (layouts[i].type == type)
            return layouts[i];
    return (struct layout){ .type = type };
}

static void copy_bytes(struct reader *from, size_t size, struct writer *to)
{
    const uint8_t *bytes = reader_take(from, size);
    if (bytes != NULL)
        writer_bytes(to, bytes, size);
}

static bool write_data(const struct reader *message, const struct record *record, struct writer *to)
{
    struct reader data = record->data;
    struct layout layout = layout_of(record->type);
    copy_bytes(&data, layout.bytes, to);
    for (unsigned i = 0; i < layout.strings; i++) {
        struct reader string = reader_vector(&data, 1);
        if (data.failed)
            return false;
        writer_uint(to, (uint32_t)reader_left(&string), 1);
        copy_bytes(&string, reader_left(&string), to);
    }
    for (unsigned i = 0; i < layout.names; i++) {
        uint8_t wire[HOST_NAME_WIRE_MAX];
        struct host_name name;
        if (!record_read_name(message, &data, wire, &name))
            return false;
        writer_bytes(to, wire, name.size);
    }
    copy_bytes(&data, reader_left(&data), to);
    return !data.failed;
}

bool record_write_rest(const struct reader *message, const struct record *record, struct writer *to)
{
    uint8_t *fixed = writer_reserve(to, DNS_RECORD_FIXED_BYTES);
    if (fixed == NULL || !write_data(message, record, to) || to->failed)
        return false;
    store_uint(fixed, record->type, 2);
    store_uint(fixed + 2, record->class, 2);
    store_uint(fixed + 4, record->ttl_s, 4);
    store_uint(fixed + 8, (uint32_t)(to->at - fixed - DNS_RECORD_FIXED_BYTES), 2);
    return true;
}
