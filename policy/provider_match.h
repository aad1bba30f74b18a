/* policy/provider_match.h - which row of the catalogue a host belongs to. Private to policy/. */
#pragma once
#include "policy/host_template.h"
#include "policy/provider.h"

struct provider {
    struct provider_row row;       /* its strings lie in `strings` */
    char *strings;                 /* owned */
    struct host_template endpoint; /* of path_style; empty: none */
    struct host_template domain;   /* of virtual_host, without {bucket}; empty: none */
    bool converts;                 /* the path of path_style is a bucket */
    uint32_t next_place[2]; /* in the catalogue's chains: behind `endpoint`, behind `domain` */
};

struct provider_match {
    enum template_match match;
    const struct provider *provider; /* where it is no TEMPLATE_DIFFERS */
    uint8_t skips; /* 0: the host is the endpoint; else the labels of a bucket's name before the
                      domain */
    uint64_t rank;
    struct host_captures captures; /* borrows from the labels and the provider */
};

/* The most specific row; `catalogue` may be NULL. */
struct provider_match provider_catalogue_find(const struct provider_catalogue *catalogue,
                                              const struct host_labels *labels);
