/* sni-gate/proxy_header.c - the PROXY protocol's header; the sections are proxy-protocol.txt's. */
#include "sni-gate/proxy_header.h"
#include "base/reader.h"

#include <string.h>

enum { LINE_START_BYTES = 6, SIGNATURE_BYTES = 12, BINARY_START_BYTES = 16 };

static const uint8_t line_start[LINE_START_BYTES] = { 'P', 'R', 'O', 'X', 'Y', ' ' };
static const uint8_t signature[SIGNATURE_BYTES] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                                    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* Version 1 (2.1) */

enum {
    WORD_BYTES = 46, /* with its NUL: as long as an IPv6 address can be */
    CR_LF = 0x0d0a,
};

/* Takes the bytes before the next space, or the end. */
static bool take_word(struct reader *line, char ret_word[WORD_BYTES])
{
    size_t size = 0;
    while (reader_left(line) > 0 && *line->at != ' ') {
        char letter = (char)reader_uint(line, 1);
        if (letter == '\0' || size + 1 == WORD_BYTES)
            return false;
        ret_word[size++] = letter;
    }
    ret_word[size] = '\0';
    return size > 0;
}

static bool take_next_word(struct reader *line, char ret_word[WORD_BYTES])
{
    return reader_uint(line, 1) == ' ' && take_word(line, ret_word);
}

static bool take_address(struct reader *line, bool is_v6, struct ip_address *ret_address)
{
    char word[WORD_BYTES];
    return take_next_word(line, word) && (strchr(word, ':') != NULL) == is_v6 &&
           ip_address_parse(word, ret_address);
}

