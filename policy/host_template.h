/* policy/host_template.h - a host name with placeholders, s3.{region}.amazonaws.com, matched label
 * by label. Private to policy/. */
#pragma once
#include "policy/host_name.h"

enum { TEMPLATE_LABELS_MAX = 12, TEMPLATE_PLACEHOLDERS_MAX = 4 };

/* A label: literal, or PREFIX{name}SUFFIX. */
struct label_template {
    const char *text;
    uint8_t size, prefix, suffix;
    bool has_placeholder;
    const char *name; /* of the placeholder */
    uint8_t name_size;
    const char *values; /* what it may stand for; NULL: anything */
    size_t values_size;
};

struct host_template {
    struct label_template label[TEMPLATE_LABELS_MAX];
    uint8_t count;                      /* 0: there is none */
    uint32_t literal_bytes, restricted; /* the more of them, the more specific */
};

/* What the placeholders of a template stood for in one host; borrows from both. */
struct host_captures {
    struct {
        const char *name, *value;
        uint8_t name_size, value_size;
    } list[TEMPLATE_PLACEHOLDERS_MAX];
    uint8_t count;
};

/* Reads `size` bytes; borrows them, and `placeholders` ("region=a,b account=hex{32}"). False where
 * it is no host with placeholders. */
bool host_template_parse(const char *text, size_t size, const char *placeholders,
                         struct host_template *ret_template);

/* True where each placeholder of `of` is one of `in` too. */
bool host_template_covers(const struct host_template *in, const struct host_template *of);

enum template_match {
    TEMPLATE_DIFFERS = 0,
    TEMPLATE_NEAR, /* but for what a placeholder may stand for: the last of `*ret_captures` */
    TEMPLATE_MATCHES,
};

/* The labels of a host name, from the first. */
struct host_labels {
    const uint8_t *at[HOST_NAME_LABELS_MAX]; /* each preceded by its size */
    uint8_t count;
};
void host_labels_find(const struct host_name *name, struct host_labels *ret_labels);

/* Matches the labels of a host from label `skips` on. `*ret_captures` is set in any case. */
enum template_match host_template_match(const struct host_template *template,
                                        const struct host_labels *labels, unsigned skips,
                                        struct host_captures *ret_captures);

struct text;

/* Adds the host that the captures make of the template. */
void host_template_add_to(const struct host_template *template,
                          const struct host_captures *captures, struct text *text);
