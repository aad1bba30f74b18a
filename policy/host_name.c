/* policy/host_name.c - a host name in wire format. */
#include "policy/host_name.h"
#include "base/address.h"
#include "base/reader.h"
#include "base/text.h"

#include <string.h>

/* What a byte may be in a label: the bits of its class. INNER: any byte inside a plain label. */
enum byte_class { OTHER = 0, UNDERSCORE = 1, INNER = 2, PLAIN = INNER | 4, HYPHEN = INNER | 8 };

/* Of an upper case letter beside its class: the bit that folds it (RFC 4343: ASCII letters alone).
 */
enum { FOLD = 'a' - 'A', UPPER = PLAIN | FOLD };

static const uint8_t byte_classes[UINT8_MAX + 1] = {
    ['-'] = HYPHEN, ['_'] = UNDERSCORE, ['0'] = PLAIN, ['1'] = PLAIN, ['2'] = PLAIN, ['3'] = PLAIN,
    ['4'] = PLAIN,  ['5'] = PLAIN,      ['6'] = PLAIN, ['7'] = PLAIN, ['8'] = PLAIN, ['9'] = PLAIN,
    ['A'] = UPPER,  ['B'] = UPPER,      ['C'] = UPPER, ['D'] = UPPER, ['E'] = UPPER, ['F'] = UPPER,
    ['G'] = UPPER,  ['H'] = UPPER,      ['I'] = UPPER, ['J'] = UPPER, ['K'] = UPPER, ['L'] = UPPER,
    ['M'] = UPPER,  ['N'] = UPPER,      ['O'] = UPPER, ['P'] = UPPER, ['Q'] = UPPER, ['R'] = UPPER,
    ['S'] = UPPER,  ['T'] = UPPER,      ['U'] = UPPER, ['V'] = UPPER, ['W'] = UPPER, ['X'] = UPPER,
    ['Y'] = UPPER,  ['Z'] = UPPER,      ['a'] = PLAIN, ['b'] = PLAIN, ['c'] = PLAIN, ['d'] = PLAIN,
    ['e'] = PLAIN,  ['f'] = PLAIN,      ['g'] = PLAIN, ['h'] = PLAIN, ['i'] = PLAIN, ['j'] = PLAIN,
    ['k'] = PLAIN,  ['l'] = PLAIN,      ['m'] = PLAIN, ['n'] = PLAIN, ['o'] = PLAIN, ['p'] = PLAIN,
    ['q'] = PLAIN,  ['r'] = PLAIN,      ['s'] = PLAIN, ['t'] = PLAIN, ['u'] = PLAIN, ['v'] = PLAIN,
    ['w'] = PLAIN,  ['x'] = PLAIN,      ['y'] = PLAIN, ['z'] = PLAIN
};

static enum byte_class classify(uint8_t byte)
{
    return byte_classes[byte] & ~FOLD & UINT8_MAX;
}

/* Appends one label of `size` (1 to 63) bytes, folded. False when the name gets too long. Every
 * query comes through here, so its bytes are looked at once. */
static bool append_label(struct host_name *name, const uint8_t *label, size_t size)
{
    if (name->size + 1 + size + 1 > HOST_NAME_WIRE_MAX) /* the root's label comes too */
        return false;
    uint8_t *to = name->wire + name->size;
    unsigned common = INNER;
    to[0] = (uint8_t)size;
    for (size_t i = 0; i < size; i++) {
        uint8_t class = byte_classes[label[i]];
        common &= class;
        to[1 + i] = label[i] | (class & FOLD);
    }
    bool is_plain = common != 0 && label[0] != '-' && label[size - 1] != '-';
    if (is_plain && name->plain_labels == name->label_count)
        name->plain_labels++;
    name->label_count++;
    name->size = (uint8_t)(name->size + 1 + size);
    return true;
}

static void append_root(struct host_name *name)
{
    name->wire[name->size++] = 0;
}

static enum host_name_status check_label(const uint8_t *label, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (label[i] >= 0x80)
            return HOST_NAME_NOT_ASCII;
        if (classify(label[i]) == OTHER)
            return HOST_NAME_BAD_BYTE;
    }
    if (size == 0)
        return HOST_NAME_EMPTY_LABEL;
    if (size > HOST_NAME_LABEL_MAX)
        return HOST_NAME_LABEL_TOO_LONG;
    return label[0] == '-' || label[size - 1] == '-' ? HOST_NAME_BAD_HYPHEN : HOST_NAME_OK;
}

/* WHATWG URL 3.5, "ends in a number": clients read such a host as an IPv4 address, be it 127.1 or
 * 0x7f.1. */
static bool label_is_number(const uint8_t *label, size_t size)
{
    bool is_hex = size >= 2 && label[0] == '0' && (label[1] | 0x20) == 'x';
    for (size_t i = is_hex ? 2 : 0; i < size; i++) {
        bool is_digit = label[i] >= '0' && label[i] <= '9';
        bool is_hex_letter = (label[i] | 0x20) >= 'a' && (label[i] | 0x20) <= 'f';
        if (!is_digit && !(is_hex && is_hex_letter))
            return false;
    }
    return true;
}