static bool take_port(struct reader *line, uint16_t *ret_port)
{
    char word[WORD_BYTES];
    uint32_t port = 0;
    if (!take_next_word(line, word) || strlen(word) > 5 || (word[0] == '0' && word[1] != '\0'))
        return false;
    for (const char *at = word; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        port = port * 10 + (uint32_t)(*at - '0');
    }
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* `line` is what stands between "PROXY " and CR LF. */
static enum proxy_header_status read_line(struct reader line, struct proxy_header *header)
{
    char family[WORD_BYTES];
    if (!take_word(&line, family))
        return PROXY_HEADER_MALFORMED;
    if (strcmp(family, "UNKNOWN") == 0) /* whatever follows it means nothing */
        return PROXY_HEADER_WITHOUT_CLIENT;
    bool is_v6 = strcmp(family, "TCP6") == 0;
    if (!is_v6 && strcmp(family, "TCP4") != 0)
        return PROXY_HEADER_MALFORMED;
    bool is_sound = take_address(&line, is_v6, &header->source.address) &&
                    take_address(&line, is_v6, &header->destination.address) &&
                    take_port(&line, &header->source.port) &&
                    take_port(&line, &header->destination.port) && reader_done(&line);
    return is_sound ? PROXY_HEADER_COMPLETE : PROXY_HEADER_MALFORMED;
}

/* `bytes` begin with "PROXY ". */
static enum proxy_header_status find_line(const uint8_t *bytes, size_t size,
                                          struct proxy_header *header)
{
    size_t limit = size < PROXY_HEADER_LINE_MAX ? size : PROXY_HEADER_LINE_MAX;
    struct reader reader = reader_over(bytes + LINE_START_BYTES, limit - LINE_START_BYTES);
    const uint8_t *start = reader.at;
    while (reader_left(&reader) > 0 && *reader.at != '\r')
        (void)reader_take(&reader, 1);
    size_t line_size = (size_t)(reader.at - start);
    bool has_end = reader_uint(&reader, 2) == CR_LF;
    if (reader.failed)
        return limit < PROXY_HEADER_LINE_MAX ? PROXY_HEADER_INCOMPLETE : PROXY_HEADER_MALFORMED;
    header->size = LINE_START_BYTES + line_size + 2;
    return has_end ? read_line(reader_over(start, line_size), header) : PROXY_HEADER_MALFORMED;
}

/* Version 2 (2.2) */

enum {
    VERSION_2_LOCAL = 0x20,
    VERSION_2_PROXY = 0x21,
    FAMILY_UNSPECIFIED = 0x00,
    FAMILY_TCP_V4 = 0x11,
    FAMILY_TCP_V6 = 0x21,
    V4_BYTES = 4,
    V6_BYTES = 16,
};

static struct ip_address read_address(struct reader *block, unsigned size)
{
    const uint8_t *bytes = reader_take(block, size);
    return bytes != NULL ? ip_address_from_bytes(bytes, size) : (struct ip_address){ 0 };
}

/* Two addresses of `size` bytes, two ports, then TLVs (2.2.1 and following). */
static enum proxy_header_status read_block(struct reader block, unsigned size,
                                           struct proxy_header *header)
{
    header->source.address = read_address(&block, size);
    header->destination.address = read_address(&block, size);
    header->source.port = (uint16_t)reader_uint(&block, 2);
    header->destination.port = (uint16_t)reader_uint(&block, 2);
    while (reader_left(&block) > 0) {
        (void)reader_uint(&block, 1);   /* no type means anything here */
        (void)reader_vector(&block, 2); /* one too long fails the block */
    }
    return reader_done(&block) ? PROXY_HEADER_COMPLETE : PROXY_HEADER_MALFORMED;
}

/* `bytes` begin with the signature. */
static enum proxy_header_status read_binary(const uint8_t *bytes, size_t size,
                                            struct proxy_header *header)
{
    struct reader reader = reader_over(bytes + SIGNATURE_BYTES, size - SIGNATURE_BYTES);
    uint32_t command = reader_uint(&reader, 1), family = reader_uint(&reader, 1);
    size_t length = reader_uint(&reader, 2);
    if (reader.failed)
        return PROXY_HEADER_INCOMPLETE;
    if ((command != VERSION_2_LOCAL && command != VERSION_2_PROXY) ||
        length > PROXY_HEADER_MAX - BINARY_START_BYTES)
        return PROXY_HEADER_MALFORMED;
    const uint8_t *block = reader_take(&reader, length);
    if (block == NULL)
        return PROXY_HEADER_INCOMPLETE;
    if (command == VERSION_2_LOCAL || family == FAMILY_UNSPECIFIED) /* the rest means nothing */
        return PROXY_HEADER_WITHOUT_CLIENT;
    if (family != FAMILY_TCP_V4 && family != FAMILY_TCP_V6)
        return PROXY_HEADER_MALFORMED;
    header->size = BINARY_START_BYTES + length;
    return read_block(reader_over(block, length), family == FAMILY_TCP_V4 ? V4_BYTES : V6_BYTES,
                      header);
}

/* Either */

/* As far as there are bytes. */
static bool begins_with(const uint8_t *bytes, size_t size, struct reader start)
{
    size_t compared = size < reader_left(&start) ? size : reader_left(&start);
    return compared == 0 || memcmp(bytes, start.at, compared) == 0;
}

static enum proxy_header_status judge(const uint8_t *bytes, size_t size,
                                      struct proxy_header *header)
{
    if (begins_with(bytes, size, reader_over(signature, SIGNATURE_BYTES)))
        return size < SIGNATURE_BYTES ? PROXY_HEADER_INCOMPLETE : read_binary(bytes, size, header);
    if (begins_with(bytes, size, reader_over(line_start, LINE_START_BYTES)))
        return size < LINE_START_BYTES ? PROXY_HEADER_INCOMPLETE : find_line(bytes, size, header);
    return PROXY_HEADER_MALFORMED;
}

enum proxy_header_status proxy_header_parse(const uint8_t *bytes, size_t size,
                                            struct proxy_header *ret_header)
{
    struct proxy_header header = { 0 };
    enum proxy_header_status status = judge(bytes, size, &header);
    if (status == PROXY_HEADER_COMPLETE)
        *ret_header = header;
    return status;
}
