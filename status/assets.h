/* status/assets.h - the page's stylesheet and script, built into the binary. Their paths hold a
 * hash of what is in them, so a browser may keep them for ever. */
#pragma once
#include <stddef.h>

struct asset {
    const char *path; /* "/assets/status-0123456789abcdef.css" */
    const char *type;
    const unsigned char *bytes;
    size_t size;
};

/* Made by cmake/write_assets.cmake: in the order of the names of status/assets/'s files. */
extern const struct asset assets[];
extern const size_t asset_count;

/* NULL where there is none. */
const struct asset *asset_find(const char *path);
/* The path of the one that ends so: ".css". There is one. */
const char *asset_path(const char *ending);
