/* policy/host_template.c - a host name with placeholders. */
#include "policy/host_template.h"
#include "base/text.h"
#include "policy/bucket_name.h"

#include <stdlib.h>
#include <string.h>

/* Finds "name=" in "region=a,b account=hex{32}". */
static void find_values(const char *placeholders, struct label_template *label)
{
    for (const char *at = placeholders; *at != '\0';) {
        size_t word = strcspn(at, " ");
        const char *equals = memchr(at, '=', word);
        if (equals != NULL && (size_t)(equals - at) == label->name_size &&
            memcmp(at, label->name, label->name_size) == 0) {
            label->values = equals + 1;
            label->values_size = word - label->name_size - 1;
            return;
        }
        at += word + (at[word] == ' ');
    }
}

static bool is_host_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] == '\0' || strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text[i]) == NULL)
            return false;
    return true;
}

static bool parse_label(const char *text, size_t size, const char *placeholders,
                        struct label_template *ret_label)
{
    struct label_template label = { .text = text, .size = (uint8_t)size };
    const char *open = memchr(text, '{', size);
    if (size == 0 || size > HOST_NAME_LABEL_MAX)
        return false;
    if (open == NULL) {
        *ret_label = label;
        return is_host_text(text, size);
    }
    const char *close = memchr(open, '}', size - (size_t)(open - text));
    if (close == NULL || close == open + 1)
        return false;
    label.has_placeholder = true;
    label.prefix = (uint8_t)(open - text);
    label.suffix = (uint8_t)(size - (size_t)(close + 1 - text));
    label.name = open + 1;
    label.name_size = (uint8_t)(close - open - 1);
    find_values(placeholders, &label);
    *ret_label = label;
    return is_host_text(text, label.prefix) && is_host_text(close + 1, label.suffix) &&
           is_host_text(label.name, label.name_size);
}

bool host_template_parse(const char *text, size_t size, const char *placeholders,
                         struct host_template *ret_template)
{
    struct host_template template = { 0 };
    unsigned placeholder_count = 0;
    for (const char *end = text + size;;) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        struct label_template *label = &template.label[template.count];
        if (template.count == TEMPLATE_LABELS_MAX ||
            !parse_label(text, (size_t)((dot != NULL ? dot : end) - text), placeholders, label))
            return false;
        template.count++;
        placeholder_count += label->has_placeholder;
        template.restricted += label->values != NULL;
        template.literal_bytes +=
            label->has_placeholder ? label->prefix + label->suffix : label->size;
        if (dot == NULL)
            break;
        text = dot + 1;
    }
    /* The domain stands as it is: a placeholder there would match everybody's. */
    bool is_owned = !template.label[template.count - 1].has_placeholder;
    if (placeholder_count > TEMPLATE_PLACEHOLDERS_MAX || !is_owned)
        return false;
    *ret_template = template;
    return true;
}

static bool has_placeholder(const struct host_template *template, const struct label_template *like)
{
    for (unsigned i = 0; i < template->count; i++)
        if (template->label[i].has_placeholder && template->label[i].name_size == like->name_size &&
            memcmp(template->label[i].name, like->name, like->name_size) == 0)
            return true;
    return false;
}

bool host_template_covers(const struct host_template *in, const struct host_template *of)
{
    for (unsigned i = 0; i < of->count; i++)
        if (of->label[i].has_placeholder && !has_placeholder(in, &of->label[i]))
            return false;
    return true;
}

void host_labels_find(const struct host_name *name, struct host_labels *ret_labels)
{
    const uint8_t *at = name->wire;
    ret_labels->count = name->label_count;
    for (unsigned i = 0; i < name->label_count; i++) {
        ret_labels->at[i] = at + 1;
        at += 1 + *at;
    }
}

/* "hex{32}" or "lower{3,24}": a kind of character and how many. False where `values` is no such. */
static bool read_class(const char *values, size_t size, const char **ret_characters,
                       unsigned long ret_range[2])
{
    static const struct {
        const char *word, *characters;
    } classes[] = { { "hex{", "0123456789abcdef" },
                    { "digits{", "0123456789" },
                    { "lower{", "abcdefghijklmnopqrstuvwxyz0123456789" } };
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        size_t word = strlen(classes[i].word);
        if (size <= word || memcmp(values, classes[i].word, word) != 0)
            continue;
        char *end;
        ret_range[0] = ret_range[1] = strtoul(values + word, &end, 10);
        if (*end == ',')
            ret_range[1] = strtoul(end + 1, NULL, 10);
        *ret_characters = classes[i].characters;
        return true;
    }
    return false;
}

