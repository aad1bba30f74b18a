/* resolver/padding.c - answers over TLS are as long as many others. */
#include "resolver/padding.h"

#include "base/writer.h"
#include "resolver/dns.h"

enum { LABEL_MAX = 63, OPTION_HEADER_BYTES = 4 };

static void skip_name(struct reader *message)
{
    uint32_t size = reader_uint(message, 1);
    while (size > 0 && size <= LABEL_MAX) {
        (void)reader_take(message, size);
        size = reader_uint(message, 1);
    }
    if (size > LABEL_MAX) /* a pointer, which ends the name (RFC 1035 4.1.4) */
        (void)reader_take(message, 1);
}

/* Reads up to the OPT record. Its options; failed where there is none. */
static struct reader find_options(struct reader message)
{
    struct reader none = { message.end, message.end, true };
    (void)reader_take(&message, 4);
    uint32_t questions = reader_uint(&message, 2), records = 0;
    for (int i = 0; i < 3; i++)
        records += reader_uint(&message, 2);
    for (; questions > 0 && !message.failed; questions--) {
        skip_name(&message);
        (void)reader_take(&message, 4);
    }
    for (; records > 0 && !message.failed; records--) {
        skip_name(&message);
        uint32_t type = reader_uint(&message, 2);
        (void)reader_take(&message, 6);
        struct reader data = reader_vector(&message, 2);
        if (type == DNS_TYPE_OPT)
            return data;
    }
    return none;
}

bool padding_is_wanted(struct reader query)
{
    struct reader options = find_options(query);
    bool is_found = false;
    while (reader_left(&options) > 0 && !is_found) {
        is_found = reader_uint(&options, 2) == DNS_OPTION_PADDING;
        (void)reader_vector(&options, 2);
    }
    return is_found && !options.failed;
}

size_t padding_add(uint8_t *answer, size_t size, size_t room)
{
    struct reader options = find_options(reader_over(answer, size));
    size_t bare = size + OPTION_HEADER_BYTES;
    size_t padded = (bare + PADDING_BLOCK_BYTES - 1) / PADDING_BLOCK_BYTES * PADDING_BLOCK_BYTES;
    if (options.failed || options.end != answer + size || padded > room)
        return size;
    size_t options_size = reader_left(&options) + padded - size;
    if (options_size > UINT16_MAX)
        return size;
    struct writer padding = writer_over(answer + size, padded - size);
    writer_uint(&padding, DNS_OPTION_PADDING, 2);
    writer_uint(&padding, (uint32_t)(padded - bare), 2);
    memset(padding.at, 0, padded - bare); /* RFC 7830 3 */
    store_uint(answer + (options.at - answer) - 2, (uint32_t)options_size, 2);
    return padded;
}