/* An IPv6 address has bytes that no host name has; say what it is rather than that. */
static bool is_ipv6_address(const char *text, size_t size)
{
    char copy[64];
    struct ip_address address;
    const char *bracket = text[0] == '[' ? memchr(text, ']', size) : NULL;
    if (bracket != NULL) { /* a port may follow */
        text++;
        size = (size_t)(bracket - text);
    }
    if (size >= sizeof(copy) || memchr(text, ':', size) == NULL)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return strlen(copy) == size && ip_address_parse(copy, &address);
}

enum host_name_status host_name_parse(const char *text, size_t size, struct host_name *ret_name)
{
    struct host_name name;
    const uint8_t *at = (const uint8_t *)text, *end = at + size, *last_label = at;
    name.size = name.label_count = name.plain_labels = 0;
    if (size == 0)
        return HOST_NAME_EMPTY;
    for (;;) {
        const uint8_t *dot = memchr(at, '.', (size_t)(end - at));
        size_t label_size = (size_t)((dot != NULL ? dot : end) - at);
        bool has_size = label_size > 0 && label_size <= HOST_NAME_LABEL_MAX;
        bool is_added = has_size && append_label(&name, at, label_size);
        bool is_plain = is_added && name.plain_labels == name.label_count;
        enum host_name_status status = is_plain ? HOST_NAME_OK : check_label(at, label_size);
        if (status != HOST_NAME_OK)
            return is_ipv6_address(text, size) ? HOST_NAME_IS_ADDRESS : status;
        if (!is_added)
            return HOST_NAME_TOO_LONG;
        last_label = at;
        if (dot == NULL)
            break;
        at = dot + 1;
    }
    if (label_is_number(last_label, (size_t)(end - last_label)))
        return HOST_NAME_IS_ADDRESS;
    append_root(&name);
    *ret_name = name;
    return HOST_NAME_OK;
}

bool host_name_read(struct reader *reader, struct host_name *ret_name)
{
    ret_name->size = ret_name->label_count = ret_name->plain_labels = 0;
    for (;;) {
        size_t size = reader_uint(reader, 1);
        if (reader->failed)
            return false;
        if (size == 0)
            break;
        if (size > HOST_NAME_LABEL_MAX) /* a pointer (RFC 1035 4.1.4) or an unknown label type */
            return false;
        const uint8_t *label = reader_take(reader, size);
        if (label == NULL || !append_label(ret_name, label, size))
            return false;
    }
    append_root(ret_name);
    return true;
}

bool host_name_is_printable(const struct host_name *name)
{
    if (name->plain_labels == name->label_count)
        return name->label_count > 0;
    for (size_t at = 0; name->wire[at] != 0; at += 1u + name->wire[at])
        if (check_label(name->wire + at + 1, name->wire[at]) != HOST_NAME_OK)
            return false;
    return name->label_count > 0;
}

bool host_name_reads_back(const struct host_name *name)
{
    const uint8_t *last_label = name->wire;
    for (const uint8_t *at = name->wire; at[0] != 0; at += 1u + at[0])
        last_label = at;
    return host_name_is_printable(name) && !label_is_number(last_label + 1, last_label[0]);
}

/* Adds a label: runs of what a host name may hold as they are, all else escaped. */
static void add_label(const uint8_t *label, size_t size, struct text *text)
{
    size_t run = 0;
    for (size_t i = 0; i < size; i++) {
        if (classify(label[i]) != OTHER) {
            run++;
            continue;
        }
        text_add_bytes(text, label + i - run, run);
        text_add_format(text, "\\%03u", label[i]);
        run = 0;
    }
    text_add_bytes(text, label + size - run, run);
}

/* Where nothing needs to be escaped, as nearly always: dots for the lengths. */
static void add_plain(const struct host_name *name, struct text *text)
{
    char dotted[HOST_NAME_WIRE_MAX];
    memcpy(dotted, name->wire, name->size);
    for (size_t at = 1u + name->wire[0]; name->wire[at] != 0; at += 1u + name->wire[at])
        dotted[at] = '.';
    text_add_bytes(text, dotted + 1, name->size - 2u);
}

void host_name_add_to(const struct host_name *name, struct text *text)
{
    if (name->label_count == 0) {
        text_add(text, ".");
        return;
    }
    if (name->plain_labels == name->label_count) {
        add_plain(name, text);
        return;
    }
    for (size_t at = 0; name->wire[at] != 0; at += 1u + name->wire[at]) {
        if (at > 0)
            text_add(text, ".");
        add_label(name->wire + at + 1, name->wire[at], text);
    }
}

const uint8_t *host_name_suffix(const struct host_name *name, unsigned labels, size_t *ret_size)
{
    size_t at = 0;
    for (; labels > 0; labels--)
        at += 1u + name->wire[at];
    *ret_size = name->size - at;
    return name->wire + at;
}

bool host_name_is_within(const struct host_name *name, const struct host_name *above)
{
    size_t size;
    if (name->label_count < above->label_count)
        return false;
    const uint8_t *suffix = host_name_suffix(name, name->label_count - above->label_count, &size);
    return size == above->size && memcmp(suffix, above->wire, size) == 0;
}
