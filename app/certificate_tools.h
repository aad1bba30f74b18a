/* app/certificate_tools.h - what all workers check certificates with. */
#pragma once
#include "base/fault.h"

struct certificate_board;
struct tls_client;
struct trust_store;

/* All zero, it may be released. */
struct certificate_tools {
    struct trust_store *trust_store;
    struct tls_client *tls_client;
    struct certificate_board *board;
};

/* `ca_file` NULL: the system's roots. False with a fault; release it all the same. */
bool certificate_tools_init(struct certificate_tools *tools, const char *ca_file,
                            struct fault *fault);
/* No worker may use it any more. */
void certificate_tools_release(struct certificate_tools *tools);
