/* policy/host_name.h - a host name in the one form everything compares: DNS wire format (RFC
 * 1035 3.1), uncompressed, ASCII letters in lower case, ending in the root's empty label. A suffix
 * of the name is a suffix of the bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
struct text;

enum {
    HOST_NAME_WIRE_MAX = 255, /* RFC 1035 2.3.4, with the root's empty label */
    HOST_NAME_TEXT_MAX = 253, /* what that leaves for dots and letters */
    HOST_NAME_LABEL_MAX = 63,
    HOST_NAME_LABELS_MAX = 127,
};

struct host_name {
    uint8_t size;         /* bytes of `wire`, 1 (the root) to 255 */
    uint8_t label_count;  /* without the root's */
    uint8_t plain_labels; /* leftmost labels of letters, digits and inner hyphens only; wildcards
                             stand for no other */
    uint8_t wire[HOST_NAME_WIRE_MAX];
};

/* Why a text is no host name. Zero is a failure, so a forgotten assignment admits nothing. */
enum host_name_status {
    HOST_NAME_EMPTY = 0,
    HOST_NAME_TOO_LONG,
    HOST_NAME_LABEL_TOO_LONG,
    HOST_NAME_EMPTY_LABEL, /* two dots in a row, or one at either end */
    HOST_NAME_BAD_BYTE,    /* ASCII outside letters, digits, hyphen, underscore and dot */
    HOST_NAME_NOT_ASCII,
    HOST_NAME_BAD_HYPHEN, /* a label begins or ends with one (RFC 952) */
    HOST_NAME_IS_ADDRESS, /* an IP address, or a last label that clients read as part of one */
    HOST_NAME_OK,
};

/* Reads `size` bytes of dotted text, case-insensitively; a final dot is an empty label. `*ret_name`
 * is set on HOST_NAME_OK alone. */
enum host_name_status host_name_parse(const char *text, size_t size, struct host_name *ret_name);

/* Consumes an uncompressed wire-format name with any bytes in its labels. False where it is too
 * long, cut, or compressed (RFC 1035 4.1.4); then `*ret_name` is unset. */
bool host_name_read(struct reader *reader, struct host_name *ret_name);

/* True when every label is letters, digits, inner hyphens and underscores: safe to show and to
 * store as it is. */
bool host_name_is_printable(const struct host_name *name);

/* True when host_name_parse() reads the dotted text of `name` as `name`: it is printable, and no
 * address. Such a text is a target that a rule takes. */
bool host_name_reads_back(const struct host_name *name);

/* Dotted text; "." for the root; bytes that are no part of a host name as \DDD (RFC 1035 5.1). */
void host_name_add_to(const struct host_name *name, struct text *text);

/* The bytes of `name` without its first `labels` labels (at most label_count); borrows from `name`.
 */
const uint8_t *host_name_suffix(const struct host_name *name, unsigned labels, size_t *ret_size);

/* True where `name` is `above` or lies below it. */
bool host_name_is_within(const struct host_name *name, const struct host_name *above);