static bool value_fits(const struct label_template *label, const char *value, size_t size)
{
    const char *characters;
    unsigned long range[2];
    if (label->values == NULL)
        return true;
    if (!read_class(label->values, label->values_size, &characters, range))
        return name_list_matches(label->values, label->values_size, ',', value, size);
    for (size_t i = 0; i < size; i++)
        if (strchr(characters, value[i]) == NULL)
            return false;
    return size >= range[0] && size <= range[1];
}

/* The value that stands for the same placeholder in a label before; NULL: none. */
static bool agrees(const struct host_captures *captures, const struct label_template *label,
                   const char *value, size_t size)
{
    for (unsigned i = 0; i < captures->count; i++)
        if (captures->list[i].name_size == label->name_size &&
            memcmp(captures->list[i].name, label->name, label->name_size) == 0)
            return captures->list[i].value_size == size &&
                   memcmp(captures->list[i].value, value, size) == 0;
    return true;
}

static enum template_match match_placeholder(const struct label_template *label,
                                             const uint8_t *wire, struct host_captures *captures)
{
    const char *text = (const char *)wire;
    size_t size = wire[-1];
    if (size <= (size_t)label->prefix + label->suffix ||
        memcmp(text, label->text, label->prefix) != 0 ||
        memcmp(text + size - label->suffix, label->text + label->size - label->suffix,
               label->suffix) != 0)
        return TEMPLATE_DIFFERS;
    text += label->prefix;
    size -= (size_t)label->prefix + label->suffix;
    if (!agrees(captures, label, text, size))
        return TEMPLATE_DIFFERS;
    captures->list[captures->count].name = label->name;
    captures->list[captures->count].name_size = label->name_size;
    captures->list[captures->count].value = text;
    captures->list[captures->count].value_size = (uint8_t)size;
    captures->count++;
    return value_fits(label, text, size) ? TEMPLATE_MATCHES : TEMPLATE_NEAR;
}

/* What stands there literally; from the last label on, where most hosts differ. */
static bool literals_match(const struct host_template *template, const struct host_labels *labels,
                           unsigned skips)
{
    for (unsigned left = template->count; left > 0; left--) {
        const struct label_template *label = &template->label[left - 1];
        const uint8_t *wire = labels->at[skips + left - 1];
        if (!label->has_placeholder &&
            (wire[-1] != label->size || memcmp(wire, label->text, label->size) != 0))
            return false;
    }
    return true;
}

enum template_match host_template_match(const struct host_template *template,
                                        const struct host_labels *labels, unsigned skips,
                                        struct host_captures *ret_captures)
{
    enum template_match all = TEMPLATE_MATCHES;
    ret_captures->count = 0;
    if (labels->count != template->count + skips || !literals_match(template, labels, skips))
        return TEMPLATE_DIFFERS;
    for (unsigned left = template->count; left > 0; left--) {
        const struct label_template *label = &template->label[left - 1];
        if (!label->has_placeholder)
            continue;
        enum template_match one =
            match_placeholder(label, labels->at[skips + left - 1], ret_captures);
        if (one == TEMPLATE_DIFFERS)
            return TEMPLATE_DIFFERS;
        all = one < all ? one : all;
    }
    return all;
}

void host_template_add_to(const struct host_template *template,
                          const struct host_captures *captures, struct text *text)
{
    for (unsigned i = 0; i < template->count; i++) {
        const struct label_template *label = &template->label[i];
        text_add(text, i > 0 ? "." : "");
        if (!label->has_placeholder) {
            text_add_bytes(text, label->text, label->size);
            continue;
        }
        text_add_bytes(text, label->text, label->prefix);
        for (unsigned c = 0; c < captures->count; c++)
            if (captures->list[c].name_size == label->name_size &&
                memcmp(captures->list[c].name, label->name, label->name_size) == 0) {
                text_add_bytes(text, captures->list[c].value, captures->list[c].value_size);
                break;
            }
        text_add_bytes(text, label->text + label->size - label->suffix, label->suffix);
    }
}
