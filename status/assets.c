/* status/assets.c - the page's stylesheet and script, built into the binary. */
#include "status/assets.h"

#include <string.h>

const struct asset *asset_find(const char *path)
{
    for (size_t i = 0; i < asset_count; i++)
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    return NULL;
}

const char *asset_path(const char *ending)
{
    const char *found = "";
    size_t size = strlen(ending);
    for (size_t i = 0; i < asset_count; i++)
        if (strcmp(assets[i].path + strlen(assets[i].path) - size, ending) == 0)
            found = assets[i].path;
    return found;
}
