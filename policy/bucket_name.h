/* policy/bucket_name.h - what a provider lets a bucket be called, and whether such a name has a
 * host name. Private to policy/. */
#pragma once
#include "policy/provider.h"

struct text;

/* Zero admits nothing. */
enum bucket_fit {
    BUCKET_INVALID = 0, /* no bucket of the provider has this name */
    BUCKET_NO_HOST,     /* one may, but no host name leads to it */
    BUCKET_FITS,
};

/* `name` may hold any bytes. Adds a sentence to `reason` unless it fits; then it is one label, or
 * several with plain dots between them. */
enum bucket_fit bucket_name_check(const struct provider_row *provider,
                                  const struct url_segment *name, struct text *reason);

/* Patterns separated by `separator`; see struct provider_row. */
bool name_list_matches(const char *list, size_t list_size, char separator, const char *name,
                       size_t size);
