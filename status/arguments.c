/* status/arguments.c - the query of a request's URL. */
#include "status/arguments.h"
#include "base/reader.h"
#include "base/text.h"

#include <string.h>

static const char *const order_words[] = {
    [STATUS_ORDER_ID] = "id",         [STATUS_ORDER_HITS] = "hits",
    [STATUS_ORDER_COUNT] = "count",   [STATUS_ORDER_LAST] = "last",
    [STATUS_ORDER_FIRST] = "first",   [STATUS_ORDER_NAME] = "name",
    [STATUS_ORDER_AGE] = "age",       [STATUS_ORDER_BYTES] = "bytes",
    [STATUS_ORDER_CLIENT] = "client", [STATUS_ORDER_UNUSED] = "unused",
    [STATUS_ORDER_NEWEST] = "newest",
};
enum { ORDER_COUNT = sizeof(order_words) / sizeof(order_words[0]) };

const char *arguments_order_word(enum status_order order)
{
    return order_words[order];
}

static const char *const outcome_words[] = {
    [STATUS_OUTCOME_ANY] = "",
    [STATUS_OUTCOME_ALLOWED] = "allowed",
    [STATUS_OUTCOME_DENIED] = "denied",
};
enum { OUTCOME_COUNT = sizeof(outcome_words) / sizeof(outcome_words[0]) };

const char *arguments_outcome_word(enum status_outcome outcome)
{
    return outcome_words[outcome];
}

/* 0 to 15; 16 for what is no hexadecimal digit. */
static unsigned hex_digit(const uint8_t *byte)
{
    if (byte == NULL)
        return 16;
    if (*byte >= '0' && *byte <= '9')
        return *byte - '0';
    uint8_t letter = *byte | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10U : 16;
}

/* The next character of a name or value, decoded. False where it can't be. */
static bool take_character(struct reader *reader, char *ret_character)
{
    const uint8_t *byte = reader_take(reader, 1);
    if (byte == NULL)
        return false;
    *ret_character = *byte == '+' ? ' ' : (char)*byte;
    if (*byte != '%')
        return *byte != '\0';
    unsigned high = hex_digit(reader_take(reader, 1)), low = hex_digit(reader_take(reader, 1));
    *ret_character = (char)(high << 4 | low);
    return high < 16 && low < 16 && *ret_character != '\0';
}

static bool is_utf8(const char *text)
{
    size_t size = strlen(text), length = 1;
    for (size_t at = 0; at < size && length > 0; at += length)
        length = text_utf8_length(text + at, size - at);
    return length > 0;
}

/* Decodes into `ret_text` all that is left. False where it does not fit or can't be read. */
static bool decode(struct reader reader, char *ret_text, size_t capacity)
{
    size_t size = 0;
    while (reader_left(&reader) > 0) {
        if (size + 1 >= capacity || !take_character(&reader, &ret_text[size]))
            return false;
        size++;
    }
    ret_text[size] = '\0';
    return is_utf8(ret_text);
}

/* Up to the greatest id that a row can have. */
static bool read_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 19 || strspn(text, "0123456789") != size)
        return false;
    for (; *text != '\0'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    if (number > INT64_MAX)
        return false;
    *ret_number = number;
    return true;
}

/* Each takes the value of one argument; NULL, or what is wrong with it. */

static const char *take_search(struct arguments *arguments, struct reader value)
{
    return decode(value, arguments->search, sizeof(arguments->search))
               ? NULL
               : "q, what to search for, is too long or can't be read";
}

static const char *take_target(struct arguments *arguments, struct reader value)
{
    return decode(value, arguments->target, sizeof(arguments->target))
               ? NULL
               : "target, a host or URL, is too long or can't be read";
}

static const char *take_client(struct arguments *arguments, struct reader value)
{
    return decode(value, arguments->client, sizeof(arguments->client))
               ? NULL
               : "client, an IP address, is too long or can't be read";
}

static const char *take_state(struct arguments *arguments, struct reader value)
{
    char word[32];
    if (!decode(value, word, sizeof(word)))
        return "state can't be read";
    arguments->state = status_state_of(word);
    return arguments->state != STATUS_STATE_ANY || word[0] == '\0'
               ? NULL
               : "state is one of those that rule_status has, such as active or refused";
}

static const char *take_order(struct arguments *arguments, struct reader value)
{
    char word[32];
    if (!decode(value, word, sizeof(word)))
        return "sort can't be read";
    for (int order = 0; order < ORDER_COUNT; order++) {
        if (strcmp(order_words[order], word) != 0)
            continue;
        arguments->order = (enum status_order)order;
        arguments->has_order = true;
        return NULL;
    }
    return "sort is no order that there is";
}

static const char *take_outcome(struct arguments *arguments, struct reader value)
{
    char word[32];
    if (!decode(value, word, sizeof(word)))
        return "outcome can't be read";
    for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
        if (strcmp(outcome_words[outcome], word) != 0)
            continue;
        arguments->outcome = (enum status_outcome)outcome;
        return NULL;
    }
    return "outcome is allowed or denied";
}

static const char *take_rule(struct arguments *arguments, struct reader value)
{
    char digits[32];
    uint64_t rule_id;
    if (!decode(value, digits, sizeof(digits)) || !read_number(digits, &rule_id))
        return "rule is the id of one, a number";
    arguments->rule_id = (int64_t)rule_id;
    return NULL;
}

static const char *take_from(struct arguments *arguments, struct reader value)
{
    char digits[32];
    return decode(value, digits, sizeof(digits)) && read_number(digits, &arguments->from)
               ? NULL
               : "from, where a page starts, is a number";
}

static const struct known {
    const char *name;
    const char *(*take)(struct arguments *arguments, struct reader value);
} known[] = {
    { "q", take_search },        { "target", take_target }, { "client", take_client },
    { "state", take_state },     { "sort", take_order },    { "from", take_from },
    { "outcome", take_outcome }, { "rule", take_rule },
};
enum { KNOWN_COUNT = sizeof(known) / sizeof(known[0]) };

/* Takes bytes up to `end` or to the reader's own end, and the `end` itself. */
static struct reader take_until(struct reader *reader, uint8_t end)
{
    size_t left = reader_left(reader);
    const uint8_t *found = left > 0 ? memchr(reader->at, end, left) : NULL;
    size_t size = found != NULL ? (size_t)(found - reader->at) : left;
    struct reader part = reader_over(reader->at, size);
    (void)reader_take(reader, size + (found != NULL));
    return part;
}

static const char *take_pair(struct arguments *arguments, struct reader pair, unsigned *given)
{
    char name[16];
    struct reader name_bytes = take_until(&pair, '=');
    if (!decode(name_bytes, name, sizeof(name)))
        return NULL; /* no name that is known */
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        if ((*given & 1U << i) != 0)
            return "an argument stands twice";
        *given |= 1U << i;
        return known[i].take(arguments, pair);
    }
    return NULL;
}

const char *arguments_read(const char *query, size_t size, struct arguments *ret_arguments)
{
    struct arguments arguments = { 0 };
    struct reader reader = reader_over(query, size);
    const char *wrong = size > ARGUMENTS_BYTES_MAX ? "the query is too long" : NULL;
    unsigned given = 0;
    while (wrong == NULL && reader_left(&reader) > 0)
        wrong = take_pair(&arguments, take_until(&reader, '&'), &given);
    if (wrong == NULL)
        *ret_arguments = arguments;
    return wrong;
}
