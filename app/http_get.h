/* app/http_get.h - asks the status page of a running Pinhole; waits for the answer, some seconds at
 * most. */
#pragma once
#include "base/address.h"
#include "base/fault.h"

#include <stddef.h>

/* Whom to ask. */
struct http_server {
    struct endpoint endpoint;
    const char *token; /* NULL: none */
};

enum { HTTP_ANSWER_MAX = 8 << 20 };

/* The body of the answer to a GET of `path`, which the caller frees. NULL with a fault. */
char *http_get(const struct http_server *server, const char *path, size_t *ret_size,
               struct fault *fault);
